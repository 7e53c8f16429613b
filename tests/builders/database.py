"""Real databases for tests: a server a worker, a migrated template, a clone a test, and a clock to turn."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from reconciler.store.embedded import EmbeddedServer, ensure_running, stop

# Nothing here has to survive a power cut.
FORGETFUL = MappingProxyType({"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"})
_NUMBERS = count(1)
_MEMORY = Path("/dev/shm")
_ENOUGH = 2 << 30  # bytes

_INSTALL_CLOCK = """
create table public.test_clock (moment timestamptz not null);
insert into public.test_clock values (clock_timestamp());
grant select on public.test_clock to public;
create or replace function rollouts.clock() returns timestamptz
language sql volatile
as 'select moment from public.test_clock';
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database of a test; `dsn` is the superuser's way into it."""

    dsn: str

    def dsn_for(self, role: str) -> str:
        """Return the way in for a session that has only what this role may do."""
        return make_conninfo(self.dsn, options=f"-c role={role}")


def a_quick_folder(otherwise: Path) -> Path:
    """Return a new folder in memory, where a database is cloned in a tenth of the time; else the other one."""
    try:
        if shutil.disk_usage(_MEMORY).free >= _ENOUGH:
            return Path(tempfile.mkdtemp(prefix="rollouts-tests-", dir=_MEMORY))
    except OSError:
        pass  # a machine without it
    return otherwise


@contextmanager
def a_server(
    folder: Path, *, binaries: Path | None = None, settings: Mapping[str, str] = FORGETFUL
) -> Iterator[EmbeddedServer]:
    """Run a server in the folder; it ends, and the folder is removed, even when the tests are killed."""
    server = ensure_running(folder, binaries, settings=settings)
    try:
        with _ended_with_us(server.pid):
            yield server
    finally:
        stop(folder)
        shutil.rmtree(folder)


@contextmanager
def a_database(server: EmbeddedServer, *, template: str = "template1") -> Iterator[Database]:
    """Clone a database, and drop it at the end with whatever is still connected to it."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        create = SQL("create database {} template {} strategy file_copy")
        connection.execute(create.format(Identifier(name), Identifier(template)))
    try:
        yield Database(dsn=make_conninfo(server.dsn, dbname=name))
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(SQL("drop database {} with (force)").format(Identifier(name)))


def name_of(database: Database) -> str:
    """Return the name under which the server knows the database."""
    return str(conninfo_to_dict(database.dsn)["dbname"])


def set_clock(connection: psycopg.Connection[Any], moment: datetime) -> None:
    """Stop the database's clock at this moment; the caller is the superuser and commits."""
    installed = connection.execute("select to_regclass('public.test_clock') is not null").fetchone()
    if installed == (False,):
        connection.execute(_INSTALL_CLOCK)
    connection.execute("update public.test_clock set moment = %s", [moment])


@contextmanager
def _ended_with_us(pid: int) -> Iterator[None]:
    """Let the kernel tell a shell when this process is gone, however it went."""
    script = 'read -r reason; [ "$reason" = done ] || kill -INT "$1"'
    watcher = subprocess.Popen(["sh", "-c", script, "sh", str(pid)], stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        watcher.communicate(b"done\n")
