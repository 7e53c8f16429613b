"""An apply that is killed at its n-th statement: as a process of its own, or by losing its backend.

python -m tests.builders.killing DSN STATEMENT before|during|after
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psycopg

from reconciler.store.connection import Connection, connect
from reconciler.store.postgres import PostgresStore
from tests.builders.applying import History, some_files

BEFORE = some_files(
    climbs=1, falls=1, edited={"tier": 1, "whitelist": ["ada"]}, finished={"tier": 1, "target": 1}, kept=0
)
AFTER = some_files(
    climbs=2, falls=0, edited={"tier": 1, "whitelist": ["bob"], "paused": True}, kept=0, fresh=1, planned=0
)
HISTORY = History(trees=[BEFORE, AFTER])
MOMENTS = ("before", "during", "after")

_TOP = Path(__file__).parents[2]

Strike = Callable[[Connection, str], None]


def killed_at(dsn: str, statement: int, moment: str) -> bool:
    """Apply the second commit in a process that kills itself; False when it ended before it came to that."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.builders.killing", dsn, str(statement), moment],
        cwd=_TOP,
        check=False,
        capture_output=True,
        text=True,
    )
    assert process.returncode in {0, -signal.SIGKILL}, process.stderr
    return process.returncode != 0


def fused(dsn: str, statement: int, strike: Strike) -> PostgresStore:
    """Return a store that calls `strike` at its n-th statement, on whichever connection that is."""
    count = iter(range(1, 1_000_000))

    class Fused(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **named: Any) -> Self:
            if next(count) != statement:
                return super().execute(query, params, **named)
            text = psycopg.ClientCursor(self.connection).mogrify(query, params)
            strike(self.connection, text)
            return super().execute(query, params, **named)

    def open_fused() -> Connection:
        connection = connect(dsn)
        connection.cursor_factory = Fused
        return connection

    return PostgresStore(open_fused)


def lose_backend(connection: Connection, _statement: str) -> None:
    """End the server's side of a connection, as a failover or an administrator does."""
    with connect(connection.info.dsn) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])


def _kill(moment: str) -> Strike:
    def strike(connection: Connection, statement: str) -> None:
        if moment == "during":
            connection.pgconn.send_query(statement.encode())
            while connection.pgconn.flush():
                pass
        if moment == "after":
            connection.pgconn.exec_(statement.encode())
        os.kill(os.getpid(), signal.SIGKILL)

    return strike


if __name__ == "__main__":
    HISTORY.apply(fused(sys.argv[1], int(sys.argv[2]), _kill(sys.argv[3])), 2)
