"""Migrations: which files the database has seen, which are missing, and how they are applied, each exactly once."""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import class_row, scalar_row

from reconciler.errors import (
    DatabaseDeniedError,
    DatabaseOutdatedError,
    DatabaseUnavailableError,
    ReconcilerError,
)

_FILE = re.compile(r"(\d{4})_([a-z][a-z0-9_]*)\.sql")
_TRIES = 8
_LOCK = 7_201_564_417_326_055_201  # any number, the same in every version

_BEGIN = """
-- One migration at a time; what is read after the lock is what the others left.
set transaction isolation level read committed;
set local lock_timeout = '15s';
set local statement_timeout = '5min';
"""
_LIMIT = """
-- A migration may not make the applications queue behind it; it is tried again.
set local lock_timeout = '1s';
"""
_CREATE = """
create schema if not exists rollouts;
create table rollouts.schema_migrations (
    version int primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default clock_timestamp(),
    applied_by text not null
);
"""
_TAKE_LOCK = "select pg_advisory_xact_lock(%s)"
# By the statement's snapshot: to_regclass may answer from what this session believed before it waited for the lock.
_EXISTS = "select exists (select from pg_tables where schemaname = 'rollouts' and tablename = 'schema_migrations')"
_READ = "select version, name, sha256 from rollouts.schema_migrations order by version"
_RECORD = """
insert into rollouts.schema_migrations (version, name, sha256, applied_by)
values (%(version)s, %(name)s, %(sha256)s, %(applied_by)s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file of the migrations folder."""

    version: int
    name: str
    sql: bytes

    @property
    def label(self) -> str:
        """Return what people call it, `0001_initial`."""
        return f"{self.version:04}_{self.name}"

    @property
    def sha256(self) -> str:
        """Return the digest by which an edited file is known."""
        return hashlib.sha256(self.sql).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Applied:
    version: int
    name: str
    sha256: str


def load(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """Read the migrations of a folder (by default the shipped ones) in order; their numbers have no gap."""
    source = files("reconciler.store") / "migrations" if folder is None else folder
    found = (_migration(entry) for entry in source.iterdir() if entry.name.endswith(".sql"))
    migrations = tuple(sorted(found, key=lambda migration: migration.version))
    if [migration.version for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise ValueError(f"{source}: migrations are numbered 0001, 0002, ... without gap or double")
    return migrations


def pending(
    connection: psycopg.Connection[Any], migrations: Sequence[Migration] | None = None
) -> tuple[Migration, ...]:
    """Return what the database has not seen yet; raise when what it has seen is not ours."""
    known = load() if migrations is None else migrations
    with _explained(), connection.transaction():
        return _missing(known, _applied(connection))


def check(connection: psycopg.Connection[Any], migrations: Sequence[Migration] | None = None) -> None:
    """Raise unless the database has exactly these migrations."""
    if missing := pending(connection, migrations):
        labels = ", ".join(migration.label for migration in missing)
        raise DatabaseOutdatedError(
            f"database schema: {len(missing)} migrations are missing ({labels}); run `reconciler db migrate`"
        )


def migrate(
    connection: psycopg.Connection[Any],
    *,
    applied_by: str,
    dry_run: bool = False,
    migrations: Sequence[Migration] | None = None,
) -> tuple[Migration, ...]:
    """Apply what is missing, one transaction a file, and return it; with `dry_run` only say it.

    Any number of processes may call this at once: each migration is applied once. A kill at any moment leaves
    whole migrations only.
    """
    known = load() if migrations is None else migrations
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        raise ValueError("migrate begins its own transactions: pass a connection that is in none")
    if dry_run:
        return pending(connection, known)
    with _explained():
        return tuple(_apply_all(connection, known, applied_by))


def _migration(entry: Traversable) -> Migration:
    if not (parts := _FILE.fullmatch(entry.name)):
        raise ValueError(f"{entry}: a migration is named like 0001_initial.sql")
    return Migration(version=int(parts[1]), name=parts[2], sql=entry.read_bytes())


def _apply_all(
    connection: psycopg.Connection[Any], known: Sequence[Migration], applied_by: str
) -> Iterator[Migration]:
    while (migration := _apply_next_patiently(connection, known, applied_by)) is not None:
        yield migration


def _apply_next_patiently(
    connection: psycopg.Connection[Any], known: Sequence[Migration], applied_by: str
) -> Migration | None:
    for attempt in range(1, _TRIES):
        try:
            return _apply_next(connection, known, applied_by)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            time.sleep(random.uniform(0.1, 0.2) * attempt)  # noqa: S311 - only spreads the tries
    return _apply_next(connection, known, applied_by)


def _apply_next(
    connection: psycopg.Connection[Any], known: Sequence[Migration], applied_by: str
) -> Migration | None:
    with connection.transaction():
        connection.execute(_BEGIN)
        connection.execute(_TAKE_LOCK, [_LOCK])
        missing = _missing(known, _applied(connection))
        if not missing:
            return None
        connection.execute(_LIMIT)
        _apply(connection, missing[0], applied_by)
        return missing[0]


def _apply(connection: psycopg.Connection[Any], migration: Migration, applied_by: str) -> None:
    if not _has_table(connection):
        connection.execute(_CREATE)
    row = {"version": migration.version, "name": migration.name, "sha256": migration.sha256}
    # Recorded first: the file may go on as another role, that may not write here.
    connection.execute(_RECORD, {**row, "applied_by": applied_by})
    try:
        connection.execute(migration.sql)
    except psycopg.Error as error:
        error.add_note(f"in migration {migration.label}, of which nothing stays")
        raise


def _missing(known: Sequence[Migration], applied: Sequence[_Applied]) -> tuple[Migration, ...]:
    """Return what follows the applied migrations; they have to be the first of the known ones."""
    if len(applied) > len(known):
        raise DatabaseOutdatedError(
            f"database schema: it is at version {applied[-1].version}, this reconciler knows {len(known)}; "
            f"upgrade the reconciler"
        )
    for ours, theirs in zip(known, applied, strict=False):
        if (ours.version, ours.name, ours.sha256) != (theirs.version, theirs.name, theirs.sha256):
            raise DatabaseOutdatedError(
                f"database schema: it was made by another {theirs.version:04}_{theirs.name} than our {ours.label}; "
                f"use the reconciler that applied it, or restore the file"
            )
    return tuple(known[len(applied) :])


def _applied(connection: psycopg.Connection[Any]) -> list[_Applied]:
    if not _has_table(connection):
        return []
    with connection.cursor(row_factory=class_row(_Applied)) as cursor:
        return cursor.execute(_READ).fetchall()


def _has_table(connection: psycopg.Connection[Any]) -> bool:
    with connection.cursor(row_factory=scalar_row) as cursor:
        return bool(cursor.execute(_EXISTS).fetchone())


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except errors.InsufficientPrivilege as error:
        remedy = (
            "connect as a login that was granted rollouts_reader or rollouts_reconciler, or as the owner to migrate"
        )
        raise DatabaseDeniedError(f"database schema: {_said(error)}; {remedy}") from error
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(f"database schema: {_said(error)}; try again") from error
    except psycopg.Error as error:
        raise ReconcilerError(f"database schema: {_said(error)}") from error


def _said(error: psycopg.Error) -> str:
    return " ".join([*(error.diag.message_primary or str(error)).split(), *getattr(error, "__notes__", [])])
