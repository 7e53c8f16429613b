"""A file that has its name only when it is whole and on the disk; who comes second leaves it as it is."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from reconciler.errors import ReconcilerError

Result = TypeVar("Result")

_OWNER_ONLY = 0o600  # what is kept here names customers


def write_once(path: Path, write: Callable[[BinaryIO], Result | None]) -> Result | None:
    """Write a file and return what `write` returns of it; None, and no file, when that is None.

    None also when the file is there: another process may write it while this one waits to begin.
    """
    with _temporary(path) as (file, temporary):
        result = None if os.path.lexists(path) else write(file)
        if result is None:
            return None
        file.flush()
        os.fsync(file.fileno())
        temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return result


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading; a link, a pipe or a folder in its place is an error and not waited for."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)

    file = open(path, "rb", opener=opener)  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ReconcilerError(f"{path} is no regular file; move it away")
    return file


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Open the empty temporary file of a path for this process alone, and remove it unless it was renamed.

    It has one name, so that what a killed process left is used again; the lock on it ends with its process.
    """
    temporary = path.with_name(f".{path.name}.partial")
    while True:
        with open(temporary, "ab", opener=_open_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file, temporary):
                continue  # whoever had it finished or gave up
            try:
                file.truncate(0)
                yield file, temporary
            finally:
                temporary.unlink(missing_ok=True)
            return


def _open_private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, _OWNER_ONLY)


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
