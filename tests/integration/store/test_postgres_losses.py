"""Lost connections, waits and wrong addresses: a write lands once or not at all, and no password is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reconciler.domain.ladder import Tier
from reconciler.domain.ledger import Cause, RevisionRecord
from reconciler.domain.plan import Create
from reconciler.domain.state import Standing
from reconciler.errors import ConflictError, DatabaseUnavailableError
from reconciler.store.embedded import EmbeddedServer
from reconciler.store.postgres import PostgresStore
from tests.builders.attacks import prepare
from tests.builders.chain import Connection, commit, faults
from tests.builders.database import Database

CAUSE = Cause(revision=commit(1), actor="tests")
SECRET = "hunter2"
CREATION = Create(feature="checkout", before=None, after=Standing(tier=Tier.INTERNAL), reason="a new rollout")
RECORD = RevisionRecord(previous_number=1, root="rollouts.d", revision=commit(2), actor="tests")

Write = Callable[[PostgresStore], None]
WRITES: dict[str, Write] = {
    "a transition": lambda store: store.transition(CREATION, transition_id=UUID(int=1), cause=CAUSE),
    "a revision": lambda store: store.take_revision(RECORD),
    "sources": lambda store: store.remember_sources({"checkout": (1, "a" * 40)}),
}
WRITTEN = {
    "a transition": "select count(*) from rollouts.rollout_transitions",
    "a revision": "select count(*) - 1 from rollouts.rollout_revisions",
    "sources": "select count(*) from rollouts.settled_sources",
}
TABLES = {"a transition": "rollout_transitions", "a revision": "rollout_revisions", "sources": "settled_sources"}


@pytest.fixture
def watcher(database: Database) -> Iterator[Connection]:
    """A superuser who looks on, with the first commit in force."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        prepare(connection, "nothing")
        yield connection


@pytest.fixture
def store(database: Database, watcher: Connection) -> Iterator[PostgresStore]:
    store = PostgresStore.at(make_conninfo(database.dsn_for("rollouts_reconciler"), application_name="victim"))
    store.scope()
    yield store
    store.close()


def end_connections(watcher: Connection) -> None:
    watcher.execute(
        """
        select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where application_name = 'victim' and datname = current_database()
        """
    )


@contextmanager
def ended_when_it_waits(watcher: Connection) -> Iterator[None]:
    """End the store's backend as soon as it waits for something."""

    def end() -> None:
        waits = "select from pg_stat_activity where application_name = 'victim' and wait_event_type = 'Lock'"
        deadline = time.monotonic() + 20
        while watcher.execute(waits).fetchone() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        end_connections(watcher)

    thread = threading.Thread(target=end)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def count(watcher: Connection, name: str) -> int:
    found = watcher.execute(WRITTEN[name].encode()).fetchone()
    assert found is not None
    return int(found[0])


@pytest.mark.parametrize("name", WRITES)
def test_a_write_lands_once_when_the_connection_was_lost_before(
    store: PostgresStore, watcher: Connection, name: str
) -> None:
    end_connections(watcher)
    WRITES[name](store)

    assert count(watcher, name) == 1
    assert faults(watcher) == []


@pytest.mark.parametrize("name", WRITES)
def test_a_write_lands_once_when_the_connection_is_lost_while_it_waits(
    store: PostgresStore, watcher: Connection, database: Database, name: str
) -> None:
    with psycopg.connect(database.dsn) as holder:
        holder.execute(f"lock table rollouts.{TABLES[name]} in exclusive mode".encode())
        with ended_when_it_waits(watcher):
            release = threading.Timer(0.5, holder.rollback)
            release.start()
            WRITES[name](store)
        release.join()

    assert count(watcher, name) == 1
    assert faults(watcher) == []


def test_a_revision_that_another_took_meanwhile_is_a_conflict_after_a_lost_connection(
    store: PostgresStore, watcher: Connection
) -> None:
    store.take_revision(replace(RECORD, revision=commit(3)))
    end_connections(watcher)

    with pytest.raises(ConflictError):
        store.take_revision(RECORD)
    assert store.scope().revision == commit(3)


def test_a_transition_lost_to_another_writer_is_a_conflict_after_a_lost_connection(
    store: PostgresStore, watcher: Connection
) -> None:
    store.transition(CREATION, transition_id=uuid4(), cause=CAUSE)
    end_connections(watcher)

    with pytest.raises(ConflictError):
        store.transition(CREATION, transition_id=uuid4(), cause=CAUSE)
    assert count(watcher, "a transition") == 1


def test_a_read_is_repeated_on_a_new_connection(store: PostgresStore, watcher: Connection) -> None:
    end_connections(watcher)
    assert store.scope().revision == commit(1)


def test_a_write_that_waits_too_long_for_a_lock_is_decided_anew(
    store: PostgresStore, watcher: Connection, database: Database
) -> None:
    patient = PostgresStore.at(make_conninfo(database.dsn, options="-c lock_timeout=50ms"))
    with psycopg.connect(database.dsn) as holder:
        holder.execute("select * from rollouts.rollout_scope for update")

        with pytest.raises(ConflictError, match="lock timeout"):
            WRITES["a transition"](patient)
    patient.close()
    assert count(watcher, "a transition") == 0


def test_a_write_that_takes_too_long_is_to_be_tried_again(watcher: Connection, database: Database) -> None:
    patient = PostgresStore.at(make_conninfo(database.dsn, options="-c statement_timeout=50ms"))
    with psycopg.connect(database.dsn) as holder:
        holder.execute("select * from rollouts.rollout_scope for update")

        with pytest.raises(DatabaseUnavailableError, match="statement timeout; try again"):
            WRITES["a transition"](patient)
    patient.close()
    assert count(watcher, "a transition") == 0


def test_a_server_that_is_gone_is_said_to_be_out_of_reach(tmp_path: Path) -> None:
    store = PostgresStore.at(f"host={tmp_path} user=ada dbname=rollouts password={SECRET}")

    with pytest.raises(DatabaseUnavailableError, match=r"the database can't be reached: .*No such file") as refusal:
        store.scope()
    assert "\n" not in str(refusal.value)


def test_a_database_that_was_dropped_under_a_store_is_said_to_be_out_of_reach(
    server: EmbeddedServer, store: PostgresStore, watcher: Connection
) -> None:
    name = watcher.info.dbname
    with psycopg.connect(server.dsn, autocommit=True) as other:
        other.execute(f'alter database "{name}" allow_connections false'.encode())
        end_connections(other)
        other.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", [name])
        try:
            with pytest.raises(DatabaseUnavailableError, match="is not currently accepting connections"):
                store.scope()
        finally:
            other.execute(f'alter database "{name}" allow_connections true'.encode())
