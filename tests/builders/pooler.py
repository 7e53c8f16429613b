"""PgBouncer in transaction mode in front of a test's server: each transaction may run on another session.

with a_pooled(tmp_path, database) as pooled:
    store = PostgresStore.at(pooled.dsn_for("rollouts_reconciler"))      # through it, as a login with that role
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from reconciler.store.embedded.cluster import unprivileged
from tests.builders.database import Database, name_of

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
_ROLES = ("rollouts_reconciler", "rollouts_application", "rollouts_reader")
needs_pooler = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed (Debian's package pgbouncer)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled(Database):
    """A database behind a pooler; `dsn` is the superuser's way past it."""

    port: int

    def dsn_for(self, role: str) -> str:
        """Return the way in through the pooler, for a login that was granted this role."""
        name = name_of(self)
        return make_conninfo(host="127.0.0.1", port=self.port, user=f"{role}_{name}", dbname=name)


@contextmanager
def a_pooled(folder: Path, database: Database, *, sessions: int = 3) -> Iterator[Pooled]:
    """Run a pooler with few sessions, so that all share them."""
    assert PROGRAM is not None
    place = folder / "pooler"
    place.mkdir()
    pooled = Pooled(dsn=database.dsn, port=_free_port())
    users = {f"{role}_{name_of(database)}": role for role in _ROLES}
    (place / "users.txt").write_text("".join(f'"{user}" ""\n' for user in users))
    settings = _settings(conninfo_to_dict(database.dsn), place, pooled.port, sessions)
    (place / "pooler.ini").write_text(settings)
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        for user, role in users.items():
            admin.execute(SQL("create role {} login in role {}").format(Identifier(user), Identifier(role)))
        process = subprocess.Popen(unprivileged([PROGRAM, place / "pooler.ini"]), stderr=subprocess.DEVNULL)
        try:
            _wait_for(pooled.port)
            yield pooled
        finally:
            process.terminate()
            process.wait(10)
            for name in map(Identifier, users):
                admin.execute(SQL("drop owned by {} cascade; drop role {}").format(name, name))


def _settings(server: Mapping[str, object], place: Path, port: int, sessions: int) -> str:
    return f"""
[databases]
* = host={server["host"]} port={server["port"]}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {place}/users.txt
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
server_reset_query =
logfile = {place}/log
pidfile = {place}/pid
"""


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


def _wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "PgBouncer did not begin to listen"
            time.sleep(0.05)
        else:
            return
