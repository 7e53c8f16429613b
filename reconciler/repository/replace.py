"""One file of the working tree replaced as a whole: the old one stays until the new one is on disk."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from reconciler.errors import ConflictError, RepositoryError
from reconciler.failpoints import reach
from reconciler.repository.text import one_line

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ENDING = ".edit"  # hidden and no YAML by name: nobody reads it for a definition
_BUSY = frozenset({errno.EAGAIN, errno.EACCES})
_PATIENCE, _PAUSE = 30.0, 0.02  # seconds, of which an edit takes a part of one, and the hooks of a commit more


@contextmanager
def alone(top: Path, root: str) -> Iterator[None]:
    """Keep other edits of this root waiting, from the first look at its files to the last write.

    ConflictError when somebody else is at it for long. Where folders can't be locked, as on some network file
    systems, an edit of a file that changed meanwhile is refused all the same.
    """
    with ExitStack() as held:
        with suppress(OSError):  # without a folder, whoever reads it says what is wrong
            folder = os.open(top / root, _FOLDER)
            held.callback(os.close, folder)
            _take(folder, root)
        yield


def replace_file(top: Path, path: str, before: bytes, after: bytes) -> None:
    """Put `after` in the place of a plain file that holds `before`; mode and, where that is allowed, owner stay.

    ConflictError when it holds something else by now; RepositoryError when it is read-only or can't be written. In
    both cases, and when the process is killed, the file is whole: the old one or the new one.
    """
    folder, _, name = path.rpartition("/")
    try:
        parent = os.open(top / folder, _FOLDER)
        try:
            facts = _checked(parent, name, path, before)
            _sweep(parent, name)
            _swap(parent, name, after, facts)
        finally:
            os.close(parent)
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise RepositoryError(
            f"{one_line(path)} can't be written ({said}), it is as it was; check its folder and the disk"
        ) from error


def _take(folder: int, root: str) -> None:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _BUSY:
                raise
        else:
            return
        if time.monotonic() > ends:
            raise ConflictError(f"{one_line(root)}: another edit has not ended for {_PATIENCE:g} s; try again")
        time.sleep(_PAUSE)


def _checked(folder: int, name: str, path: str, before: bytes) -> os.stat_result:
    file = os.open(name, _OLD, dir_fd=folder)
    with open(file, "rb") as opened:  # noqa: PTH123 -- a descriptor
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode) or opened.read(len(before) + 1) != before:
            raise ConflictError(f"{one_line(path)}: changed while it was edited, and is left so; try again")
    # To a superuser every file seems writable, so the mode is asked as well.
    if not facts.st_mode & 0o222 or not os.access(name, os.W_OK, dir_fd=folder, effective_ids=True):
        raise RepositoryError(f"{one_line(path)} is read-only, so it is left as it is; run `chmod u+w` on it")
    return facts


def _sweep(folder: int, name: str) -> None:
    # Left by an edit that was killed.
    for each in os.listdir(folder):
        if each.startswith(f".{name}.") and each.endswith(_ENDING):
            os.unlink(each, dir_fd=folder)


def _swap(folder: int, name: str, content: bytes, facts: os.stat_result) -> None:
    beside = f".{name}.{secrets.token_hex(4)}{_ENDING}"
    reach("edit.writing")
    try:
        _write(folder, beside, content, facts)
        reach("edit.written")
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside, dir_fd=folder)
        raise
    reach("edit.replaced")
    with suppress(OSError):  # some file systems don't know it for folders
        os.fsync(folder)


def _write(folder: int, name: str, content: bytes, facts: os.stat_result) -> None:
    with open(os.open(name, _NEW, 0o600, dir_fd=folder), "wb") as file:  # noqa: PTH123 -- a descriptor
        file.write(content)
        file.flush()
        with suppress(PermissionError):
            os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
        os.fchmod(file.fileno(), stat.S_IMODE(facts.st_mode))
        os.fsync(file.fileno())
