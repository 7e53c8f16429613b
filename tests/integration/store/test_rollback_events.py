"""A rollback is among the events once, whoever puts it there and however often."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

from reconciler.domain.events import Batch
from reconciler.errors import DatabaseDeniedError
from reconciler.reconcile.override import Grounds, roll_back
from reconciler.store.connection import connect
from reconciler.store.events import store_batch
from reconciler.store.postgres import PostgresStore
from reconciler.store.statements import statement
from reconciler.store.write_backs import _event_of
from tests.builders.clients import asked
from tests.builders.database import Database
from tests.builders.scene import Scene, a_scene

FEATURES = ("basket", "checkout", "search")


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    """Three features at tier 3, one rolled back a second after the other."""
    with a_scene(database) as scene:
        scene.commit({feature: {"tier": 3} for feature in FEATURES})
        scene.apply(adopt=True)
        for feature in FEATURES:
            scene.pass_time(seconds=1)
            scene.roll_back(feature)
        yield scene


def recorded(database: Database) -> list[tuple[Any, ...]]:
    return asked(database, "feature_name, event", "1")


def unrecorded(scene: Scene) -> int:
    query = "select count(*) from rollouts.rollout_write_backs where not is_recorded"
    [(count,)] = scene.admin.execute(query).fetchall()
    return int(count)


def test_an_event_says_what_was_rolled_back_and_why(scene: Scene, database: Database) -> None:
    scene.pass_time(hours=1)
    counts = [scene.store.record_rollbacks(), scene.store.record_rollbacks()]

    columns = 'feature_name, customer_id, event, attempt, epoch, is_enabled, metadata, received_at, "timestamp", id'
    said = ("", "rollback", 1, 1, False, {"reason": "12 of 100 failed"}, scene.now)
    told = sorted((each.feature, *said, each.at, each.id) for each in scene.store.write_backs(all_of_them=True))
    assert (counts, asked(database, columns, "1")) == ([3, 0], told)


@pytest.mark.parametrize("letter", ["\x01", "é", "\u2028", "\U0001f525", '"'], ids=ascii)
def test_no_reason_is_too_long_for_an_event(scene: Scene, database: Database, letter: str) -> None:
    """One that the database refused would keep all that come after it from being recorded."""
    scene.commit({"zebra": {"tier": 0, "whitelist": ["ada"]}})
    scene.apply()
    longest = letter * (2048 // len(letter.encode()))
    roll_back(scene.store, "zebra", Grounds(reason=longest, actor="ada"), uuid4)

    assert scene.store.record_rollbacks() == 4
    [(metadata,)] = [row[1:] for row in asked(database, "feature_name, metadata", "1") if row[0] == "zebra"]
    assert metadata == {"reason": longest[:500]}


def test_eight_who_record_at_once_leave_one_event_each(scene: Scene, database: Database) -> None:
    barrier = Barrier(8)

    def record(_number: int) -> None:
        store = PostgresStore.at(database.dsn_for("rollouts_reconciler"))
        store.scope()
        barrier.wait(30)
        store.record_rollbacks()
        store.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record, range(8)))

    assert recorded(database) == [(feature, "rollback") for feature in FEATURES]
    assert unrecorded(scene) == 0


def test_who_is_killed_after_the_event_and_before_the_mark_repeats_nothing(
    scene: Scene, database: Database
) -> None:
    with connect(database.dsn_for("rollouts_reconciler")) as killed:
        row = killed.execute(statement("unrecorded_rollbacks")).fetchall()[0]
        store_batch(killed, Batch(id=row["rollback_id"], events=(_event_of(row),)))
    before = unrecorded(scene)
    scene.store.record_rollbacks()

    assert (before, unrecorded(scene)) == (3, 0)
    assert recorded(database) == [(feature, "rollback") for feature in FEATURES]


def test_what_can_not_be_recorded_waits_for_the_next_time(scene: Scene, database: Database) -> None:
    scene.admin.execute(
        "revoke insert (feature_name) on rollouts.rollout_events from rollouts_reconciler, rollouts_application"
    )
    with pytest.raises(DatabaseDeniedError):
        scene.store.record_rollbacks()
    before = unrecorded(scene)
    scene.admin.execute("grant insert (feature_name) on rollouts.rollout_events to rollouts_reconciler")

    assert (before, scene.store.record_rollbacks(), len(recorded(database))) == (3, 3, 3)


def test_the_events_of_a_rollback_count_for_nobody(scene: Scene) -> None:
    scene.store.record_rollbacks()

    assert scene.store.tallies(None) == {}
