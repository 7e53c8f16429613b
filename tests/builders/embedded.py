"""Embedded servers under attack: commands to start and kill, and folders to start from."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from reconciler.store.connection import connect
from reconciler.store.embedded import stop

_COMMAND = """
import os, sys
from pathlib import Path
from reconciler.errors import ReconcilerError
from reconciler.store.embedded import ensure_running, stop
folder, binaries, user = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
if user:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
try:
    server = ensure_running(folder, binaries, settings={"fsync": "off"})
    print(server.dsn)
except ReconcilerError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
if "stop" in sys.argv:
    stop(folder)
"""


@contextmanager
def a_folder() -> Iterator[Path]:
    """Name a data folder, not made yet, with a path short enough for a socket; its server ends with the test."""
    with tempfile.TemporaryDirectory(prefix="rr-") as parent:
        folder = Path(parent).resolve() / "own"
        yield folder
        stop(folder)


def a_command(
    folder: Path,
    binaries: Path,
    *words: str,
    user: int = 0,
    under: Sequence[str] = (),
    keep: Sequence[int] = (),
) -> subprocess.Popen[str]:
    """Start a process that makes the server of the folder run, says its DSN and ends."""
    return subprocess.Popen(
        [*under, sys.executable, "-c", _COMMAND, str(folder), str(binaries), str(user), *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
        pass_fds=keep,
    )


def said_by(command: subprocess.Popen[str]) -> str:
    """Wait for the command and return what it said."""
    return command.communicate(timeout=60)[0].strip()


def wait_for(folder: Path, pattern: str) -> None:
    """Return as soon as something of this name is in the folder."""
    deadline = time.monotonic() + 30
    while not any(folder.glob(pattern)):
        assert time.monotonic() < deadline, f"{pattern} never appeared"
        time.sleep(0.001)


def write_row(dsn: str, word: str) -> None:
    """Store a word that has to outlive what the test does next."""
    with psycopg.connect(dsn) as connection:
        connection.execute("create table if not exists public.kept (word text)")
        connection.execute("insert into public.kept values (%s)", [word])


def rows(dsn: str) -> list[str]:
    """Return the words that are there."""
    with connect(dsn) as connection:
        return [row["word"] for row in connection.execute("select word from public.kept").fetchall()]
