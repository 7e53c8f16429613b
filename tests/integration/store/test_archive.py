"""A day in a file: whole, the same each time, and never believed before it was compared with the database."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest

from reconciler.domain.upkeep import Archived
from reconciler.store.archive import archive_day
from reconciler.store.connection import Connection, connect
from tests.builders.database import Database
from tests.builders.days import (
    ARCHIVE,
    DAY,
    begin_of,
    empty_day,
    lines_of,
    names_in,
    refill_day,
    rewrite,
    some_days,
)

RECONCILER = "rollouts_reconciler"
COLUMNS = [
    *("feature_name", "received_at", "customer_id", "id", "event"),
    *("attempt", "epoch", "is_enabled", "timestamp", "metadata"),
]


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


def archived(folder: Path, events: int = 300, *, is_reused: bool = False) -> Archived:
    return Archived(day=DAY, events=events, path=str(folder / ARCHIVE), is_reused=is_reused)


def test_a_day_is_written_with_every_column_in_the_order_of_its_key(
    connection: Connection, admin: psycopg.Connection[Any], folder: Path
) -> None:
    done = archive_day(connection, folder, DAY)

    stored = admin.execute(
        """
        select to_json(stored) from rollouts.rollout_events stored where received_at::date = %s
        order by feature_name, received_at, customer_id, id
        """,
        [DAY],
    ).fetchall()
    assert done == archived(folder)
    assert lines_of(folder / ARCHIVE) == [row for (row,) in stored]
    assert list(lines_of(folder / ARCHIVE)[0]) == COLUMNS
    assert names_in(folder) == [ARCHIVE]
    assert (folder / ARCHIVE).stat().st_mode & 0o777 == 0o600


def test_the_same_events_make_the_same_file(connection: Connection, folder: Path, tmp_path: Path) -> None:
    archive_day(connection, folder, DAY)
    with connect(f"{connection.info.dsn} options='-c role={RECONCILER} -c timezone=Asia/Tokyo'") as elsewhere:
        archive_day(elsewhere, tmp_path, DAY)

    assert (tmp_path / ARCHIVE).read_bytes() == (folder / ARCHIVE).read_bytes()


def test_what_is_odd_comes_back_as_it_was(
    connection: Connection, admin: psycopg.Connection[Any], folder: Path
) -> None:
    """Ends of lines, quotes, other scripts, numbers that Python can't hold and times that no calendar has."""
    odd = {"customer": 'a\n"b\\\t\x01é漢\U0001f600', "metadata": '{"n": 1e400, "text": "\\n\\u2028\\\\"}'}
    empty_day(admin, DAY)
    admin.execute(
        """
        insert into rollouts.rollout_events
        values ('checkout', %(at)s, %(customer)s, gen_random_uuid(), 'error', 1, 1, true, 'infinity', %(metadata)s)
        """,
        {**odd, "at": begin_of(DAY)},
    )

    assert archive_day(connection, folder, DAY) == archived(folder, 1)
    assert archive_day(connection, folder, DAY) == archived(folder, 1, is_reused=True)
    [line] = lines_of(folder / ARCHIVE)
    assert (line["customer_id"], line["timestamp"]) == (odd["customer"], "infinity")
    assert line["metadata"] == {"n": 10**400, "text": "\n\u2028\\"}


def test_a_day_without_events_is_a_file_without_lines(
    connection: Connection, admin: psycopg.Connection[Any], folder: Path
) -> None:
    empty_day(admin, DAY)

    assert archive_day(connection, folder, DAY) == archived(folder, 0)
    assert lines_of(folder / ARCHIVE) == []


def test_a_file_that_agrees_is_left_as_it_is(connection: Connection, folder: Path) -> None:
    archive_day(connection, folder, DAY)
    before = (folder / ARCHIVE).stat()

    done = archive_day(connection, folder, DAY)

    after = (folder / ARCHIVE).stat()
    assert done == archived(folder, is_reused=True)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert names_in(folder) == [ARCHIVE]


def test_a_day_that_is_gone_leaves_no_file(connection: Connection, folder: Path) -> None:
    assert archive_day(connection, folder, date(2020, 1, 1)) is None
    assert names_in(folder) == []


def test_a_day_that_is_gone_leaves_its_file_alone(
    connection: Connection, admin: psycopg.Connection[Any], folder: Path
) -> None:
    """Somebody else archived it here and dropped it, a moment ago."""
    archive_day(connection, folder, DAY)
    admin.execute("select rollouts.drop_events(%s)", [DAY])

    assert archive_day(connection, folder, DAY) is None
    assert names_in(folder) == [ARCHIVE]


def test_the_order_of_the_lines_is_not_compared(connection: Connection, folder: Path) -> None:
    archive_day(connection, folder, DAY)
    rewrite(folder / ARCHIVE, lambda lines: lines[::-1])

    assert archive_day(connection, folder, DAY) == archived(folder, is_reused=True)


def test_four_at_once_write_it_once(database: Database, admin: psycopg.Connection[Any], folder: Path) -> None:
    barrier = Barrier(4)

    def archive(_number: int) -> Archived | None:
        with connect(database.dsn_for(RECONCILER)) as connection:
            barrier.wait(30)
            return archive_day(connection, folder, DAY)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(archive, range(4)))

    assert sorted(done, key=str) == [archived(folder), *[archived(folder, is_reused=True)] * 3]
    assert names_in(folder) == [ARCHIVE]


def test_memory_does_not_grow_with_the_day(
    connection: Connection, admin: psycopg.Connection[Any], folder: Path
) -> None:
    refill_day(admin, DAY, 15_000)
    tracemalloc.start()
    try:
        archive_day(connection, folder, DAY)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    lines = gzip.decompress((folder / ARCHIVE).read_bytes())
    assert len(lines) > 4_500_000
    assert peak < 1_000_000


def test_a_day_takes_as_long_as_it_is_large(
    database: Database, admin: psycopg.Connection[Any], folder: Path
) -> None:
    refill_day(admin, DAY, 15_000)
    hurried = f"{database.dsn} options='-c role={RECONCILER} -c statement_timeout=20ms'"

    with connect(hurried) as connection:
        assert archive_day(connection, folder, DAY) == archived(folder, 15_000)
