"""Sessions in the way of a rollback: who does nothing is ended, who works is waited for, and not for ever."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reconciler.errors import ConflictError
from reconciler.reconcile.override import Grounds, roll_back
from reconciler.store.migrate import migrate
from reconciler.store.postgres import PostgresStore
from tests.builders.chain import Connection, append, commit, faults, following, insert, take
from tests.builders.database import Database, a_database, a_server, name_of
from tests.builders.logins import granted

GROUNDS = Grounds(reason="customers call", actor="ada")
OWNER, RECONCILER, READER = "rollouts_owner", "rollouts_reconciler", "rollouts_reader"
_BINARIES = os.environ.get("RECONCILER_TEST_POSTGRES_BIN")
ROLL_BACK_WITHIN = 6.0  # seconds
QUICKLY = "-c lock_timeout=500ms"  # for what is asked; a rollback waits two seconds

HOLDS = {
    "a row it changed": "update rollouts.feature_rollouts set tier = tier",
    "a row it locked": "select * from rollouts.feature_rollouts for update",
    "what is so": "lock table rollouts.feature_rollouts in access exclusive mode",
    "the chain": "lock table rollouts.rollout_transitions in share mode",
    "the outbox": "lock table rollouts.rollout_write_backs in exclusive mode",
    "the scope": "lock table rollouts.rollout_scope in access exclusive mode",
}
NOT_IN_THE_WAY = (
    (READER, "select * from rollouts.feature_rollouts"),
    (OWNER, "lock table rollouts.rollout_revisions in exclusive mode"),
    (OWNER, "select * from rollouts.rollout_scope for share"),
    (OWNER, "lock table rollouts.feature_rollouts in share update exclusive mode"),
)
BY_DEFAULT = ("a row it changed", "what is so", "the outbox")


@pytest.fixture
def admin(database: Database) -> Iterator[Connection]:
    """A superuser who looks on, with `checkout` at tier 1."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        take(connection, commit(1))
        append(connection, tier=1)
        yield connection


@pytest.fixture
def store(database: Database, admin: Connection) -> Iterator[PostgresStore]:
    """A store of a login that was granted what an applying job is."""
    with granted(database, RECONCILER) as dsn:
        store = PostgresStore.at(make_conninfo(dsn, options=QUICKLY))
        store.scope()
        yield store
        store.close()


@contextmanager
def idle(database: Database, role: str, statement: str) -> Iterator[Connection]:
    """Open a session that does this in a transaction, and nothing more."""
    with granted(database, role) as dsn:
        connection = psycopg.connect(dsn)
        try:
            connection.execute(statement.encode())
            yield connection
        finally:
            connection.close()


def kinds(admin: Connection) -> list[str]:
    rows = admin.execute("select kind from rollouts.rollout_transitions order by version").fetchall()
    return [kind for (kind,) in rows]


def is_alive(connection: Connection) -> bool:
    try:
        connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(statement, id=name, marks=[] if name in BY_DEFAULT else pytest.mark.slow)
        for name, statement in HOLDS.items()
    ],
)
def test_who_holds_something_and_does_nothing_is_ended(
    database: Database, store: PostgresStore, admin: Connection, statement: str
) -> None:
    with idle(database, OWNER, statement) as holder:
        begun = time.monotonic()
        done = roll_back(store, "checkout", GROUNDS, uuid4)

        assert time.monotonic() - begun < ROLL_BACK_WITHIN
        assert (done.is_new, is_alive(holder)) == (True, False)
    assert kinds(admin) == ["create", "rollback"]
    assert faults(admin) == []


def test_a_transition_that_nobody_commits_is_ended(
    database: Database, store: PostgresStore, admin: Connection
) -> None:
    row = following(admin, paused=True)
    with idle(database, RECONCILER, "select 1") as holder:
        insert(holder, "rollout_transitions", row)
        roll_back(store, "checkout", GROUNDS, uuid4)

        assert not is_alive(holder)
    assert kinds(admin) == ["create", "rollback"]


def test_who_works_is_waited_for_and_gets_on(database: Database, store: PostgresStore, admin: Connection) -> None:
    row = following(admin, paused=True)
    with idle(database, RECONCILER, "select 1") as holder, ThreadPoolExecutor(1) as pool:
        insert(holder, "rollout_transitions", row)
        waiting = pool.submit(roll_back, store, "checkout", GROUNDS, uuid4)
        holder.execute("select pg_sleep(2.5)")
        holder.commit()

        assert waiting.result(30).is_new
    assert kinds(admin) == ["create", "update", "rollback"]
    assert faults(admin) == []


def test_who_is_between_two_statements_is_left_alone(
    database: Database, store: PostgresStore, admin: Connection
) -> None:
    with idle(database, OWNER, HOLDS["a row it changed"]) as holder:
        at_once = store.make_way()
        still_alive = is_alive(holder)
        time.sleep(1.2)

        assert (at_once, still_alive, store.make_way()) == (0, True, 1)


def test_who_is_not_in_the_way_is_left_alone(database: Database, store: PostgresStore) -> None:
    with ExitStack() as stack:
        sessions = [stack.enter_context(idle(database, *named)) for named in NOT_IN_THE_WAY]
        time.sleep(1.2)
        done = roll_back(store, "checkout", GROUNDS, uuid4)

        assert (done.is_new, store.make_way()) == (True, 0)
        assert all(is_alive(session) for session in sessions)


def test_who_can_not_be_ended_keeps_nothing_waiting_for_ever(store: PostgresStore, admin: Connection) -> None:
    """A superuser's session is beyond what the owner may end."""
    with admin.transaction():
        admin.execute(HOLDS["what is so"])
        begun = time.monotonic()
        with pytest.raises(ConflictError) as refusal:
            roll_back(store, "checkout", GROUNDS, uuid4, patience=2)
        waited = time.monotonic() - begun

    assert str(refusal.value) == (
        "checkout could not be rolled back, canceling statement due to lock timeout; end the sessions that hold "
        "its row (pg_stat_activity shows them), then try again"
    )
    assert waited < ROLL_BACK_WITHIN
    assert kinds(admin) == ["create"]


def test_a_migrator_who_may_grant_nothing_of_it_breaks_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The owner may end nobody then, and a rollback waits until the other one is done."""
    folder = tmp_path_factory.mktemp("fresh")
    binaries = Path(_BINARIES) if _BINARIES else None
    with a_server(folder, binaries=binaries) as fresh, a_database(fresh) as database:
        with psycopg.connect(database.dsn, autocommit=True) as administrator:
            administrator.execute("create role migrator login createrole")
            administrator.execute(f"alter database {name_of(database)} owner to migrator")
        with psycopg.connect(make_conninfo(database.dsn, user="migrator")) as connection:
            migrate(connection, applied_by="migrator")
        with psycopg.connect(database.dsn, autocommit=True) as admin:
            admin.execute("revoke pg_signal_backend, pg_read_all_stats from rollouts_owner")
            take(admin, commit(1))
            append(admin, tier=1)
            with granted(database, RECONCILER) as dsn, idle(database, OWNER, HOLDS["a row it changed"]) as holder:
                time.sleep(1.2)
                store = PostgresStore.at(dsn)
                ended = store.make_way()
                Timer(1, holder.commit).start()
                done = roll_back(store, "checkout", GROUNDS, uuid4)
                store.close()

            assert (ended, done.is_new, kinds(admin)) == (0, True, ["create", "rollback"])
