"""The folder of a private clone: one process at a time, and nothing in it but what we put there.

It holds a bare repository with one branch, a configuration of ours to the byte, and a mark that says whose clone of
what it is. A folder without the mark belongs to somebody else and is never deleted.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.failpoints import reach
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.text import one_line

MOST_PROCESSES = 16
_MARK = "reconciler-clone"
_KNOWN = frozenset({_MARK, "HEAD", "config", "objects", "refs", "packed-refs", "shallow"})
_CROWD = 27  # loose objects in one of 256 folders: some 7,000 in all, where git itself would pack them
_PRIVATE_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC

_CONFIGURATION = """\
[core]
\trepositoryformatversion = {version}
\tbare = true
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
_SHA256 = "[extensions]\n\tobjectFormat = sha256\n"
_CONFIGURATIONS = {
    "sha1": _CONFIGURATION.format(version=0),
    "sha256": _CONFIGURATION.format(version=1) + _SHA256,
}


class Folder:
    """A folder that this process alone uses; `what` says of what it holds a clone."""

    def __init__(self, path: Path, *, what: str, branch: str) -> None:
        self.path = path
        self._mark = f"{what}\n{branch}\n"
        self._head = f"ref: {branch}\n"

    @property
    def object_format(self) -> str | None:
        """The hash of object ids; None when there is no whole repository here."""
        if not all(_is_folder(self.path / name) for name in ("objects", "objects/pack", "refs", "refs/heads")):
            return None
        written = _text_of(self.path / "config")
        return next((name for name, text in _CONFIGURATIONS.items() if text == written), None)

    def settle(self) -> None:
        """Delete whatever git should not find here, and all of a clone that is not whole or of something else."""
        with self._explained():
            self._take()
            if self._is_ours() and self.object_format is not None:
                if _text_of(self.path / "HEAD") != self._head:
                    _write(self.path / "HEAD", self._head)
                self._sweep_strangers()
            else:
                self.remove()
        self.sweep()
        reach("clone.settled")

    def make(self, object_format: str) -> None:
        """Make an empty repository, in place of whatever was here."""
        reach("clone.making")
        with self._explained():
            self.remove()
            _write(self.path / _MARK, self._mark)
            reach("clone.marked")
            git = Plumbing(self.path)
            git.write("init", "--bare", "--quiet", "--template=", f"--object-format={object_format}", ".")
            _write(self.path / "HEAD", self._head)
            # Last: only a repository with exactly this configuration counts as whole.
            _write(self.path / "config", _CONFIGURATIONS[object_format])
        reach("clone.made")

    def remove(self) -> None:
        """Delete the clone, and through no link anything else."""
        reach("clone.removing")
        with self._explained():
            self._take()
            _open_up(self.path)
            for item in self.path.iterdir():
                # The mark goes last: as long as anything is here it says whose.
                if item.name != _MARK:
                    _delete(item)
            (self.path / _MARK).unlink(missing_ok=True)
        reach("clone.removed")

    def sweep(self) -> None:
        """Delete what killed runs of git leave behind: locks and half-written objects."""
        reach("clone.sweeping")
        with self._explained():
            for parent, folders, files in os.walk(self.path):
                for name in [name for name in (*folders, *files) if _is_left_over(name)]:
                    _delete(Path(parent, name))
                folders[:] = [name for name in folders if not _is_left_over(name)]

    def why_not_writable(self) -> str | None:
        """Write a file as large as a small pack, and return what keeps us from it; None when nothing does."""
        probe = self.path / "tmp_probe"
        try:
            with probe.open("wb") as file:
                file.write(os.urandom(1 << 20))
                file.flush()
                os.fsync(file)
        except OSError as error:
            return error.strerror or type(error).__name__
        finally:
            with suppress(OSError):
                probe.unlink()
        return None

    @property
    def is_crowded(self) -> bool:
        """Whether there are so many loose objects that they had better be packed."""
        with suppress(OSError):
            return sum(1 for _ in (self.path / "objects/17").iterdir()) > _CROWD
        return False

    def _take(self) -> None:
        """Make the folder, or make sure that it is ours to write and to delete; nobody else's is touched."""
        with suppress(FileExistsError):
            self.path.mkdir(mode=0o700)
        if not _is_folder(self.path):
            raise _not_ours(self.path, "is no folder, or a link to one")
        marked = _is_file(self.path / _MARK)
        # A mark that was about to be written is all that we leave behind without one.
        if not marked and {item.name for item in self.path.iterdir()} - {_unfinished(_MARK)}:
            raise _not_ours(self.path, "holds something else than a clone of ours")
        if self.path.stat().st_uid != os.geteuid():
            shutil.rmtree(self.path)
            self.path.mkdir(mode=0o700)
        self.path.chmod(0o700)

    def _is_ours(self) -> bool:
        return _text_of(self.path / _MARK) == self._mark

    def _sweep_strangers(self) -> None:
        # Hooks, alternates, a worktree's configuration: git would heed them, and we have none.
        strangers = [item for item in self.path.iterdir() if item.name not in _KNOWN]
        for item in (*strangers, self.path / "objects/info"):
            if os.path.lexists(item):
                _delete(item)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unusable(self.path, error) from error


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold `folder`, or when another process does the first of `folder-2`, `folder-3` … that is free."""
    for number in range(1, MOST_PROCESSES + 1):
        path = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        lock = _taken(path)
        if lock is not None:
            try:
                yield path
            finally:
                os.close(lock)
            return
    raise RepositoryError(
        f"{one_line(folder)}: {MOST_PROCESSES} processes have a clone here already; "
        "end one of them, or name another folder"
    )


def unusable(folder: Path, error: OSError) -> RepositoryError:
    """Return the error for a folder that the system keeps us from using."""
    said = error.strerror or type(error).__name__
    return RepositoryError(
        f"{one_line(folder)}: can't be used for the clone ({said}); "
        "check its owner, its rights and the disk, or name another folder"
    )


def _taken(path: Path) -> int | None:
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(lock, _PRIVATE_FILE, 0o600)
    except OSError as error:
        raise unusable(path, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        if isinstance(error, BlockingIOError):
            return None
        raise unusable(path, error) from error
    return file


def _not_ours(path: Path, fact: str) -> RepositoryError:
    return RepositoryError(f"{one_line(path)}: {fact}; name an empty folder, or one that is not there yet")


def _unfinished(name: str) -> str:
    return f"tmp_{name}"


def _write(path: Path, text: str) -> None:
    new = path.with_name(_unfinished(path.name))
    with suppress(FileNotFoundError):
        new.unlink()
    with os.fdopen(os.open(new, _PRIVATE_FILE | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if _is_file(path) else None
    except (OSError, UnicodeError):
        return None


def _is_left_over(name: str) -> bool:
    return name.endswith((".lock", ".keep")) or name.startswith(("tmp_", ".tmp-", "incoming-"))


def _delete(path: Path) -> None:
    if _is_folder(path):
        _open_up(path)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _open_up(folder: Path) -> None:
    """Let us delete what lies in a folder of ours whose rights somebody took away."""
    folder.chmod(0o700)
    for item in list(os.scandir(folder)):
        if item.is_dir(follow_symlinks=False):
            _open_up(Path(item.path))


def _is_folder(path: Path) -> bool:
    with suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False


def _is_file(path: Path) -> bool:
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False
