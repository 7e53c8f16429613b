"""What an application asks and gets: answers from memory, and each customer told of once an epoch and interval."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator

import pytest

from reconciler.client import CustomerEvent, Reason, RolloutClient
from reconciler.client.live import renew
from reconciler.errors import UsageError
from reconciler.evaluation.bucketing import bucket
from tests.builders.clients import a_client, asked, stored, until
from tests.builders.database import Database
from tests.builders.scene import Scene, a_scene

INSIDE = next(f"c{number}" for number in range(1_000) if bucket("checkout", f"c{number}") < 1)
OUTSIDE = next(f"c{number}" for number in range(1_000) if bucket("checkout", f"c{number}") > 50)


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    """`checkout` at 1 % with a customer on each list."""
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 1, "whitelist": ["ada"], "blacklist": ["bob"]}})
        scene.apply()
        yield scene


@pytest.mark.parametrize(
    ("customer", "is_on", "reason"),
    [
        pytest.param("ada", True, Reason.WHITELISTED, id="whitelisted"),
        pytest.param("bob", False, Reason.BLACKLISTED, id="blacklisted"),
        pytest.param(INSIDE, True, Reason.BUCKET_INSIDE, id="inside"),
        pytest.param(OUTSIDE, False, Reason.BUCKET_OUTSIDE, id="outside"),
    ],
)
def test_answers_by_the_rollout_and_says_why(
    scene: Scene, database: Database, customer: str, is_on: bool, reason: Reason
) -> None:
    with a_client(database) as rollouts:
        answers = rollouts.is_enabled("checkout", customer), rollouts.explain("checkout", customer)

    assert (answers[0], answers[1].is_enabled, answers[1].reason) == (is_on, is_on, reason)


@pytest.mark.parametrize("default", [True, False])
def test_an_unknown_feature_gets_the_default(scene: Scene, database: Database, default: bool) -> None:
    with a_client(database) as rollouts:
        assert rollouts.is_enabled("search", "ada", default) is default
        assert rollouts.explain("search", "ada", default).reason is Reason.UNKNOWN_FEATURE


@pytest.mark.parametrize("customer", [None, 7, b"ada", ["ada"], "\ud800"], ids=repr)
def test_what_is_no_customer_gets_the_default_and_is_counted(
    scene: Scene, database: Database, customer: object
) -> None:
    with a_client(database) as rollouts:
        answer = rollouts.is_enabled("checkout", customer, True)  # type: ignore[arg-type]
        counts = rollouts.health().counts

    assert (answer, counts.rejected) == (True, 1)


@pytest.mark.parametrize("customer", ["x" * 257, "a\0b", "é" * 129], ids=["long", "NUL", "long in bytes"])
def test_a_customer_that_can_not_be_stored_is_answered_and_counted_once(
    scene: Scene, database: Database, customer: str
) -> None:
    with a_client(database) as rollouts:
        answers = {rollouts.is_enabled("checkout", customer) for _ in range(3)}

        assert answers == {bucket("checkout", customer) < 1}
        assert rollouts.health().counts.rejected == 1
        assert stored(database, rollouts) == []


def test_strange_ids_get_the_default_whatever_they_do(scene: Scene, database: Database) -> None:
    class Strange(str):
        __slots__ = ()

        def __hash__(self) -> int:
            raise ValueError

    with a_client(database) as rollouts:
        assert rollouts.is_enabled("checkout", Strange("ada"), True)
        assert rollouts.health().counts.rejected == 1


def test_ids_of_any_length_are_not_kept(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        tracemalloc.start()
        for number in range(20):
            rollouts.is_enabled("checkout", str(number) * 100_000)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert held < 500_000


def test_tells_of_each_customer_once(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        for _ in range(3):
            rollouts.is_enabled("checkout", "ada")
            rollouts.is_enabled("checkout", "bob")

        assert stored(database, rollouts) == [
            ("checkout", "ada", "enabled", True),
            ("checkout", "bob", "disabled", False),
        ]


def test_tells_of_nobody_when_it_is_told_not_to(scene: Scene, database: Database) -> None:
    with a_client(database, record_exposures=False) as rollouts:
        rollouts.is_enabled("checkout", "ada")

        assert stored(database, rollouts) == []


def test_explaining_tells_nobody_and_evaluating_does(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        rollouts.explain("checkout", "bob")
        answer = rollouts.evaluate("checkout", "ada")

        assert answer.reason is Reason.WHITELISTED
        assert stored(database, rollouts) == [("checkout", "ada", "enabled", True)]


def test_a_new_epoch_tells_of_everybody_again(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        rollouts.is_enabled("checkout", "ada")
        assert rollouts.flush()
        scene.commit({"checkout": {"tier": 2, "whitelist": ["ada"]}})
        scene.pass_time(hours=48)
        scene.apply()
        until(lambda: rollouts.explain("checkout", "x").rollout.tier == 2)  # type: ignore[union-attr]
        rollouts.is_enabled("checkout", "ada")
        assert rollouts.flush()

    assert asked(database, "customer_id, attempt, epoch") == [("ada", 1, 1), ("ada", 1, 2)]


def test_a_change_of_lists_tells_only_of_whom_it_moves(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        rollouts.is_enabled("checkout", "ada")
        rollouts.is_enabled("checkout", "bob")
        scene.commit({"checkout": {"tier": 1, "whitelist": ["ada", "bob"]}})
        scene.apply()
        until(lambda: rollouts.explain("checkout", "bob").is_enabled)
        rollouts.is_enabled("checkout", "ada")
        rollouts.is_enabled("checkout", "bob")

        assert stored(database, rollouts) == [
            ("checkout", "ada", "enabled", True),
            ("checkout", "bob", "disabled", False),
            ("checkout", "bob", "enabled", True),
        ]


def test_tells_of_a_customer_again_after_the_interval(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        rollouts.is_enabled("checkout", "ada")
        live = rollouts._engine.lives["checkout"]
        renew([live], live.renewed_at + live.interval - 1)
        rollouts.is_enabled("checkout", "ada")
        before = stored(database, rollouts)
        renew([live], live.renewed_at + live.interval + 0.001)
        rollouts.is_enabled("checkout", "ada")

        assert (len(before), len(stored(database, rollouts))) == (1, 2)


def test_the_interval_is_shorter_than_the_window(scene: Scene, database: Database) -> None:
    scene.commit({"checkout": {"tier": 1, "thresholds": {"window": "1m"}}})
    scene.apply()
    with a_client(database) as rollouts:
        assert rollouts._engine.lives["checkout"].interval == 15


def test_an_error_says_whether_the_feature_was_on(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        rollouts.record_error("checkout", "ada", {"status": 500, "path": "/pay"})
        rollouts.record_error("checkout", OUTSIDE)

        assert stored(database, rollouts) == [
            ("checkout", "ada", "error", True),
            ("checkout", OUTSIDE, "error", False),
        ]
        assert ("ada", {"path": "/pay", "status": 500}) in asked(database, "customer_id, metadata")


def test_an_error_reported_again_is_stored_once(scene: Scene, database: Database) -> None:
    from uuid import UUID

    with a_client(database) as rollouts:
        for _ in range(2):
            rollouts.record_error("checkout", "ada", event_id=UUID(int=7))
            assert rollouts.flush()
        rollouts.record(CustomerEvent(feature="checkout", customer="ada", event="error", id=UUID(int=7)))

        assert stored(database, rollouts) == [("checkout", "ada", "error", True)]


@pytest.mark.parametrize(
    ("feature", "customer", "fault"),
    [
        pytest.param("search", "ada", "feature 'search' is unknown in", id="unknown feature"),
        pytest.param("checkout", "", "the customer id is empty; pass the id of whom it is about", id="empty"),
        pytest.param("checkout", "x" * 257, "the customer id has 257 bytes, the limit is 256", id="long"),
        pytest.param("checkout", "a\0", "customer id 'a\\x00' holds a NUL", id="NUL"),
        pytest.param("checkout", "\udc80", "customer id '\\udc80' holds a lone surrogate", id="surrogate"),
        pytest.param("checkout", 7, "a customer id is text, not int; pass str(...)", id="number"),
    ],
)
def test_a_wrong_error_is_refused_where_it_enters(
    scene: Scene, database: Database, feature: str, customer: str, fault: str
) -> None:
    with a_client(database) as rollouts:
        with pytest.raises(UsageError) as refusal:
            rollouts.record_error(feature, customer)

        assert str(refusal.value).startswith(fault)
        assert rollouts.health().waiting == 0


def test_works_in_a_coroutine(scene: Scene, database: Database) -> None:
    async def serve(rollouts: RolloutClient) -> tuple[bool, int]:
        answer = rollouts.is_enabled("checkout", "ada")
        await asyncio.to_thread(rollouts.flush)
        statistics = await asyncio.to_thread(rollouts.stats, "checkout")
        return answer, statistics.enabled_customers

    with a_client(database) as rollouts:
        assert asyncio.run(serve(rollouts)) == (True, 1)


def test_statistics_count_customers_with_and_without(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        for customer in ("ada", "bob", INSIDE, OUTSIDE):
            rollouts.is_enabled("checkout", customer)
        rollouts.record_error("checkout", "ada")
        rollouts.record_error("checkout", "bob")
        assert rollouts.flush()
        found = rollouts.stats("checkout")

    assert (found.total_customers, found.enabled_customers, found.error_count) == (4, 2, 1)
    assert (found.error_rate, found.success_rate) == (0.5, 0.5)
    assert (found.window.unexposed.customers, found.window.unexposed.failing) == (2, 1)
    assert (found.verdict, found.errors_needed) == ("unhealthy", 1)


def test_statistics_of_an_unknown_feature_are_refused(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts, pytest.raises(UsageError, match="feature 'search' is unknown in"):
        rollouts.stats("search")


def test_a_closed_client_answers_and_stores_what_it_had(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        rollouts.is_enabled("checkout", "ada")
    rollouts.close()

    assert rollouts.is_enabled("checkout", "ada") is True
    assert stored(database) == [("checkout", "ada", "enabled", True)]
