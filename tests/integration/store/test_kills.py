"""An apply that is killed at any statement leaves a valid chain, and the next one ends where it would have."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypeAlias

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reconciler.reconcile.apply import Outcome
from reconciler.store.embedded import EmbeddedServer
from reconciler.store.migrate import migrate
from reconciler.store.postgres import PostgresStore
from tests.builders.chain import contents, faults
from tests.builders.database import Database, a_database, a_server, name_of, set_clock
from tests.builders.killing import HISTORY, MOMENTS, fused, killed_at, lose_backend

Ending: TypeAlias = dict[str, list[dict[str, object]]]

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
RANDOM = {"id", "rollout_id"}
_BINARIES = os.environ.get("RECONCILER_TEST_POSTGRES_BIN")


@pytest.fixture(scope="module")
def started(server: EmbeddedServer, template: str) -> Iterator[str]:
    """The name of a database where the first commit was applied, an hour ago by its own clock."""
    with a_database(server, template=template) as database:
        start(database)
        yield name_of(database)


@pytest.fixture(scope="module")
def ending(server: EmbeddedServer, started: str) -> Ending:
    """What an apply leaves that nothing interrupts."""
    with a_database(server, template=started) as database:
        apply(database)
        return ending_of(database)


def start(database: Database) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        set_clock(connection, MONDAY)
        store = PostgresStore.at(database.dsn)
        HISTORY.apply(store, 1)
        store.close()
        set_clock(connection, MONDAY + timedelta(hours=1))


def apply(database: Database) -> Outcome:
    store = PostgresStore.at(database.dsn)
    try:
        return HISTORY.apply(store, 2)
    finally:
        store.close()


def ending_of(database: Database) -> Ending:
    """Return everything that is stored but for the ids, which differ from run to run."""
    with psycopg.connect(database.dsn) as connection:
        tables = contents(connection)
    plain = {
        table: [{column: value for column, value in row.items() if column not in RANDOM} for row in rows]
        for table, rows in tables.items()
    }
    return {table: sorted(rows, key=str) for table, rows in plain.items()}


def faults_of(database: Database) -> list[str]:
    with psycopg.connect(database.dsn) as connection:
        # The statement of a killed process may still be under way.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return faults(connection)


def test_the_plan_has_every_kind_of_change(server: EmbeddedServer, started: str) -> None:
    with a_database(server, template=started) as database:
        outcome = apply(database)

    kinds = [(change.kind, change.feature) for change in outcome.done]
    assert kinds == [
        ("demote", "falls"),
        ("retire", "finished"),
        ("update", "edited"),
        ("create", "fresh"),
        ("create", "planned"),
        ("promote", "climbs"),
    ]


@pytest.mark.parametrize("moment", [*MOMENTS[:2], pytest.param(MOMENTS[2], marks=pytest.mark.slow)])
def test_a_kill_at_any_statement_leaves_a_valid_chain_and_the_next_apply_finishes(
    server: EmbeddedServer, started: str, ending: Ending, moment: str
) -> None:
    for statement in count(1):
        with a_database(server, template=started) as database:
            was_killed = killed_at(database.dsn, statement, moment)
            assert faults_of(database) == [], statement
            apply(database)

            assert ending_of(database) == ending, statement
            assert faults_of(database) == [], statement
        if not was_killed:
            assert statement > 10
            return


def test_a_backend_lost_at_any_statement_is_not_even_noticed(
    server: EmbeddedServer, started: str, ending: Ending
) -> None:
    for statement in range(1, 13):
        with a_database(server, template=started) as database:
            store = fused(database.dsn, statement, lose_backend)
            outcome = HISTORY.apply(store, 2)
            store.close()

            assert (len(outcome.done), outcome.conflicts, outcome.broken) == (6, (), ()), statement
            assert ending_of(database) == ending, statement
            assert faults_of(database) == [], statement


def test_a_second_apply_writes_nothing(server: EmbeddedServer, started: str, ending: Ending) -> None:
    with a_database(server, template=started) as database:
        apply(database)
        outcome = apply(database)

        assert (outcome.plan.in_sync, outcome.done) == (6, ())
        assert ending_of(database) == ending


@pytest.fixture(scope="module")
def unheard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server whose commits wait for a standby that doesn't exist, for whoever asks to wait."""
    waits = {"wal_level": "replica", "max_wal_senders": "1", "synchronous_standby_names": "nobody"}
    binaries = Path(_BINARIES) if _BINARIES else None
    settings = {"fsync": "off", "synchronous_commit": "off", **waits}
    with a_server(tmp_path_factory.mktemp("unheard"), binaries=binaries, settings=settings) as running:
        yield running


def test_backends_lost_while_each_commit_is_held_open_leave_nothing_twice(
    unheard: EmbeddedServer, ending: Ending
) -> None:
    """What was written is there and nobody is told: transitions are read back by id, the revision by number."""
    with a_database(unheard) as database:
        with psycopg.connect(database.dsn) as connection:
            migrate(connection, applied_by="tests")
        start(database)
        patient = make_conninfo(database.dsn, application_name="patient", options="-c synchronous_commit=on")
        store = PostgresStore.at(patient)
        with commits_ended(database) as ended:
            outcome = HISTORY.apply(store, 2)
        store.close()

        assert (len(outcome.done), outcome.conflicts, outcome.broken) == (6, (), ())
        # Transitions wait for no standby: only the commits in force are held open.
        assert len(ended) > 1
        assert ending_of(database) == ending
        assert faults_of(database) == []


@contextmanager
def commits_ended(database: Database) -> Iterator[list[int]]:
    """End every patient backend as soon as its commit waits, but for what only saves work; say which."""
    ended: list[int] = []
    done = threading.Event()

    def end() -> None:
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            while not done.is_set():
                rows = connection.execute(
                    """
                    select pid,
                        case when query like '%settled_sources%' then pg_cancel_backend(pid)
                        else pg_terminate_backend(pid, 5000) end
                    from pg_stat_activity
                    where application_name = 'patient' and wait_event = 'SyncRep'
                    """
                ).fetchall()
                ended.extend(pid for pid, _ in rows)
                time.sleep(0.005)

    thread = threading.Thread(target=end)
    thread.start()
    try:
        yield ended
    finally:
        done.set()
        thread.join()
