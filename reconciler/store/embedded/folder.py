"""The folder of one embedded server: where it lies, whose it is, and who may work in it now."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import DatabaseUnavailableError, UsageError

if sys.platform != "win32":
    import fcntl

_PRODUCT = "rollout-reconciler"
_NAME_LIMIT = 40
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # control characters, bytes that are no UTF-8
# A socket's address holds 104 bytes on macOS and 108 on Linux, with its name and a closing zero.
_SOCKET_FOLDER_LIMIT = 103 - len("/.s.PGSQL.5432")


def default_folder(environment: Mapping[str, str], repository: Path) -> Path:
    """Return the user's data folder for this repository; two clones never share one."""
    resolved = repository.resolve()
    name = f"{resolved.name[:_NAME_LIMIT]}-{_digest(resolved)[:8]}"
    return _data_home(environment) / _PRODUCT / name


def clones_folder(environment: Mapping[str, str]) -> Path:
    """Return where the user's private clones of remotes lie."""
    return _data_home(environment) / _PRODUCT / "clones"


def prepare(folder: Path) -> Path:
    """Make the folder if it is not there, check that it is ours alone, and return its resolved path."""
    resolved = resolve(folder)
    if _UNSPEAKABLE.search(str(resolved)):
        raise UsageError(
            f"data folder {str(resolved)!r}: PostgreSQL can't be told of such characters; choose another name"
        )
    try:
        resolved.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(resolved, error) from error
    refuse_foreign(resolved)
    return resolved


def resolve(folder: Path) -> Path:
    """Return the folder without links on its way."""
    try:
        return folder.resolve()
    except (OSError, RuntimeError) as error:  # the latter, before Python 3.13, for links in a circle
        raise UsageError(f"data folder {folder}: its links lead in a circle; name another") from error


def refuse_foreign(folder: Path) -> None:
    """Raise unless the folder is this user's, and nobody else may write into it."""
    try:
        facts = folder.stat()
    except OSError as error:
        raise unusable(folder, error) from error
    if facts.st_uid != os.geteuid():
        raise UsageError(
            f"data folder {folder}: it belongs to user id {facts.st_uid}, this command runs as {os.geteuid()}; "
            f"run as its owner, or pass another folder or --dsn"
        )
    if facts.st_mode & 0o022:
        raise UsageError(f"data folder {folder}: others may write into it; run `chmod 700` on it")


def unusable(folder: Path, error: OSError) -> DatabaseUnavailableError:
    """Return the error that explains why a folder can't be worked in."""
    reason = error.strerror or str(error)
    return DatabaseUnavailableError(f"data folder {folder}: {reason}; choose another folder or pass --dsn")


@contextmanager
def guard(folder: Path, *, patience: float) -> Iterator[None]:
    """Let one command at a time start or stop the server; the kernel frees the lock of a killed one."""
    try:
        descriptor = os.open(folder / "guard", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        _lock(descriptor, folder, patience)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def claim(folder: Path, *, patience: float = 2.0) -> Iterator[int]:
    """Yield a locked descriptor that the server inherits: as long as it lives, anywhere, nobody starts another.

    A process that can't be seen from here, in another container on the same volume, is known by the lock alone.
    """
    try:
        descriptor = os.open(folder / "running", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        deadline = time.monotonic() + patience
        while not _is_free(descriptor):
            if time.monotonic() >= deadline:
                raise DatabaseUnavailableError(
                    f"data folder {folder}: a server that can't be seen from here works in it, perhaps in another "
                    "container; stop it there, or choose another folder"
                )
            time.sleep(0.01)
        yield descriptor
    finally:
        os.close(descriptor)


def socket_folder(folder: Path) -> Path:
    """Return a private folder for the socket, in the temporary folder when the own path can't hold one."""
    own = folder / "socket"
    if _can_hold_socket(own):
        return _private(own)
    name = f"{_PRODUCT}-{os.geteuid()}-{_digest(folder)[:16]}"
    outside = [Path(parent) / name for parent in (tempfile.gettempdir(), "/tmp")]  # noqa: S108 - checked by _private
    return _private(next(path for path in outside if _can_hold_socket(path)))


def _data_home(environment: Mapping[str, str]) -> Path:
    # The XDG base directory specification: a relative path is invalid and is ignored.
    if (given := environment.get("XDG_DATA_HOME", "")).startswith("/"):
        return Path(given)
    if not (home := environment.get("HOME", "")):
        raise UsageError(
            "no place for the embedded database: HOME and XDG_DATA_HOME are unset; set one or pass --dsn"
        )
    return Path(home) / ".local" / "share"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()


def _lock(descriptor: int, folder: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                raise unusable(folder, error) from error
        time.sleep(0.01)
    raise DatabaseUnavailableError(
        f"data folder {folder}: another command has been starting or stopping the server for {patience:.0f} s; "
        f"wait for it or end it"
    )


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _can_hold_socket(path: Path) -> bool:
    """Tell whether libpq can be given this path: a comma would part it in two hosts."""
    return len(os.fsencode(path)) <= _SOCKET_FOLDER_LIMIT and "," not in str(path)


def _private(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        facts = path.lstat()
    except OSError as error:
        raise unusable(path, error) from error
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise DatabaseUnavailableError(
            f"socket folder {path}: it must be a folder of user id {os.geteuid()} with mode 0700; remove it"
        )
    return path
