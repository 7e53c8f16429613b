"""A primary and its asynchronous standby, which may lose the last commits and be promoted all the same.

with a_pair(folder) as pair:
    pair.catch_up()
    pair.cut()                    # from here on the standby gets nothing
    ...
    pair.promote()                # the primary is gone, and with it what it committed since
    store = PostgresStore.at(pair.standby_dsn)
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from reconciler.store.embedded import EmbeddedServer, find_binaries, stop
from reconciler.store.embedded.cluster import environment, unprivileged
from tests.builders.clients import until
from tests.builders.database import a_server

_SETTINGS = {
    "fsync": "off",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "wal_keep_size": "64MB",
    "hot_standby": "on",
}


@dataclass
class Pair:
    """Two servers; the superuser's way into each."""

    primary: EmbeddedServer
    standby_dsn: str
    process: subprocess.Popen[bytes]

    def catch_up(self) -> None:
        """Wait until the standby has everything."""
        with psycopg.connect(self.primary.dsn, autocommit=True) as primary:
            [(at,)] = primary.execute("select pg_current_wal_lsn()").fetchall()
        with psycopg.connect(self.standby_dsn, autocommit=True) as standby:
            query = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
            until(lambda: standby.execute(query, [at]).fetchone() == (True,), 30)

    def cut(self) -> None:
        """Let the standby get nothing from now on."""
        with psycopg.connect(self.standby_dsn, autocommit=True) as standby:
            standby.execute("alter system set primary_conninfo = ''")
            standby.execute("select pg_reload_conf()")
            query = "select count(*) from pg_stat_wal_receiver"
            until(lambda: standby.execute(query).fetchone() == (0,), 30)

    def promote(self) -> None:
        """Lose the primary and make the standby the server that counts."""
        stop(self.primary.folder)
        with psycopg.connect(self.standby_dsn, autocommit=True) as standby:
            standby.execute("select pg_promote(true, 60)")


@contextmanager
def a_pair(folder: Path) -> Iterator[Pair]:
    """Run a primary and copy a standby from it; both end with the block."""
    with a_server(folder / "primary", settings=_SETTINGS) as primary:
        data, sockets = folder / "standby", folder / "sockets"
        sockets.mkdir(mode=0o700)
        server = conninfo_to_dict(primary.dsn)
        copy = [find_binaries() / "pg_basebackup", "-R", "-X", "stream", "-c", "fast", "-D", data]
        where = ["-h", str(server["host"]), "-p", str(server["port"]), "-U", "postgres"]
        subprocess.run(unprivileged([*map(str, copy), *where]), check=True, env=environment(), capture_output=True)
        options = {"unix_socket_directories": str(sockets), "listen_addresses": "", "port": "5432", **_SETTINGS}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        process = subprocess.Popen(
            unprivileged([find_binaries() / "postgres", "-D", data, *words]),
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        dsn = make_conninfo(primary.dsn, host=str(sockets))
        try:
            _wait_for(dsn)
            yield Pair(primary=primary, standby_dsn=dsn, process=process)
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(dsn: str) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            assert time.monotonic() < end, "the standby did not come up"
            time.sleep(0.1)
        else:
            return
