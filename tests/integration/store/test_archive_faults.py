"""Whatever goes wrong with an archive is told, leaves no half of a file, and drops nothing."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler.domain.upkeep import Archived
from reconciler.errors import DatabaseUnavailableError, ReconcilerError, UsageError
from reconciler.store.archive import archive_day, checked_folder
from reconciler.store.connection import Connection, connect
from tests.builders.database import Database
from tests.builders.days import ARCHIVE, DAY, days_of, lines_of, names_in, refill_day, rewrite, some_days

RECONCILER = "rollouts_reconciler"
PARTIAL = f".{ARCHIVE}.partial"
_TOP = Path(__file__).parents[3]


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with some_days(database) as admin:
        yield admin


@pytest.fixture
def connection(database: Database, admin: psycopg.Connection[Any]) -> Iterator[Connection]:
    with connect(database.dsn_for(RECONCILER)) as connection:
        yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def archived(folder: Path, events: int = 300) -> Archived:
    return Archived(day=DAY, events=events, path=str(folder / ARCHIVE))


def rewritten(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    return lambda path: rewrite(path, change)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(cut, "is damaged: Compressed file ended before the end", id="cut off"),
        pytest.param(flip, "is damaged: ", id="a bit flipped"),
        pytest.param(lambda path: path.write_text("hello"), "is damaged: Not a gzipped file", id="foreign"),
        pytest.param(lambda path: path.write_bytes(b""), "has 0 lines, the database 300 events", id="empty"),
        pytest.param(
            rewritten(lambda lines: lines[1:]), "has 299 lines, the database 300 events", id="a line is missing"
        ),
        pytest.param(
            rewritten(lambda lines: [*lines, lines[0]]), "has 301 lines, the database 300 events", id="a line twice"
        ),
        pytest.param(
            rewritten(lambda lines: [lines[1], *lines[1:]]),
            "holds other events than the database, 300 in both",
            id="a line in the place of another",
        ),
        pytest.param(
            rewritten(lambda lines: [*lines[:-1], lines[-1].rstrip()]),
            "holds other events than the database, 300 in both",
            id="the last line has no end",
        ),
        pytest.param(
            rewritten(lambda lines: [lines[0].replace(b"true", b"True"), *lines[1:]]),
            "holds other events than the database, 300 in both",
            id="a byte changed",
        ),
        pytest.param(
            rewritten(lambda lines: [b"x" * 10_000_000]), "lines, the database 300 events", id="one endless line"
        ),
        pytest.param(replace_by_link, "can't be written or read (Too many levels of symbolic links)", id="a link"),
        pytest.param(replace_by_folder, "can't be written or read (Is a directory)", id="a folder"),
        pytest.param(replace_by_pipe, "is no regular file; move it away", id="a pipe"),
    ],
)
def test_a_file_that_differs_is_named_and_never_written_again(
    connection: Connection,
    admin: psycopg.Connection[Any],
    folder: Path,
    spoil: Callable[[Path], None],
    told: str,
) -> None:
    archive_day(connection, folder, DAY)
    spoil(folder / ARCHIVE)
    spoiled = (folder / ARCHIVE).read_bytes() if (folder / ARCHIVE).is_file() else b""

    with pytest.raises(ReconcilerError) as caught:
        archive_day(connection, folder, DAY)

    assert f"{folder / ARCHIVE} " in str(caught.value)
    assert told in str(caught.value)
    assert not (folder / ARCHIVE).is_file() or (folder / ARCHIVE).read_bytes() == spoiled
    assert DAY in days_of(admin)


def test_events_that_came_in_after_the_file_was_written_are_told(
    connection: Connection, admin: psycopg.Connection[Any], folder: Path
) -> None:
    archive_day(connection, folder, DAY)
    admin.execute("update rollouts.rollout_events set attempt = 2 where customer_id = 'customer-7'")

    with pytest.raises(
        ReconcilerError, match="holds other events than the database, 300 in both; nothing of that day"
    ):
        archive_day(connection, folder, DAY)


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_nothing_and_the_next_run_works(
    connection: Connection, admin: psycopg.Connection[Any], folder: Path
) -> None:
    with limited_files(4_096), pytest.raises(ReconcilerError) as caught:
        archive_day(connection, folder, DAY)

    assert str(caught.value) == (
        f"{folder / ARCHIVE} can't be written or read (File too large); nothing of 2026-02-03 was dropped, "
        "look after the folder and its disk"
    )
    assert names_in(folder) == []
    assert DAY in days_of(admin)
    assert archive_day(connection, folder, DAY) == archived(folder)


def test_a_folder_that_is_not_there_is_never_made(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError, match="No such file or directory"):
        archive_day(connection, tmp_path / "unmounted", DAY)
    with pytest.raises(UsageError, match="unmounted is no folder; make it, or mount the disk it is on"):
        checked_folder(tmp_path / "unmounted")


_ALONE = """
import sys
from datetime import date
from pathlib import Path
from reconciler.store.archive import archive_day
from reconciler.store.connection import connect

with connect(sys.argv[1]) as connection:
    archive_day(connection, Path(sys.argv[2]), date.fromisoformat(sys.argv[3]))
"""


def killed_while_writing(database: Database, folder: Path, day: date) -> None:
    """Archive a day in a process of its own, and kill that as soon as something is written."""
    process = subprocess.Popen(
        [sys.executable, "-c", _ALONE, database.dsn_for(RECONCILER), str(folder), str(day)], cwd=_TOP
    )
    deadline = time.monotonic() + 60
    while not ((folder / PARTIAL).exists() and (folder / PARTIAL).stat().st_size):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    assert process.wait(30) == -signal.SIGKILL


def test_a_kill_half_way_leaves_only_the_temporary_file_and_the_next_run_works(
    database: Database, connection: Connection, admin: psycopg.Connection[Any], folder: Path
) -> None:
    refill_day(admin, DAY, 60_000)
    killed_while_writing(database, folder, DAY)

    assert names_in(folder) == [PARTIAL]
    assert DAY in days_of(admin)
    assert archive_day(connection, folder, DAY) == archived(folder, 60_000)
    assert names_in(folder) == [ARCHIVE]
    assert len(lines_of(folder / ARCHIVE)) == 60_000


@pytest.mark.parametrize("moment", ["before the rows", "amid the rows"])
def test_a_database_that_goes_away_leaves_nothing_and_the_next_run_works(
    database: Database, admin: psycopg.Connection[Any], folder: Path, moment: str
) -> None:
    def end(connection: psycopg.Connection[Any]) -> None:
        admin.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])

    class Fused(psycopg.Cursor[Any]):
        @contextmanager
        def copy(self, *arguments: Any, **named: Any) -> Iterator[psycopg.Copy]:
            if moment == "before the rows":
                end(self.connection)
            with super().copy(*arguments, **named) as rows:
                if moment == "amid the rows":
                    end(self.connection)
                yield rows

    refill_day(admin, DAY, 15_000)
    with connect(database.dsn_for(RECONCILER)) as fused, connect(database.dsn_for(RECONCILER)) as next_one:
        fused.cursor_factory = Fused
        with pytest.raises(DatabaseUnavailableError, match=r"the database failed: .*; try again when it is well"):
            archive_day(fused, folder, DAY)

        assert names_in(folder) == []
        assert DAY in days_of(admin)
        assert archive_day(next_one, folder, DAY) == archived(folder, 15_000)
