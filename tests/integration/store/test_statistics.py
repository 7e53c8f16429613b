"""What is counted of a rollout: distinct customers, of its window and attempt, and since its epoch began."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from reconciler.domain.analysis import NOTHING_SEEN, Tallies, Tally
from reconciler.domain.events import Event, EventKind
from reconciler.store.statistics import read_seen_customers, read_tallies, summarise
from tests.builders.chain import append
from tests.builders.database import Database
from tests.builders.scene import Scene
from tests.builders.tallies import Counted, a_counted_scene, a_tally, an_event

DISABLED, ERROR, ROLLBACK = EventKind.DISABLED, EventKind.ERROR, EventKind.ROLLBACK
MICROSECOND = timedelta(microseconds=1)
WINDOW = timedelta(hours=1)
LIVE = {"tier": 1, "thresholds": {"window": "1h"}}

# What is reported, and what is counted of it.
REPORTS: dict[str, tuple[list[Event], Tally]] = {
    "a customer with the feature": ([an_event()], a_tally(customers=1, exposed=(1, 0))),
    "a customer without it": ([an_event(kind=DISABLED)], a_tally(customers=1, unexposed=(1, 0))),
    "an error of a customer that nobody saw before": (
        [an_event(kind=ERROR)],
        a_tally(customers=1, exposed=(1, 1)),
    ),
    "an error while the feature is off": (
        [an_event(kind=ERROR, is_enabled=False)],
        a_tally(customers=1, unexposed=(1, 1)),
    ),
    "an error while it is off, of one who had it": (
        [an_event(), an_event(kind=ERROR, is_enabled=False)],
        a_tally(customers=1, exposed=(1, 0), unexposed=(1, 1)),
    ),
    "a retry loop": (
        [an_event(), *(an_event(kind=ERROR) for _ in range(50))],
        a_tally(customers=1, exposed=(1, 1)),
    ),
    "one who had it and lost it": (
        [an_event(), an_event(kind=DISABLED)],
        a_tally(customers=1, exposed=(1, 0), unexposed=(1, 0)),
    ),
    "a crowd": (
        [
            *(an_event(f"on-{number}") for number in range(10)),
            *(an_event(f"on-{number}", ERROR) for number in range(8, 12)),
            *(an_event(f"off-{number}", DISABLED) for number in range(5)),
            *(an_event(f"off-{number}", ERROR, is_enabled=False) for number in range(4, 6)),
        ],
        a_tally(customers=18, exposed=(12, 4), unexposed=(6, 2)),
    ),
    "a rollback, which is no customer's": (
        [an_event(), an_event("", ROLLBACK)],
        a_tally(customers=1, exposed=(1, 0)),
    ),
    "customers that look alike": (
        [an_event(customer) for customer in ("ada", "Ada", "ada ", "äda", "a\u0308da")],
        a_tally(customers=5, exposed=(5, 0)),
    ),
}


@pytest.fixture
def counted(database: Database) -> Iterator[Counted]:
    """`checkout` and `search` at tier 1, with a window of an hour."""
    with a_counted_scene(database) as counted:
        counted.scene.commit({"checkout": LIVE, "search": LIVE})
        counted.scene.apply()
        yield counted


def restart(scene: Scene, feature: str = "checkout") -> None:
    """Roll back and climb again: attempt 2, epoch 3."""
    scene.roll_back(feature)
    scene.commit({feature: {**LIVE, "attempt": 2, "rolled_back": 1}})
    scene.apply()


@pytest.mark.parametrize("is_summarised", [False, True], ids=["from the events", "from the summary"])
@pytest.mark.parametrize(("events", "tally"), REPORTS.values(), ids=REPORTS)
def test_counts_distinct_customers(
    counted: Counted, events: list[Event], tally: Tally, is_summarised: bool
) -> None:
    counted.report(*events)
    if is_summarised:
        counted.scene.pass_time(minutes=2)
        assert summarise(counted.reconciler)

    assert counted.tallies() == {"checkout": Tallies(window=tally, epoch=tally)}


def test_the_start_of_the_window_is_in_it(counted: Counted) -> None:
    counted.report(an_event())
    counted.scene.at(counted.scene.now + WINDOW)
    at_its_start = counted.tallies()["checkout"].window
    counted.scene.at(counted.scene.now + MICROSECOND)
    tallies = counted.tallies()["checkout"]

    assert at_its_start == a_tally(customers=1, exposed=(1, 0))
    assert tallies == Tallies(window=NOTHING_SEEN, epoch=a_tally(customers=1, exposed=(1, 0)))


def test_each_feature_has_a_window_of_its_own(counted: Counted) -> None:
    counted.scene.commit({"search": {"tier": 1, "thresholds": {"window": "2h"}}})
    counted.scene.apply()
    counted.report(an_event(), an_event(feature="search"))
    counted.scene.pass_time(minutes=90)

    tallies = counted.tallies()

    assert (tallies["checkout"].window, tallies["search"].window) == (
        NOTHING_SEEN,
        a_tally(customers=1, exposed=(1, 0)),
    )


def test_a_customer_of_two_features_is_counted_for_each(counted: Counted) -> None:
    counted.report(an_event(), an_event(feature="search", kind=ERROR))

    assert {feature: tallies.window for feature, tallies in counted.tallies().items()} == {
        "checkout": a_tally(customers=1, exposed=(1, 0)),
        "search": a_tally(customers=1, exposed=(1, 1)),
    }


def test_the_window_is_of_this_attempt_alone(counted: Counted) -> None:
    """Those who don't know yet go on reporting the attempt that was rolled back."""
    counted.report(an_event("early", ERROR))
    restart(counted.scene)
    counted.report(an_event("late", ERROR), an_event("new", attempt=2, epoch=3))

    assert counted.tallies() == {
        "checkout": Tallies(window=a_tally(customers=1, exposed=(1, 0)), epoch=a_tally(customers=1, exposed=(1, 0)))
    }


