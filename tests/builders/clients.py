"""Clients for tests: opened as an application would, on rollouts that a scene applied, and what they stored.

with a_client(database) as rollouts:
    rollouts.record_error("checkout", "ada")
    assert stored(database, rollouts) == [("checkout", "ada", "error", True)]
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from reconciler.client import RolloutClient
from tests.builders.database import Database, name_of

_SOURCE = Path(__file__).parents[2]
ROLE = "rollouts_application"
# Whoever runs the tests in the background ignores it, and so would a child.
HEED_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


@contextmanager
def a_client(database: Database, **named: Any) -> Iterator[RolloutClient]:
    """Open a client with what an application may do; it never touches the signals of the tests."""
    with RolloutClient(database.dsn_for(ROLE), **{"handle_sigterm": False, **named}) as rollouts:
        yield rollouts


def stored(database: Database, rollouts: RolloutClient | None = None) -> list[tuple[str, str, str, bool]]:
    """Return feature, customer, event and on or off of everything stored, sorted; flushes the client first."""
    if rollouts is not None:
        assert rollouts.flush(10)
    return [tuple(row) for row in asked(database, "feature_name, customer_id, event, is_enabled", "1, 2, 3")]


def asked(database: Database, columns: str, order: str = "received_at") -> list[tuple[Any, ...]]:
    """Return columns of every stored event."""
    with psycopg.connect(database.dsn) as connection:
        query = f"select {columns} from rollouts.rollout_events order by {order}"
        return connection.execute(query.encode()).fetchall()


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something is so; fail when it never is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to this"
        time.sleep(0.005)


def cut_off(database: Database, *, refuse: bool = False) -> None:
    """End every session of the database; with `refuse` nobody gets in again until `let_in`."""
    with _beside(database) as admin:
        if refuse:
            admin.execute(f"alter database {name_of(database)} allow_connections false")
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name_of(database)]
        )


def let_in(database: Database) -> None:
    """Let sessions in again."""
    with _beside(database) as admin:
        admin.execute(f"alter database {name_of(database)} allow_connections true")


def run_script(script: str, *arguments: str, **named: Any) -> subprocess.Popen[str]:
    """Start a Python program of its own, which finds the product and these builders."""
    return subprocess.Popen(
        [sys.executable, "-c", HEED_CTRL_C + script, *arguments],
        cwd=_SOURCE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **named,
    )


@contextmanager
def _beside(database: Database) -> Iterator[psycopg.Connection[Any]]:
    dsn = psycopg.conninfo.make_conninfo(database.dsn, dbname="postgres")
    with psycopg.connect(dsn, autocommit=True) as admin:
        yield admin
