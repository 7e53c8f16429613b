"""What a client does when the way to the database breaks without a word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.client import RolloutClient
from tests.builders.clients import stored, until
from tests.builders.database import Database
from tests.builders.proxy import Proxy, a_proxy
from tests.builders.scene import Scene, a_scene


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 1, "whitelist": ["ada"]}})
        scene.apply()
        yield scene


@pytest.fixture
def proxy(scene: Scene, database: Database) -> Iterator[Proxy]:
    with a_proxy(database) as proxy:
        yield proxy


def test_a_way_that_hangs_is_given_up_for_a_new_one(scene: Scene, proxy: Proxy) -> None:
    with RolloutClient(proxy.dsn, poll=0.2, handle_sigterm=False) as rollouts:
        assert rollouts.is_enabled("checkout", "ada")
        rollouts._engine.watcher.silence = 0.5
        proxy.hang()
        scene.roll_back("checkout")

        until(lambda: not rollouts.is_enabled("checkout", "ada"))


def test_events_on_a_way_that_hangs_are_sent_again_on_a_new_one(
    scene: Scene, proxy: Proxy, database: Database
) -> None:
    with RolloutClient(proxy.dsn, handle_sigterm=False) as rollouts:
        rollouts.record_error("checkout", "ada")
        assert rollouts.flush()
        rollouts._engine._writer.silence = 0.5
        proxy.hang()
        rollouts.record_error("checkout", "bob")

        assert stored(database, rollouts) == [
            ("checkout", "ada", "error", True),
            ("checkout", "bob", "error", False),
        ]


def test_a_commit_whose_answer_is_lost_is_not_stored_twice(scene: Scene, proxy: Proxy, database: Database) -> None:
    with RolloutClient(proxy.dsn, handle_sigterm=False) as rollouts:
        proxy.cuts_after_commit = 2
        for number in range(200):
            rollouts.record_error("checkout", f"c{number}")

        assert len(stored(database, rollouts)) == 200
        assert (proxy.cuts_after_commit, rollouts.health().counts.stored) == (0, 200)
