"""A day is dropped only when it may be, when it has as many events as its archive, and when nobody is held up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from reconciler.domain.upkeep import Dropped, Horizon, Kept
from reconciler.errors import DatabaseDeniedError, RuleViolatedError
from reconciler.store.connection import Connection, connect
from reconciler.store.failures import translated
from reconciler.store.partitions import drop_day, is_there, read_days, read_horizon
from tests.builders.database import Database, set_clock
from tests.builders.days import fill_day, make_days
from tests.builders.domain import NOW

TODAY = NOW.date()
OLD = TODAY - timedelta(days=100)


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """The superuser, at NOW; an old day and the one before yesterday have three events each."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("set timezone to 'UTC'")
        set_clock(connection, NOW)
        make_days(connection, TODAY - timedelta(days=2), OLD)
        fill_day(connection, OLD, 3)
        fill_day(connection, TODAY - timedelta(days=2), 3)
        yield connection


@pytest.fixture
def connection(database: Database, admin: psycopg.Connection[Any]) -> Iterator[Connection]:
    with connect(database.dsn_for("rollouts_reconciler")) as connection:
        yield connection


def test_days_are_listed_oldest_first(connection: Connection) -> None:
    assert read_days(connection) == (OLD, TODAY - timedelta(days=2))


def test_what_no_day_is_called_like_is_no_day(connection: Connection, admin: psycopg.Connection[Any]) -> None:
    admin.execute("create table rollouts.spare partition of rollouts.rollout_events default")

    assert read_days(connection) == (OLD, TODAY - timedelta(days=2))


def test_before_anything_happened_there_is_no_horizon_but_the_clock(connection: Connection) -> None:
    assert read_horizon(connection, NOW) == Horizon(
        now=NOW, local_now=NOW, summarised_until=None, longest_window=timedelta()
    )


def test_a_day_with_as_many_events_as_its_archive_goes(connection: Connection) -> None:
    assert drop_day(connection, OLD, 3) == Dropped(day=OLD)
    assert not is_there(connection, OLD)


def test_a_reader_is_not_waited_for(database: Database, connection: Connection) -> None:
    with psycopg.connect(database.dsn_for("rollouts_reader")) as reader:
        reader.execute("select count(*) from rollouts.rollout_events")
        held = drop_day(connection, OLD)
        reader.rollback()

    reason = "others are reading events, the next run drops it"
    assert held == Kept(first=OLD, last=OLD, reason=reason)
    assert drop_day(connection, OLD) == Dropped(day=OLD)
    assert drop_day(connection, OLD) is None


def test_one_that_waited_for_a_drop_finds_the_day_gone(
    database: Database, admin: psycopg.Connection[Any], connection: Connection
) -> None:
    with psycopg.connect(database.dsn_for("rollouts_reconciler")) as first, ThreadPoolExecutor(1) as pool:
        first.execute("select rollouts.drop_events(%s)", [OLD])
        second = pool.submit(drop_day, connection, OLD, 1)
        wait_until_blocked(admin, connection)
        first.commit()

        assert second.result(30) is None


def wait_until_blocked(admin: psycopg.Connection[Any], connection: Connection) -> None:
    pid = connection.info.backend_pid
    for _ in range(1_000):
        if admin.execute("select cardinality(pg_blocking_pids(%s))", [pid]).fetchone() != (0,):
            return
        time.sleep(0.005)
    raise AssertionError("it never had to wait")


@pytest.mark.parametrize(
    ("day", "expected", "told"),
    [
        pytest.param(
            TODAY - timedelta(days=2),
            None,
            "recent_events_stay: the last two whole days of events always stay; drop this day later",
            id="younger than two whole days",
        ),
        pytest.param(
            OLD,
            2,
            "archive_is_whole: events came in after the archive was written; move its file away and archive again",
            id="more events than its archive",
        ),
    ],
)
def test_the_database_refuses_a_drop(connection: Connection, day: date, expected: int | None, told: str) -> None:
    with pytest.raises(RuleViolatedError) as caught, translated():
        drop_day(connection, day, expected)

    assert str(caught.value) == told
    assert is_there(connection, day)


@pytest.mark.parametrize("role", ["rollouts_application", "rollouts_reader"])
def test_who_may_not_drop_is_told(database: Database, connection: Connection, role: str) -> None:
    with (
        connect(database.dsn_for(role)) as denied,
        pytest.raises(DatabaseDeniedError, match="permission denied for function"),
        translated(),
    ):
        drop_day(denied, OLD, 3)

    assert is_there(connection, OLD)
