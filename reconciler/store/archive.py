"""A day of events in a file, compared with the database before anything is dropped.

The finished file is read back. It has to agree with a count and a sum of hashes that the database makes of the same
rows by itself.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from reconciler.domain.upkeep import Archived
from reconciler.errors import ReconcilerError, UsageError
from reconciler.store.connection import Connection
from reconciler.store.durable import open_plain, write_once
from reconciler.store.failures import translated
from reconciler.store.partitions import UNHURRIED, is_there
from reconciler.store.statements import statement

_ONE_VIEW = b"set transaction isolation level repeatable read; set local timezone = 'UTC'"
_CHUNK = 65_536
_LONGEST_LINE = 65_536  # several times what the database lets an event have


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """How many events, and the sum of eight bytes of a hash of each: their order plays no part."""

    events: int
    total: int


def checked_folder(folder: Path) -> Path:
    """Return a folder that is there; it is never made, as the disk it is on may only not be mounted."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; make it, or mount the disk it is on")
    return folder


def archive_day(connection: Connection, folder: Path, day: date) -> Archived | None:
    """Have a day in a file that agrees with the database; None when somebody dropped the day meanwhile.

    A file that is there already is never written again: it agrees, or this fails.
    """
    path = folder / f"rollout_events_{day:%Y%m%d}.jsonl.gz"
    try:
        with translated():
            written = _written(connection, day, path)
            expected = written or _digest_of_day(connection, day)
        found = None if expected is None else _digest_of_file(path)
    except OSError as error:
        fact = f"{path} can't be written or read ({error.strerror})"
        raise ReconcilerError(
            f"{fact}; nothing of {day} was dropped, look after the folder and its disk"
        ) from error
    if expected is None or found is None:
        return None
    if found != expected:
        raise _unequal(path, _difference(found, expected))
    return Archived(day=day, events=found.events, path=str(path), is_reused=written is None)


def _written(connection: Connection, day: date, path: Path) -> Digest | None:
    """Write a day; None when its file is there, or the day is gone."""
    if os.path.lexists(path):
        return None
    return write_once(path, lambda file: _copied(connection, day, file))


def _copied(connection: Connection, day: date, file: BinaryIO) -> Digest | None:
    """Write the lines of a day, and return the digest of what was seen at the same moment."""
    with _one_view(connection):
        digest = _digest_by_database(connection, day)
        if digest is not None:
            # Without a name and a time in it, equal events make equal files.
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                _copy(connection, day, packed)
        return digest


def _copy(connection: Connection, day: date, packed: gzip.GzipFile) -> None:
    copying = connection.cursor().copy(statement("copy_day"), _stretch(day))
    with io.BufferedWriter(packed, _CHUNK) as lines, copying as rows:
        for (line,) in rows.rows():
            lines.write(line)
            lines.write(b"\n")


def _digest_of_day(connection: Connection, day: date) -> Digest | None:
    with _one_view(connection):
        return _digest_by_database(connection, day)


def _digest_by_database(connection: Connection, day: date) -> Digest | None:
    [row] = connection.execute(statement("digest_day"), _stretch(day)).fetchall()
    # Having read it, this transaction keeps it from being dropped.
    return Digest(events=row["events"], total=int(row["total"])) if is_there(connection, day) else None


def _digest_of_file(path: Path) -> Digest:
    events = total = 0
    try:
        with open_plain(path) as file, gzip.GzipFile(fileobj=file) as lines:
            for line in iter(lambda: lines.readline(_LONGEST_LINE), b""):
                events += 1
                # Without its end, or in pieces, a line loses a byte here that counts.
                total += int.from_bytes(sha256(line[:-1]).digest()[:8], signed=True)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _unequal(path, f"is damaged: {str(error).rstrip('.')}") from error
    return Digest(events=events, total=total)


def _difference(found: Digest, expected: Digest) -> str:
    if found.events == expected.events:
        return f"holds other events than the database, {found.events:,} in both"
    return f"has {found.events:,} lines, the database {expected.events:,} events"


def _unequal(path: Path, fact: str) -> ReconcilerError:
    return ReconcilerError(f"{path} {fact}; nothing of that day was dropped: move the file away and archive again")


@contextmanager
def _one_view(connection: Connection) -> Iterator[None]:
    """What is read in here is of one moment, in UTC, however long it takes."""
    with connection.transaction():
        connection.execute(_ONE_VIEW)
        connection.execute(UNHURRIED)
        yield


def _stretch(day: date) -> dict[str, datetime]:
    begins = datetime.combine(day, time.min, UTC)
    return {"begins": begins, "ends": begins + timedelta(days=1)}