def test_the_window_spans_the_epochs_of_an_attempt(counted: Counted) -> None:
    counted.report(an_event("bob", ERROR))
    counted.scene.commit({"checkout": {**LIVE, "tier": 0}})
    counted.scene.apply()
    counted.report(an_event("ada", epoch=2))

    assert counted.tallies()["checkout"] == Tallies(
        window=a_tally(customers=2, exposed=(2, 1)), epoch=a_tally(customers=1, exposed=(1, 0))
    )


def test_a_feature_that_nobody_reported_is_left_out(counted: Counted) -> None:
    counted.report(an_event("", ROLLBACK), an_event(feature="search"))

    assert counted.tallies().keys() == {"search"}


def test_without_rollouts_there_is_nothing_to_count(database: Database) -> None:
    with a_counted_scene(database) as counted:
        before = counted.tallies()
        counted.report(an_event())

        assert (before, counted.tallies(), summarise(counted.reconciler)) == ({}, {}, True)


@pytest.mark.parametrize(
    ("features", "found"),
    [
        pytest.param(None, {"checkout", "search"}, id="all"),
        pytest.param(["search"], {"search"}, id="one"),
        pytest.param(["search", "search"], {"search"}, id="one, named twice"),
        pytest.param(["search", "nobody", "' or true"], {"search"}, id="one that is there"),
        pytest.param(["Search"], set(), id="one in other letters"),
        pytest.param([], set(), id="none"),
    ],
)
@pytest.mark.parametrize("is_summarised", [False, True], ids=["from the events", "from the summary"])
def test_counts_what_is_named(
    counted: Counted, features: list[str] | None, found: set[str], is_summarised: bool
) -> None:
    counted.report(an_event(), an_event(feature="search"), an_event(feature="nobody"))
    if is_summarised:
        counted.scene.pass_time(minutes=2)
        assert summarise(counted.reconciler)
    tallies = counted.tallies(features)

    assert tallies.keys() == found
    assert all(one == Tallies(window=one.epoch, epoch=one.epoch) for one in tallies.values())


@pytest.mark.parametrize(
    "setting",
    [
        "set timezone = 'Pacific/Kiritimati'",
        "set datestyle = 'German'",
        "set intervalstyle = 'sql_standard'",
        "set standard_conforming_strings = off",
        "set transform_null_equals = on",
        "set enable_partition_pruning = off",
        "set plan_cache_mode = force_generic_plan",
        "set default_transaction_read_only = on",
        "set default_transaction_isolation = serializable",
        "create temp table rollout_events as select 'checkout' as feature_name",
        "create temp table feature_rollouts as select * from rollouts.feature_rollouts",
        "create temp table tally_progress as select timestamptz 'infinity' as until",
        "create function pg_temp.clock() returns timestamptz language sql as 'select timestamptz ''2020-01-01'''",
        "create function pg_temp.unnest(text[]) returns setof text language sql as 'select ''x'''",
    ],
)
def test_no_setting_of_the_caller_changes_a_count(counted: Counted, setting: str) -> None:
    counted.report(an_event(), an_event(kind=ERROR), an_event("bob", DISABLED))
    counted.scene.pass_time(minutes=2)
    summarise(counted.reconciler)
    counted.report(an_event("eve"))
    expected = counted.tallies()
    counted.application.execute("set search_path = pg_temp, rollouts")
    counted.application.execute(setting.encode())

    assert read_tallies(counted.application, None) == expected
    assert expected["checkout"].epoch == a_tally(customers=3, exposed=(2, 1), unexposed=(1, 0))


def test_the_seen_customers_of_a_feature_are_those_of_every_epoch(counted: Counted) -> None:
    counted.report(an_event("early"), an_event("other", feature="search"), an_event("", ROLLBACK))
    counted.scene.pass_time(minutes=2)
    summarise(counted.reconciler)
    restart(counted.scene)
    counted.report(an_event("late", DISABLED, attempt=2, epoch=3), an_event("early", ERROR))

    assert read_seen_customers(counted.reconciler, "checkout", 10) == {"early", "late"}
    assert len(read_seen_customers(counted.reconciler, "checkout", 1)) == 1
    assert read_seen_customers(counted.reconciler, "nobody", 10) == set()


def test_a_committed_transition_is_announced_by_its_feature(counted: Counted, database: Database) -> None:
    with psycopg.connect(database.dsn_for("rollouts_application"), autocommit=True) as listener:
        listener.execute("listen rollouts")
        counted.scene.commit({"checkout": {**LIVE, "owner": "shop"}})
        counted.scene.apply()
        counted.scene.roll_back("search")

        announced = [notice.payload for notice in listener.notifies(timeout=10, stop_after=2)]
    assert announced == ["checkout", "search"]


def test_a_transition_that_was_taken_back_is_not_announced(counted: Counted, database: Database) -> None:
    with psycopg.connect(database.dsn_for("rollouts_application"), autocommit=True) as listener:
        listener.execute("listen rollouts")
        with counted.scene.admin.transaction(force_rollback=True):
            append(counted.scene.admin, paused=True)
        counted.scene.roll_back("search")

        announced = [notice.payload for notice in listener.notifies(timeout=10, stop_after=1)]
    assert announced == ["search"]
