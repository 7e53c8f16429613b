"""The database of the settings: a server that is named, or the embedded one, started and migrated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from reconciler.settings import Settings
from reconciler.store import embedded, migrate, postgres
from reconciler.store.connection import connect, place_of

ROLE = "rollouts_reconciler"
APPLICATION = "rollouts_application"

Tell: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Which migrations a database has, and which it lacks."""

    applied: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server as people know it: version, where it is, the user of the connection; no secret."""

    version: str
    user: str
    database: str
    schema: Schema


def folder_of(settings: Settings, top: Path, environment: Mapping[str, str]) -> Path:
    """Return the data folder of the embedded server of a repository."""
    return settings.data_folder or embedded.default_folder(environment, top)


def store_at(dsn: str) -> postgres.PostgresStore:
    """Return the store at a DSN; it connects when it is first used."""
    return postgres.PostgresStore.at(dsn)


def checked_dsn(dsn: str) -> str:
    """Return the DSN of a named server whose schema is there already; it is never migrated on the way."""
    with closing(connect(dsn)) as connection:
        migrate.check(connection)
    return dsn


def embedded_dsn(settings: Settings, folder: Path, tell: Tell, *, role: str = ROLE) -> str:
    """Return the DSN of a role in the embedded server, which runs and is migrated then."""
    server = start(settings, folder, tell)
    labels = migrated(server.dsn, settings.actor)
    if labels:
        tell(f"migrated its database up to {labels[-1]}")
    return f"{server.dsn} options='-c role={role}'"


def start(settings: Settings, folder: Path, tell: Tell) -> embedded.EmbeddedServer:
    """Make the embedded server of a folder run, and say so when it had to be started."""
    server = embedded.ensure_running(folder, settings.postgres_bin)
    if server.started:
        tell(f"started embedded PostgreSQL in {server.folder}; stop it with `reconciler db stop`")
    return server


def migrated(dsn: str, actor: str, *, dry_run: bool = False) -> tuple[str, ...]:
    """Apply the missing migrations as the owner of `dsn` and name them; with `dry_run` only name them."""
    with closing(connect(dsn)) as connection:
        missing = migrate.pending(connection)
        if missing and not dry_run:
            missing = migrate.migrate(connection, applied_by=actor)
        return tuple(migration.label for migration in missing)


def inspected(dsn: str) -> Server:
    """Return what a server says of itself."""
    with closing(connect(dsn)) as connection:
        missing = {migration.label for migration in migrate.pending(connection)}
        labels = [migration.label for migration in migrate.load()]
        return Server(
            version=connection.info.parameter_status("server_version") or "unknown",
            user=connection.info.user,
            database=connection.info.dbname,
            schema=Schema(
                applied=tuple(label for label in labels if label not in missing),
                missing=tuple(label for label in labels if label in missing),
            ),
        )


def described(settings: Settings, top: Path, environment: Mapping[str, str]) -> str:
    """Say which database this is, without any secret."""
    if settings.dsn is not None:
        return place_of(settings.dsn)
    return f"embedded PostgreSQL in {folder_of(settings, top, environment)}"
