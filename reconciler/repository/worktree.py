"""The files of the working tree as git would store them: no link followed, nothing but regular files opened."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler.definitions.source import Entry, EntryKind
from reconciler.errors import RepositoryError
from reconciler.repository.paths import LARGEST, normalized, not_a_folder
from reconciler.repository.text import one_line

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO put in its place must not hang us
_GONE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR})
_DEEPEST = 100


def worktree_entries(top: Path, root: str, *, object_format: str = "sha1") -> tuple[Entry, ...] | None:
    """Return what lies below `root`, in git's order, with the blob id each would get; None without a folder."""
    root = normalized(root)
    with _opened_folder(top, root) as folder:
        if folder is None:
            return None
        if root and _is_repository(folder):
            raise not_a_folder(root, EntryKind.SUBMODULE, where="in the working tree")
        found = _walk(folder, root, object_format, depth=0)
        return tuple(sorted(found, key=lambda entry: os.fsencode(entry.path)))


def read_worktree(top: Path, entries: Sequence[Entry], *, object_format: str = "sha1") -> Iterator[bytes]:
    """Yield the contents in the order of `entries`; one that changed since it was listed is a RepositoryError."""
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        with _opened_folder(top, folder) as parent:
            try:
                content = None if parent is None else _content(parent, name, entry.kind, entry.path)
            except PermissionError:
                content = None
        if content is None or blob_id(content, object_format) != entry.id:
            raise RepositoryError(f"{one_line(entry.path)}: changed while it was read; run the command again")
        yield content


def blob_id(content: bytes, object_format: str = "sha1") -> str:
    """Return the id that git gives to this content; of an oversize file, the id of the part that is read."""
    digest = hashlib.new(object_format, b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


@contextmanager
def _opened_folder(top: Path, path: str) -> Iterator[int | None]:
    folder = _descend(top, path)
    try:
        yield folder
    finally:
        if folder is not None:
            os.close(folder)


def _descend(top: Path, path: str) -> int | None:
    try:
        folder = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(os.fspath(top), error) from error
    # One name at a time: a link anywhere on the way is refused, also one that appears while we walk.
    for name in filter(None, path.split("/")):
        try:
            below = os.open(name, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _closed_way(folder, name, path, error) from error
        finally:
            os.close(folder)
        folder = below
    return folder


def _closed_way(folder: int, name: str, path: str, error: OSError) -> RepositoryError:
    if error.errno not in _GONE:
        return _unreadable(path, error)
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    return not_a_folder(path, _kind(mode), where="in the working tree")


def _walk(folder: int, path: str, object_format: str, *, depth: int) -> Iterator[Entry]:
    if depth > _DEEPEST:
        raise RepositoryError(f"{one_line(path)}: lies more than {_DEEPEST} folders deep; flatten it")
    with _scanned(folder, path) as items:
        for item in items:
            below = f"{path}/{item.name}" if path else item.name
            if item.is_dir(follow_symlinks=False):
                yield from _subfolder(folder, item.name, below, object_format, depth=depth)
            elif (entry := _entry(folder, item, below, object_format)) is not None:
                yield entry


@contextmanager
def _scanned(folder: int, path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
    try:
        items = os.scandir(folder)
    except OSError as error:
        raise _unreadable(path, error) from error
    with items:
        yield items


def _subfolder(parent: int, name: str, path: str, object_format: str, *, depth: int) -> Iterator[Entry]:
    if name == ".git":
        return
    try:
        folder = os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        if error.errno in _GONE:
            return
        raise _unreadable(path, error) from error
    try:
        if _is_repository(folder):
            yield Entry(path=path, kind=EntryKind.SUBMODULE, id="")
        else:
            yield from _walk(folder, path, object_format, depth=depth + 1)
    finally:
        os.close(folder)


def _is_repository(folder: int) -> bool:
    try:
        os.stat(".git", dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def _entry(folder: int, item: os.DirEntry[str], path: str, object_format: str) -> Entry | None:
    if item.name == ".git":  # a linked worktree's or submodule's pointer
        return None
    try:
        kind = _kind(item.stat(follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    if kind is EntryKind.OTHER:
        return Entry(path=path, kind=kind, id="")
    try:
        content = _content(folder, item.name, kind, path)
    except PermissionError:
        return Entry(path=path, kind=EntryKind.UNREADABLE, id="")
    return None if content is None else Entry(path=path, kind=kind, id=blob_id(content, object_format))


def _kind(mode: int) -> EntryKind:
    if stat.S_ISLNK(mode):
        return EntryKind.SYMLINK
    if not stat.S_ISREG(mode):
        return EntryKind.OTHER
    return EntryKind.EXECUTABLE if mode & stat.S_IXUSR else EntryKind.FILE


def _content(folder: int, name: str, kind: EntryKind, path: str) -> bytes | None:
    try:
        if kind is EntryKind.SYMLINK:
            return os.fsencode(os.readlink(name, dir_fd=folder))
        return _regular_file(folder, name)
    except PermissionError:
        raise
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise _unreadable(path, error) from error


def _regular_file(folder: int, name: str) -> bytes | None:
    file = os.open(name, _FILE, dir_fd=folder)
    try:
        facts = os.fstat(file)
        if not stat.S_ISREG(facts.st_mode):
            return None
        content = b""
        while len(content) <= LARGEST and (piece := os.read(file, min(facts.st_size, LARGEST) + 1)):
            content += piece
        return content[: LARGEST + 1]
    finally:
        os.close(file)


def _unreadable(path: str, error: OSError) -> RepositoryError:
    said = error.strerror or type(error).__name__
    return RepositoryError(f"{one_line(path)}: can't be read ({said}); check its permissions and the disk")
