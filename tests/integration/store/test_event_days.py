"""The days of events: made ahead, once and by UTC whatever the caller believes; a drop holds nobody up for long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest

from reconciler.domain.events import Batch
from reconciler.store.connection import connect
from reconciler.store.events import extend_events, store_batch
from tests.builders.chain import Connection, insertion
from tests.builders.database import Database, set_clock
from tests.builders.tallies import an_event

RECONCILER, APPLICATION, READER = "rollouts_reconciler", "rollouts_application", "rollouts_reader"
LATE = datetime(2026, 3, 6, 23, 59, 59, tzinfo=UTC)
DAYS = """
select relname, pg_get_expr(relpartbound, oid) from pg_class
where relispartition and relkind = 'r' order by relname
"""
THREE_DAYS = [
    (
        f"rollout_events_2026030{day}",
        f"FOR VALUES FROM ('2026-03-0{day} 00:00:00+00') TO ('2026-03-0{day + 1} 00:00:00+00')",
    )
    for day in (6, 7, 8)
]
A_ROW = {"feature_name": "checkout", "customer_id": "ada", "event": "error", "is_enabled": True}


@pytest.fixture
def admin(database: Database) -> Iterator[Connection]:
    """The superuser, on a Friday at the last second of its day."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("set timezone to 'UTC'")
        set_clock(connection, LATE)
        yield connection


def days(admin: Connection) -> list[tuple[str, str]]:
    return admin.execute(DAYS).fetchall()


def tell(connection: Connection) -> None:
    """Report one event by hand."""
    row = A_ROW | {"id": uuid4(), "attempt": 1, "epoch": 1, "timestamp": LATE}
    connection.execute(insertion("rollout_events", row), row)


@contextmanager
def sessions(database: Database, *roles: str) -> Iterator[list[Connection]]:
    """Open a session a role, none of which waits for long."""
    opened = [psycopg.connect(database.dsn_for(role)) for role in roles]
    try:
        for session in opened:
            session.execute("set statement_timeout = '20s'")
            session.commit()
        yield opened
    finally:
        for session in opened:
            session.close()


def waiting(pool: ThreadPoolExecutor, admin: Connection, session: Connection, query: str) -> Future[object]:
    """Let a session ask, and return when it waits for somebody's lock."""
    future = pool.submit(lambda: session.execute(query.encode()).fetchone())
    for _ in range(500):
        blocked = admin.execute("select cardinality(pg_blocking_pids(%s))", [session.info.backend_pid]).fetchone()
        if blocked != (0,):
            return future
        time.sleep(0.01)
    raise AssertionError("the session never had to wait")


def test_makes_today_and_the_two_days_after_once(database: Database, admin: Connection) -> None:
    with connect(database.dsn_for(APPLICATION)) as application:
        made = [extend_events(application) for _ in range(2)]
        set_clock(admin, LATE + timedelta(seconds=1))
        made.append(extend_events(application))

    assert made == [3, 0, 1]
    assert days(admin)[:3] == THREE_DAYS


def test_six_at_once_make_each_day_once(database: Database, admin: Connection) -> None:
    barrier = Barrier(6)

    def extend(_number: int) -> int:
        with connect(database.dsn_for(APPLICATION)) as application:
            barrier.wait(30)
            return extend_events(application)

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(extend, range(6)))

    assert sum(made) == 3
    assert days(admin) == THREE_DAYS


def test_six_that_store_at_once_find_their_day(database: Database, admin: Connection) -> None:
    """Nobody made it before: each of them finds it missing."""
    barrier = Barrier(6)

    def store(number: int) -> int:
        with connect(database.dsn_for(APPLICATION)) as application:
            barrier.wait(30)
            return store_batch(application, Batch(id=uuid4(), events=(an_event(f"customer-{number}"),)))

    with ThreadPoolExecutor(6) as pool:
        stored = list(pool.map(store, range(6)))

    assert stored == [1] * 6
    assert days(admin) == THREE_DAYS


def test_one_that_waited_finds_what_the_other_made(database: Database, admin: Connection) -> None:
    """It had tried before, and remembers that there was nothing."""
    make = "select rollouts.extend_events()"
    with sessions(database, APPLICATION, APPLICATION) as (first, second), ThreadPoolExecutor(1) as pool:
        second.execute(make)
        second.rollback()
        first.execute(make)
        second.execute("select 1")
        waits = waiting(pool, admin, second, make)
        first.commit()

        assert waits.result(20) == (0,)


@pytest.mark.parametrize(
    "setting",
    [
        "set timezone = 'Pacific/Kiritimati'",
        "set timezone = 'Pacific/Pago_Pago'",
        "set datestyle = 'SQL, DMY'",
        "set datestyle = 'German'",
        "set datestyle = 'Postgres, MDY'",
        "set quote_all_identifiers = on",
        "set standard_conforming_strings = off",
        "set search_path = pg_temp, rollouts",
        "create function pg_temp.to_char(timestamp, text) returns text language sql as 'select ''20200101'''",
        "create function pg_temp.event_partition(date) returns text language sql as 'select ''mine'''",
        "create temp table rollout_events (received_at timestamptz) partition by range (received_at)",
        "create domain pg_temp.date as text",
    ],
)
def test_no_setting_of_the_caller_moves_a_day(database: Database, admin: Connection, setting: str) -> None:
    with sessions(database, APPLICATION) as (application,):
        application.execute(setting.encode())
        application.execute("select rollouts.extend_events()")
        tell(application)
        application.commit()

    assert [day for day in days(admin) if day[0].startswith("rollout_events_2")] == THREE_DAYS
    assert admin.execute("select tableoid::regclass::text from rollouts.rollout_events").fetchall() == [
        ("rollouts.rollout_events_20260306",)
    ]


def test_writers_and_readers_go_on_while_days_are_made(database: Database, admin: Connection) -> None:
    with sessions(database, APPLICATION, APPLICATION, READER) as (writer, other, reader):
        writer.execute("select rollouts.extend_events()")
        writer.commit()
        reader.execute("select count(*) from rollouts.rollout_events")
        tell(writer)
        set_clock(admin, LATE + timedelta(seconds=1))
        made = other.execute("select rollouts.extend_events()").fetchone()
        tell(writer)
        reader.execute("select count(*) from rollouts.rollout_events")

        assert made == (1,)


def test_a_drop_that_a_reader_holds_up_lets_writers_go_on_soon(database: Database, admin: Connection) -> None:
    """It would wait for the reader, and every writer for it."""
    with (
        sessions(database, APPLICATION, READER, RECONCILER) as (writer, reader, reconciler),
        ThreadPoolExecutor(1) as pool,
    ):
        writer.execute("select rollouts.extend_events()")
        writer.commit()
        set_clock(admin, LATE + timedelta(days=3))
        writer.execute("select rollouts.extend_events()")
        writer.commit()
        reader.execute("select count(*) from rollouts.rollout_events")
        drop = waiting(pool, admin, reconciler, "select rollouts.drop_events('2026-03-06')")
        tell(writer)
        writer.commit()

        assert isinstance(drop.exception(20), psycopg.errors.LockNotAvailable)
        reconciler.rollback()
        reader.rollback()
        assert reconciler.execute("select rollouts.drop_events('2026-03-06')").fetchone() == (True,)
