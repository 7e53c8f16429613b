"""Migrations against a real database: each once, whole or not at all, and never on one that is not ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from reconciler.errors import (
    DatabaseDeniedError,
    DatabaseOutdatedError,
    DatabaseUnavailableError,
    ReconcilerError,
)
from reconciler.store.embedded import EmbeddedServer
from reconciler.store.migrate import Migration, check, migrate, pending
from tests.builders.database import Database, a_database

FIRST = Migration(version=1, name="first", sql=b"create table rollouts.marks (word text);")
SECOND = Migration(version=2, name="second", sql=b"insert into rollouts.marks values ('second: 100 %s');")
THIRD = Migration(version=3, name="third", sql=b"insert into rollouts.marks values ('third');")
ALL = (FIRST, SECOND, THIRD)


@pytest.fixture
def empty(server: EmbeddedServer) -> Iterator[Database]:
    with a_database(server) as database:
        yield database


@pytest.fixture
def connection(empty: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty.dsn) as connection:
        yield connection


def test_an_empty_database_gets_all_in_order(connection: psycopg.Connection) -> None:
    assert migrate(connection, applied_by="ada", migrations=ALL) == ALL

    recorded = connection.execute(
        "select version, name, sha256, applied_by, applied_at between now() - interval '1 minute' and now()"
        " from rollouts.schema_migrations order by version"
    ).fetchall()
    assert recorded == [(one.version, one.name, one.sha256, "ada", True) for one in ALL]
    assert _marks(connection) == ["second: 100 %s", "third"]


def test_what_was_applied_is_not_applied_again(connection: psycopg.Connection) -> None:
    migrate(connection, applied_by="ada", migrations=ALL[:2])

    assert pending(connection, ALL) == (THIRD,)
    assert migrate(connection, applied_by="ada", migrations=ALL) == (THIRD,)
    assert migrate(connection, applied_by="ada", migrations=ALL) == ()


def test_a_dry_run_says_what_it_would_do_and_does_nothing(connection: psycopg.Connection) -> None:
    assert migrate(connection, applied_by="ada", dry_run=True, migrations=ALL) == ALL

    assert connection.execute("select to_regnamespace('rollouts')").fetchone() == (None,)


@pytest.mark.parametrize("autocommit", [True, False])
def test_each_file_is_committed_by_itself(empty: Database, autocommit: bool) -> None:
    broken = replace(THIRD, sql=b"insert into rollouts.marks values ('half'); select 1/0;")
    with psycopg.connect(empty.dsn, autocommit=autocommit) as connection:
        with pytest.raises(ReconcilerError) as failure:
            migrate(connection, applied_by="ada", migrations=(FIRST, SECOND, broken))
        connection.rollback()

        assert str(failure.value) == (
            "database schema: division by zero in migration 0003_third, of which nothing stays"
        )
        assert pending(connection, ALL) == (THIRD,)
        assert _marks(connection) == ["second: 100 %s"]


def test_a_caller_inside_a_transaction_is_a_mistake(connection: psycopg.Connection) -> None:
    connection.execute("select 1")

    with pytest.raises(ValueError, match="pass a connection that is in none"):
        migrate(connection, applied_by="ada", migrations=ALL)


def test_a_migration_may_go_on_as_another_role(connection: psycopg.Connection) -> None:
    as_another = replace(FIRST, sql=b"set local role pg_monitor; select 1;")

    assert migrate(connection, applied_by="ada", migrations=(as_another,)) == (as_another,)


def test_a_missing_migration_is_reported_with_the_remedy(connection: psycopg.Connection) -> None:
    migrate(connection, applied_by="ada", migrations=(FIRST,))

    with pytest.raises(DatabaseOutdatedError) as refusal:
        check(connection, ALL)

    assert str(refusal.value) == (
        "database schema: 2 migrations are missing (0002_second, 0003_third); run `reconciler db migrate`"
    )


def test_a_database_with_exactly_our_migrations_is_well(connection: psycopg.Connection) -> None:
    migrate(connection, applied_by="ada", migrations=ALL)

    check(connection, ALL)


@pytest.mark.parametrize(
    ("ours", "message"),
    [
        pytest.param(
            (FIRST,),
            "database schema: it is at version 3, this reconciler knows 1; upgrade the reconciler",
            id="newer than we are",
        ),
        pytest.param(
            (FIRST, replace(SECOND, sql=b"select 2;"), THIRD),
            "database schema: it was made by another 0002_second than our 0002_second; "
            "use the reconciler that applied it, or restore the file",
            id="edited",
        ),
        pytest.param(
            (FIRST, replace(SECOND, name="renamed"), THIRD),
            "database schema: it was made by another 0002_second than our 0002_renamed; "
            "use the reconciler that applied it, or restore the file",
            id="renamed",
        ),
    ],
)
def test_a_database_that_others_made_is_left_alone(
    connection: psycopg.Connection, ours: tuple[Migration, ...], message: str
) -> None:
    migrate(connection, applied_by="ada", migrations=ALL)

    with pytest.raises(DatabaseOutdatedError) as refusal:
        check(connection, ours)
    with pytest.raises(DatabaseOutdatedError):
        migrate(connection, applied_by="ada", migrations=ours)

    assert str(refusal.value) == message


def test_twelve_at_once_apply_each_migration_once(empty: Database) -> None:
    slow = tuple(replace(one, sql=one.sql + b" select pg_sleep(0.02);") for one in ALL)
    start = threading.Barrier(12)

    def run(number: int) -> tuple[Migration, ...]:
        with psycopg.connect(empty.dsn) as connection:
            start.wait()
            return migrate(connection, applied_by=f"worker {number}", migrations=slow)

    with ThreadPoolExecutor(12) as pool:
        applied = [one for done in pool.map(run, range(12)) for one in done]

    assert sorted(applied, key=lambda one: one.version) == list(slow)
    with psycopg.connect(empty.dsn) as connection:
        assert _marks(connection) == ["second: 100 %s", "third"]


def test_those_who_read_under_an_old_snapshot_see_what_others_applied(empty: Database) -> None:
    with psycopg.connect(empty.dsn, autocommit=True) as administrator:
        administrator.execute(
            "do $$ begin execute format("
            "'alter database %I set default_transaction_isolation = serializable', current_database()); end $$"
        )

    test_twelve_at_once_apply_each_migration_once(empty)


def test_one_that_waited_for_the_first_sees_what_that_made(empty: Database) -> None:
    """The one that waits has looked before, and found nothing."""
    slow = replace(FIRST, sql=FIRST.sql + b"select pg_sleep(0.5);")
    with psycopg.connect(empty.dsn) as first, psycopg.connect(empty.dsn) as second:
        assert pending(second, (slow, SECOND)) == (slow, SECOND)
        with ThreadPoolExecutor(1) as other:
            ahead = other.submit(migrate, first, applied_by="ada", migrations=(slow, SECOND))
            with psycopg.connect(empty.dsn, autocommit=True) as watcher:
                _wait_until(watcher, "select exists (select from pg_stat_activity where wait_event = 'PgSleep')")

            behind = migrate(second, applied_by="bob", migrations=(slow, SECOND))

    assert sorted(one.version for one in (*ahead.result(), *behind)) == [1, 2]


def test_a_killed_process_leaves_whole_migrations_and_no_lock(empty: Database) -> None:
    script = (
        "import psycopg, sys; from reconciler.store.migrate import Migration, migrate\n"
        "first = Migration(version=1, name='first', sql=b'create table rollouts.marks (word text);')\n"
        "second = Migration(version=2, name='second', sql=b'drop table rollouts.marks; select pg_sleep(60);')\n"
        "migrate(psycopg.connect(sys.argv[1]), applied_by='killed', migrations=(first, second))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, empty.dsn])
    with psycopg.connect(empty.dsn, autocommit=True) as connection:
        _wait_until(connection, "select exists (select from pg_stat_activity where wait_event = 'PgSleep')")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

        assert migrate(connection, applied_by="ada", migrations=ALL) == (SECOND, THIRD)
        assert _marks(connection) == ["second: 100 %s", "third"]


def test_a_lock_that_is_freed_soon_is_waited_for_in_short_tries(empty: Database) -> None:
    altering = Migration(version=2, name="second", sql=b"alter table rollouts.marks add column at int;")
    with psycopg.connect(empty.dsn) as connection, psycopg.connect(empty.dsn) as reader:
        migrate(connection, applied_by="ada", migrations=(FIRST,))
        reader.execute("select * from rollouts.marks")
        threading.Timer(1.5, reader.rollback).start()

        assert migrate(connection, applied_by="ada", migrations=(FIRST, altering)) == (altering,)


@pytest.mark.slow
def test_a_lock_that_stays_ends_in_an_error_that_names_the_migration(empty: Database) -> None:
    altering = Migration(version=2, name="second", sql=b"alter table rollouts.marks add column at int;")
    with psycopg.connect(empty.dsn) as connection, psycopg.connect(empty.dsn) as reader:
        migrate(connection, applied_by="ada", migrations=(FIRST,))
        reader.execute("select * from rollouts.marks")

        with pytest.raises(DatabaseUnavailableError) as failure:
            migrate(connection, applied_by="ada", migrations=(FIRST, altering))

    assert str(failure.value) == (
        "database schema: canceling statement due to lock timeout in migration 0002_second, "
        "of which nothing stays; try again"
    )


def test_a_role_without_rights_is_told_to_be_the_owner(empty: Database) -> None:
    with (
        psycopg.connect(empty.dsn_for("pg_monitor")) as connection,
        pytest.raises(DatabaseDeniedError) as refusal,
    ):
        migrate(connection, applied_by="ada", migrations=ALL)

    assert str(refusal.value).startswith("database schema: permission denied for database test_")
    assert str(refusal.value).endswith(
        "; connect as a login that was granted rollouts_reader or rollouts_reconciler, or as the owner to migrate"
    )


def test_the_shipped_migrations_fit_a_second_database_of_the_server(server: EmbeddedServer) -> None:
    with a_database(server) as another, psycopg.connect(another.dsn) as connection:
        migrate(connection, applied_by="ada")

        check(connection)


def _marks(connection: psycopg.Connection) -> list[str]:
    return [word for (word,) in connection.execute("select word from rollouts.marks order by word").fetchall()]


def _wait_until(connection: psycopg.Connection, question: str) -> None:
    deadline = time.monotonic() + 20
    while connection.execute(question.encode()).fetchone() != (True,):
        assert time.monotonic() < deadline
        time.sleep(0.02)
