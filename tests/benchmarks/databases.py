"""A migrated database of its own for a benchmark, durable as in production."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from reconciler.store.embedded import ensure_running, stop
from reconciler.store.migrate import migrate


@contextmanager
def a_migrated_database() -> Iterator[str]:
    """Run a server in a temporary folder and yield the DSN of its migrated database."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "server"
        server = ensure_running(place)
        try:
            with psycopg.connect(server.dsn) as connection:
                migrate(connection, applied_by="benchmark")
            yield server.dsn
        finally:
            stop(place)
