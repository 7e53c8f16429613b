"""Rollbacks from before there was an outbox are told too, and a dump with rollbacks that wait is restored whole."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest

from reconciler.reconcile.override import Grounds, roll_back
from reconciler.store.embedded import EmbeddedServer, find_binaries
from reconciler.store.embedded.cluster import environment
from reconciler.store.migrate import load, migrate
from reconciler.store.postgres import PostgresStore
from tests.builders.chain import Connection, Row, append, commit, contents, faults, following, insert, take
from tests.builders.database import Database, a_database

ROLLBACK: Row = {"kind": "rollback", "tier": 0, "rolled_back": True, "is_settled": False, "revision": None}
BEFORE = load()[:7]
BINARIES = Path(os.environ.get("RECONCILER_TEST_POSTGRES_BIN") or find_binaries())


@pytest.fixture
def before(server: EmbeddedServer) -> Iterator[Database]:
    """A database of the version before the outbox, with rollbacks of all kinds."""
    with a_database(server) as database, psycopg.connect(database.dsn) as connection:
        migrate(connection, applied_by="tests", migrations=BEFORE)
        take(connection, commit(1))
        for feature in ("checkout", "search", "basket"):
            write(connection, feature, tier=1)
        write(connection, "checkout", **ROLLBACK)
        write(connection, "search", **ROLLBACK | {"rollback_commit": commit(8)})
        take(connection, commit(2))
        write(connection, "checkout", kind="restart", tier=1, attempt=2, rolled_back=False)
        write(connection, "checkout", **ROLLBACK)
        connection.commit()
        yield database


def write(connection: Connection, feature: str, **changes: object) -> None:
    insert(connection, "rollout_transitions", following(connection, feature_name=feature, **changes))


def test_rollbacks_from_before_are_told_too(before: Database) -> None:
    with psycopg.connect(before.dsn) as connection:
        migrate(connection, applied_by="tests")
        broken = faults(connection)
    store = PostgresStore.at(before.dsn_for("rollouts_reconciler"))
    claimed = store.claim_write_backs(most=9, lease=timedelta(minutes=1))
    events = store.record_rollbacks()
    store.close()

    assert broken == []
    assert [(each.feature, each.attempt, each.in_force) for each in claimed] == [
        ("checkout", 1, commit(2)),
        ("checkout", 2, commit(2)),
    ]
    assert events == 2


def test_two_databases_of_one_server_migrate_at_once(server: EmbeddedServer) -> None:
    """Roles are the server's: both grant them."""
    with a_database(server) as one, a_database(server) as other:
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            admin.execute("revoke pg_signal_backend, pg_read_all_stats from rollouts_owner")
        barrier = Barrier(2)

        def upgraded(database: Database) -> int:
            with psycopg.connect(database.dsn) as connection:
                migrate(connection, applied_by="tests", migrations=BEFORE)
                barrier.wait(60)
                return len(migrate(connection, applied_by="tests"))

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(upgraded, (one, other))) == [len(load()) - len(BEFORE)] * 2


def test_a_dump_with_rollbacks_that_wait_is_restored_whole(
    server: EmbeddedServer, database: Database, tmp_path: Path
) -> None:
    with psycopg.connect(database.dsn) as connection:
        take(connection, commit(1))
        append(connection, tier=1)
        append(connection, feature_name="search", tier=1)
        append(connection, **ROLLBACK)
        connection.commit()
        dumped = contents(connection)
    file = tmp_path / "dump"
    run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={database.dsn}")
    with a_database(server) as restored:
        run("pg_restore", "--exit-on-error", f"--dbname={restored.dsn}", str(file))
        with psycopg.connect(restored.dsn) as connection:
            assert contents(connection) == dumped
        store = PostgresStore.at(restored.dsn_for("rollouts_reconciler"))
        [claimed] = store.claim_write_backs(most=9, lease=timedelta(minutes=1))
        done = roll_back(store, "search", Grounds(reason="customers call", actor="ada"), uuid4)
        store.close()
        with psycopg.connect(restored.dsn) as connection:
            assert faults(connection) == []

    assert (claimed.feature, done.is_new) == ("checkout", True)


def run(tool: str, *arguments: str) -> None:
    done = subprocess.run(
        [BINARIES / tool, *arguments], env=environment(), check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
