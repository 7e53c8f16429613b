"""Looking after the events: what is done once, what is left and why; nothing goes that is still needed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest

from reconciler.domain.upkeep import (
    Archived,
    Dropped,
    Extended,
    Fact,
    ForgottenClaims,
    ForgottenCustomers,
    Kept,
    Retained,
    Summarised,
)
from reconciler.errors import DatabaseDeniedError, ReconcilerError, UsageError
from reconciler.store.connection import connect
from reconciler.store.partitions import read_days
from reconciler.store.statistics import summarise
from reconciler.store.upkeep import archive, maintain
from tests.builders.chain import contents
from tests.builders.database import Database
from tests.builders.days import days_of, fill_day, make_days
from tests.builders.domain import NOW
from tests.builders.tallies import Counted, a_counted_scene, an_event

KEEP = timedelta(days=90)
WEEK = timedelta(days=7)
TODAY = NOW.date()
AHEAD = [TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=2)]
RETAINED = Retained(since=date(2025, 12, 2), retention=KEEP)


OLD = [TODAY - timedelta(days=days) for days in (100, 99, 98)]


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.fixture
def counted(database: Database) -> Iterator[Counted]:
    """`checkout`, whose epochs began 100 and 98 days ago with a customer each; three old days are there."""
    with a_counted_scene(database) as counted:
        scene = counted.scene
        scene.at(NOW - timedelta(days=100))
        scene.commit({"checkout": {"tier": 1}})
        scene.apply()
        counted.report(an_event("ada"))
        scene.pass_time(hours=50)
        scene.commit({"checkout": {"tier": 2}})
        scene.apply()
        counted.report(an_event("bob", epoch=2))
        scene.at(NOW)
        yield counted


def maintained(counted: Counted, retention: timedelta = KEEP, **named: Any) -> list[Fact]:
    """Run once, as the role that may; that the mark of the summary lags by the length of a step plays no part."""
    named = {"retention": retention, "local_now": NOW, **named}
    facts = list(maintain(counted.reconciler, **named))
    return [_on_the_second(fact) if isinstance(fact, Summarised) else fact for fact in facts]


def _on_the_second(fact: Summarised) -> Summarised:
    is_current = fact.until is not None and timedelta() <= NOW - fact.until < timedelta(seconds=1)
    return Summarised(until=NOW) if is_current else fact


def stored(counted: Counted) -> tuple[list[date], dict[str, list[dict[str, Any]]]]:
    """Return the days and everything that is stored, but for the mark of the summary."""
    tables = contents(counted.scene.admin)
    return days_of(counted.scene.admin), {name: rows for name, rows in tables.items() if name != "tally_progress"}


def dropped_in(facts: list[Fact]) -> list[date]:
    return [fact.day for fact in facts if isinstance(fact, Dropped)]


def kept_in(facts: list[Fact]) -> list[Kept]:
    return [fact for fact in facts if isinstance(fact, Kept)]


def add_days(counted: Counted, *days: date) -> None:
    """Make these days, each with three events, beside today and the two after."""
    make_days(counted.scene.admin, *days)
    for day in days:
        fill_day(counted.scene.admin, day, 3)


def test_everything_that_is_due_is_done_once(counted: Counted) -> None:
    assert list(read_days(counted.reconciler)) == OLD

    first = maintained(counted)
    days, tables = stored(counted)
    second = maintained(counted)

    assert first == [
        Extended(made=3, until=ago(-2)),
        Summarised(until=NOW),
        ForgottenClaims(count=2),
        ForgottenCustomers(count=1, before=NOW - KEEP),
        *(Dropped(day=day) for day in OLD),
        RETAINED,
    ]
    assert second == [
        Extended(made=0, until=ago(-2)),
        Summarised(until=NOW),
        ForgottenClaims(count=0),
        ForgottenCustomers(count=0, before=NOW - KEEP),
        RETAINED,
    ]
    assert stored(counted) == (days, tables)
    assert days == AHEAD
    assert [row["customer_id"] for row in tables["rollout_customers"]] == ["bob"]


def test_a_dry_run_tells_the_same_and_changes_nothing(counted: Counted) -> None:
    summarise(counted.reconciler)
    before = stored(counted)

    told = maintained(counted, dry_run=True)

    assert stored(counted) == before
    assert told == maintained(counted)


def test_a_day_goes_when_all_of_it_is_older_than_is_kept(counted: Counted) -> None:
    """At nine in the morning seven days ago is in the middle of a day, which stays."""
    add_days(counted, *(ago(days) for days in (9, 8, 7, 6)))

    facts = maintained(counted, WEEK)

    assert dropped_in(facts)[-2:] == [ago(9), ago(8)]
    assert days_of(counted.scene.admin) == [ago(7), ago(6), *AHEAD]


def test_the_last_two_whole_days_stay_however_short_the_retention(counted: Counted) -> None:
    add_days(counted, *(ago(days) for days in (4, 3, 2, 1)))

    facts = maintained(counted, timedelta(days=1))

    assert dropped_in(facts)[-2:] == [ago(4), ago(3)]
    assert kept_in(facts) == [Kept(first=ago(2), last=ago(2), reason="the last two whole days always stay")]


def test_what_the_longest_window_reaches_stays_with_a_day_more(counted: Counted) -> None:
    counted.scene.commit({"search": {"tier": 0, "thresholds": {"window": "30d"}}})
    counted.scene.apply()
    add_days(counted, *(ago(days) for days in (33, 32, 31, 30, 10)))

    facts = maintained(counted, WEEK)

    reason = "a rollout has a window of 30d, and that with a day more is kept"
    assert dropped_in(facts)[-2:] == [ago(33), ago(32)]
    assert kept_in(facts) == [Kept(first=ago(31), last=ago(10), reason=reason)]


def test_a_day_that_the_summary_lacks_stays(database: Database, counted: Counted) -> None:
    with psycopg.connect(database.dsn_for("rollouts_reconciler")) as busy:
        busy.execute("select rollouts.summarise_events()")
        held = maintained(counted)
        busy.rollback()

    reason = "the summary of customers lacks some of it; the next run goes on"
    assert held[1] == Summarised(until=None)
    assert (dropped_in(held), kept_in(held)) == ([], [Kept(first=ago(100), last=ago(98), reason=reason)])
    assert dropped_in(maintained(counted)) == OLD


def test_nothing_is_dropped_by_a_clock_that_is_far_off(counted: Counted) -> None:
    """A server set a year ahead would lose everything it has."""
    facts = maintained(counted, local_now=NOW - timedelta(hours=1, seconds=1))

    reason = "the clocks of the database and of this machine are 1h 1s apart; set them right first"
    assert (dropped_in(facts), kept_in(facts)) == ([], [Kept(first=ago(100), last=ago(98), reason=reason)])


def test_four_at_once_do_what_one_does(database: Database, counted: Counted) -> None:
    add_days(counted, *(ago(days) for days in range(130, 110, -1)))
    barrier = Barrier(4)

    def run(_number: int) -> list[Fact]:
        with connect(database.dsn_for("rollouts_reconciler")) as connection:
            barrier.wait(30)
            return list(maintain(connection, retention=KEEP, local_now=NOW))

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(run, range(4)))
    last = maintained(counted)

    dropped = [day for facts in [*runs, last] for day in dropped_in(facts)]
    assert sorted(dropped) == [ago(days) for days in (*range(130, 110, -1), 100, 99, 98)]
    assert sum(fact.count for facts in runs for fact in facts if isinstance(fact, ForgottenClaims)) == 2
    assert days_of(counted.scene.admin) == AHEAD


def test_each_day_is_archived_before_it_is_dropped(counted: Counted, tmp_path: Path) -> None:
    facts = maintained(counted, archive=tmp_path)

    paths = [tmp_path / f"rollout_events_{day:%Y%m%d}.jsonl.gz" for day in OLD]
    assert facts[4:-1] == [
        fact
        for day, count, path in zip(OLD, (1, 0, 1), paths, strict=True)
        for fact in (Archived(day=day, events=count, path=str(path)), Dropped(day=day))
    ]
    assert sorted(tmp_path.iterdir()) == paths


def test_a_day_whose_file_differs_stays_and_so_do_those_after_it(counted: Counted, tmp_path: Path) -> None:
    (tmp_path / f"rollout_events_{ago(99):%Y%m%d}.jsonl.gz").write_text("of somebody else")

    with pytest.raises(ReconcilerError, match=f"rollout_events_{ago(99):%Y%m%d}.jsonl.gz is damaged: Not a gzip"):
        maintained(counted, archive=tmp_path)

    assert days_of(counted.scene.admin) == [ago(99), ago(98), *AHEAD]


def test_without_a_folder_for_the_archive_nothing_begins(counted: Counted, tmp_path: Path) -> None:
    before = stored(counted)

    with pytest.raises(UsageError, match="is no folder; make it, or mount the disk it is on"):
        maintained(counted, archive=tmp_path / "unmounted")

    assert stored(counted) == before


def archived(counted: Counted, folder: Path, older_than: date | timedelta, *, drop: bool = False) -> list[Fact]:
    return list(archive(counted.reconciler, folder, older_than=older_than, local_now=NOW, drop=drop))


@pytest.mark.parametrize(
    ("older_than", "days"),
    [
        pytest.param(ago(98), (100, 99), id="before a date"),
        pytest.param(timedelta(days=98), (100, 99), id="older than a duration"),
        pytest.param(ago(1), (100, 99, 98, 2), id="before yesterday"),
        pytest.param(ago(-30), (100, 99, 98, 2, 1), id="never the day that isn't over"),
    ],
)
def test_archives_whole_days_and_drops_none(
    counted: Counted, tmp_path: Path, older_than: date | timedelta, days: tuple[int, ...]
) -> None:
    add_days(counted, ago(2), ago(1), TODAY)
    before = days_of(counted.scene.admin)

    facts = archived(counted, tmp_path, older_than)

    assert [fact.day for fact in facts if isinstance(fact, Archived)] == [ago(number) for number in days]
    assert len(facts) == len(days)
    assert days_of(counted.scene.admin) == before


def test_archives_and_drops_all_but_what_may_not_go_yet(counted: Counted, tmp_path: Path) -> None:
    add_days(counted, ago(3), ago(2), ago(1))

    facts = archived(counted, tmp_path, TODAY, drop=True)
    again = archived(counted, tmp_path, TODAY, drop=True)

    kept = Kept(first=ago(2), last=ago(1), reason="the last two whole days always stay")
    paths = {days: str(tmp_path / f"rollout_events_{ago(days):%Y%m%d}.jsonl.gz") for days in (3, 2, 1)}
    assert dropped_in(facts) == [ago(days) for days in (100, 99, 98, 3)]
    assert facts[-5:] == [
        Archived(day=ago(3), events=3, path=paths[3]),
        Dropped(day=ago(3)),
        Archived(day=ago(2), events=3, path=paths[2]),
        Archived(day=ago(1), events=3, path=paths[1]),
        kept,
    ]
    assert again == [
        Archived(day=ago(2), events=3, path=paths[2], is_reused=True),
        Archived(day=ago(1), events=3, path=paths[1], is_reused=True),
        kept,
    ]
    assert days_of(counted.scene.admin) == [ago(2), ago(1)]


def test_a_day_is_in_the_summary_before_it_is_dropped(counted: Counted, tmp_path: Path) -> None:
    archived(counted, tmp_path, timedelta(days=90), drop=True)

    customers = counted.scene.admin.execute(
        "select customer_id from rollouts.rollout_customers order by 1"
    ).fetchall()
    assert customers == [("ada",), ("bob",)]


@pytest.mark.parametrize("role", ["rollouts_application", "rollouts_reader"])
def test_who_may_not_look_after_the_events_is_told(database: Database, counted: Counted, role: str) -> None:
    days = days_of(counted.scene.admin)

    with (
        connect(database.dsn_for(role)) as denied,
        pytest.raises(DatabaseDeniedError, match="permission denied"),
    ):
        list(maintain(denied, retention=KEEP, local_now=NOW))

    assert set(days) <= set(days_of(counted.scene.admin))
