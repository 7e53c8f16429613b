"""The summary of customers changes no count, however far it is, whoever is at it and whatever the clock does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random

import psycopg
import pytest

from reconciler.domain.analysis import Tallies, Tally
from reconciler.domain.events import Event, EventKind, ReceivedEvent
from reconciler.store.connection import connect
from reconciler.store.statements import statement
from reconciler.store.statistics import read_seen_customers, summarise
from tests.builders.database import Database
from tests.builders.tallies import Counted, a_counted_scene, a_tally, an_event, counted_by_hand, received

DISABLED, ERROR = EventKind.DISABLED, EventKind.ERROR
MICROSECOND = timedelta(microseconds=1)
WINDOW = timedelta(hours=1)
LIVE = {"tier": 1, "thresholds": {"window": "1h"}}
FEATURES = ("checkout", "search", "nobody")
NOW_SO = {"checkout": (2, 3), "search": (1, 1)}  # attempt and epoch
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 30))]
MARK = "select until from rollouts.tally_progress"


@pytest.fixture
def counted(database: Database) -> Iterator[Counted]:
    """`checkout` in its second attempt and third epoch, `search` in its first."""
    with a_counted_scene(database) as counted:
        counted.scene.commit({"checkout": LIVE, "search": LIVE})
        counted.scene.apply()
        counted.scene.roll_back("checkout")
        counted.scene.commit({"checkout": {**LIVE, "attempt": 2, "rolled_back": 1}})
        counted.scene.apply()
        counted.report(an_event(feature="nobody"))
        yield counted


def once(counted: Counted, _database: Database) -> None:
    summarise(counted.reconciler)


def twice(counted: Counted, database: Database) -> None:
    once(counted, database)
    once(counted, database)


def by_half(counted: Counted, _database: Database) -> None:
    counted.reconciler.execute(statement("summarise_events"), {"overlap": timedelta()})


def two_at_once(_counted: Counted, database: Database) -> None:
    def run(_number: int) -> bool:
        with connect(database.dsn_for("rollouts_reconciler")) as reconciler:
            return summarise(reconciler)

    with ThreadPoolExecutor(2) as pool:
        assert any(pool.map(run, range(2)))


PROGRESS: Mapping[str, Callable[[Counted, Database], None]] = {
    "never": lambda _counted, _database: None,
    "by half": by_half,
    "wholly": once,
    "twice": twice,
    "by two at once": two_at_once,
}


def some_events(random: Random, now: datetime, count: int) -> list[ReceivedEvent]:
    """Return events that were received in the minute before `now`, on its borders too."""
    return [
        received(some_event(random), now - random.choice([0, 1, 60, random.uniform(0, 60)]) * timedelta(seconds=1))
        for _ in range(count)
    ]


def some_event(random: Random) -> Event:
    kind = random.choice(list(EventKind))
    return an_event(
        "" if kind is EventKind.ROLLBACK else f"customer-{random.randrange(30)}",
        kind,
        feature=random.choice(FEATURES),
        attempt=random.choice([1, 1, 2]),
        epoch=random.choice([1, 1, 2, 3, 3, 4]),
        is_enabled=random.random() < 0.5 if kind is ERROR else None,
    )


def by_hand(events: list[ReceivedEvent], now: datetime) -> dict[str, Tallies]:
    """Count everything again, in plain Python."""
    found = {}
    for feature, (attempt, epoch) in NOW_SO.items():
        mine = [one for one in events if one.event.feature == feature]
        window = [one.event for one in mine if one.event.attempt == attempt and one.received_at >= now - WINDOW]
        since = [one.event for one in mine if one.event.epoch == epoch]
        tallies = Tallies(window=counted_by_hand(window), epoch=counted_by_hand(since))
        if tallies != Tallies():
            found[feature] = tallies
    return found


@pytest.mark.parametrize("progress", PROGRESS)
@pytest.mark.parametrize("seed", SEEDS)
def test_counts_what_a_loop_over_the_events_counts(
    counted: Counted, database: Database, seed: int, progress: str
) -> None:
    random = Random(f"{progress} {seed}")
    events: list[ReceivedEvent] = []
    for _ in range(8):
        counted.scene.pass_time(seconds=random.choice([0, 1, 61, 3_600, random.uniform(0, 40_000)]))
        counted.report(an_event(feature="nobody"))  # makes the day
        fresh = some_events(random, counted.scene.now, random.randrange(1, 25))
        counted.receive(*fresh)
        events += fresh
        PROGRESS[progress](counted, database)

        assert counted.tallies() == by_hand(events, counted.scene.now)


@pytest.mark.parametrize("seed", SEEDS)
def test_counts_the_same_however_far_the_summary_is(counted: Counted, database: Database, seed: int) -> None:
    """Three days of events, and a summary that begins at the first of them, in steps of an hour."""
    random = Random(seed)
    events = []
    for _ in range(60):
        counted.scene.pass_time(minutes=random.uniform(0, 144))
        counted.report(an_event(feature="nobody"))
        events += some_events(random, counted.scene.now, 3)
    counted.receive(*events)
    expected = by_hand(events, counted.scene.now)

    for progress in [*["by half"] * random.randrange(60), "by two at once", "twice"]:
        assert counted.tallies() == expected, progress
        PROGRESS[progress](counted, database)
    assert counted.tallies() == expected


def test_a_step_of_the_summary_is_an_hour_at_most(counted: Counted, database: Database) -> None:
    """The first begins with the first day there is, each other a minute before the mark."""
    begins = counted.scene.now.replace(hour=0)
    counted.scene.pass_time(days=2)
    marks = []
    for _ in range(3):
        by_half(counted, database)
        marks += counted.scene.admin.execute(MARK).fetchall()

    assert marks == [(begins + timedelta(minutes=passed),) for passed in (60, 119, 178)]


def test_a_row_that_commits_after_its_time_is_counted(counted: Counted) -> None:
    """The summary passed by while it was being written."""
    with counted.application.transaction():
        counted.application.execute("select rollouts.extend_events()")
        counted.application.execute(
            """insert into rollouts.rollout_events
                (feature_name, customer_id, id, event, attempt, epoch, is_enabled, "timestamp")
               values ('search', 'ada', gen_random_uuid(), 'error', 1, 1, true, now())"""
        )
        counted.scene.pass_time(seconds=59)
        assert summarise(counted.reconciler)
        before = counted.tallies()
    after = counted.tallies()
    counted.scene.pass_time(hours=2)
    summarise(counted.reconciler)
    counted.scene.pass_time(hours=2)

    failing = a_tally(customers=1, exposed=(1, 1))
    assert (before, after["search"].epoch, counted.tallies()["search"].epoch) == ({}, failing, failing)


def test_a_row_that_commits_long_after_its_time_is_found_by_the_next_summary(counted: Counted) -> None:
    """Such as one whose commit waited for another server."""
    with counted.application.transaction():
        counted.application.execute("select rollouts.extend_events()")
        counted.application.execute("select rollouts.record_event('search', 'ada', 'error')")
        counted.scene.pass_time(minutes=20)
        assert summarise(counted.reconciler)
    counted.scene.pass_time(minutes=30)
    assert summarise(counted.reconciler)

    assert counted.tallies()["search"].epoch.customers == 1


@pytest.mark.parametrize("is_summarised", [False, True], ids=["before the next summary", "after it"])
@pytest.mark.parametrize("back", [{"minutes": 3}, {"hours": 2}, {"hours": 20}], ids=str)
def test_events_of_a_clock_that_was_set_back_are_counted(
    counted: Counted, back: dict[str, float], is_summarised: bool
) -> None:
    counted.scene.pass_time(hours=13)
    counted.report(an_event("ada", feature="search"))
    counted.scene.pass_time(minutes=2)
    summarise(counted.reconciler)
    counted.scene.pass_time(**{unit: -amount for unit, amount in back.items()})
    counted.report(an_event("bob", ERROR, feature="search"))
    if is_summarised:
        assert summarise(counted.reconciler)
    two = a_tally(customers=2, exposed=(2, 1))
    assert counted.tallies()["search"].epoch == two

    assert summarise(counted.reconciler)
    counted.scene.pass_time(days=1)
    assert summarise(counted.reconciler)
    assert counted.tallies()["search"].epoch == two


def test_a_clock_that_ran_ahead_loses_nothing(counted: Counted) -> None:
    counted.scene.pass_time(days=2)
    summarise(counted.reconciler)
    counted.scene.pass_time(days=-2)
    counted.report(an_event("ada", feature="search"))
    before = counted.tallies()["search"].epoch
    summarise(counted.reconciler)
    counted.scene.pass_time(days=3)
    summarise(counted.reconciler)

    one = a_tally(customers=1, exposed=(1, 0))
    assert (before, counted.tallies()["search"].epoch) == (one, one)


def test_one_summarises_at_a_time(counted: Counted, database: Database) -> None:
    """The other one is told so at once, and who reads meanwhile is not misled."""
    counted.report(an_event(feature="search"))
    expected = counted.tallies()
    with connect(database.dsn_for("rollouts_reconciler")) as other:
        with counted.reconciler.transaction(force_rollback=True):
            summarise(counted.reconciler)
            told = summarise(other)
            assert counted.tallies() == expected
            meanwhile = counted_of(other)

        assert (told, meanwhile, summarise(other)) == (False, expected["search"].epoch, True)
    assert counted.tallies() == expected


def counted_of(connection: psycopg.Connection[dict[str, int]]) -> Tally:
    [row] = connection.execute("select * from rollouts.epoch_tally('{search}')").fetchall()
    return a_tally(
        customers=row["customers"],
        exposed=(row["exposed"], row["failing"]),
        unexposed=(row["unexposed"], row["failing_unexposed"]),
    )


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_the_mark_goes_no_further_than_its_transaction_sees(database: Database, isolation: str) -> None:
    """Whoever opened a transaction an hour ago would skip an hour of errors."""
    with psycopg.connect(database.dsn_for("rollouts_reconciler")) as reconciler:
        reconciler.execute(f"set transaction isolation level {isolation}".encode())
        reconciler.execute(MARK)
        time.sleep(0.3)
        [(until, began)] = reconciler.execute("select rollouts.summarise_events(), now()").fetchall()

    assert until <= began


def test_forgets_epochs_that_ended_before_a_moment(counted: Counted) -> None:
    """The second began where the first ended; the third is under way."""
    counted.report(*(an_event(f"customer-{epoch}", epoch=epoch) for epoch in (1, 2, 3)))
    counted.report(an_event(feature="search"), an_event(feature="search", epoch=2))
    counted.scene.pass_time(minutes=2)
    summarise(counted.reconciler)
    before = counted.tallies()
    counted.scene.pass_time(hours=1)
    counted.scene.commit({"checkout": {**LIVE, "attempt": 2, "rolled_back": 1, "tier": 0}})
    counted.scene.apply()
    ended = counted.scene.now

    assert forget(counted, ended) == 2
    assert seen(counted) == {"customer-3"}
    assert forget(counted, ended + MICROSECOND) == 1
    assert (seen(counted), forget(counted, "infinity")) == (frozenset(), 0)
    assert counted.tallies()["search"].epoch == before["search"].epoch


def test_no_moment_forgets_nothing(counted: Counted) -> None:
    counted.report(an_event())
    counted.scene.pass_time(minutes=2)
    summarise(counted.reconciler)

    assert forget(counted, None) == 0


def forget(counted: Counted, before: datetime | str | None) -> int:
    query = "select rollouts.forget_epochs(%s) as rows"
    [row] = counted.reconciler.execute(query, [before]).fetchall()
    return int(row["rows"])


def seen(counted: Counted) -> frozenset[str]:
    return read_seen_customers(counted.reconciler, "checkout", 10)
