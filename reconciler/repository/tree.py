"""The files of a revision: one listing, one stream of contents, no checkout."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence

from reconciler.definitions.source import Entry, EntryKind
from reconciler.errors import RepositoryError
from reconciler.repository.paths import LARGEST, normalized, not_a_folder
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.process import Process
from reconciler.repository.text import one_line

_KINDS = {
    "100644": EntryKind.FILE,
    "100664": EntryKind.FILE,
    "100755": EntryKind.EXECUTABLE,
    "120000": EntryKind.SYMLINK,
    "160000": EntryKind.SUBMODULE,
}
_TREE = "040000"
_LONGEST_LISTING = 16 << 20  # bytes, some 150,000 files: a commit of a few kB can name billions


def tree_entries(git: Plumbing, commit: str, root: str) -> tuple[Entry, ...] | None:
    """Return what lies below `root` at this commit; None when there is no such folder."""
    root = normalized(root)
    arguments = ("ls-tree", "-r", "-t", "-z", "--full-tree", "--end-of-options", commit, *_below(root))
    listing = git.run(*arguments, most=_LONGEST_LISTING)
    found_root = not root
    entries: list[Entry] = []
    for record in listing.output.decode(errors="surrogateescape").split("\0")[:-1]:
        facts, _, path = record.partition("\t")
        mode, _, id_ = facts.split(" ")
        if path == root:
            _check_folder(mode, root, commit)
            found_root = True
        elif mode != _TREE:
            entries.append(Entry(path=path, kind=kind_of(mode), id=id_))
    return tuple(entries) if found_root else None


def read_blobs(git: Plumbing, entries: Sequence[Entry]) -> Iterator[bytes]:
    """Yield the contents in the order of `entries`; of an oversize one only the first 1 MiB and one byte."""
    if not entries:
        return
    with tempfile.TemporaryFile() as ids:
        ids.write("".join(f"{entry.id}\n" for entry in entries).encode())
        ids.seek(0)
        with git.start("cat-file", "--batch", "--buffer", stdin=ids) as process:
            for entry in entries:
                yield _next_blob(process, entry)


def kind_of(mode: str) -> EntryKind:
    """Return what stands at a path whose mode git gives in six digits."""
    return _KINDS.get(mode, EntryKind.OTHER)


def _below(root: str) -> tuple[str, ...]:
    return (root,) if root else ()


def _check_folder(mode: str, root: str, commit: str) -> None:
    if mode != _TREE:
        raise not_a_folder(root, kind_of(mode), where=f"at {commit[:12]}")


def _next_blob(process: Process, entry: Entry) -> bytes:
    id_, _, header = process.line().decode().partition(" ")
    kind, _, length = header.partition(" ")
    if id_ != entry.id or kind != "blob":
        raise _unreadable(process, entry, f"is a {kind}" if length else "is missing")
    size = int(length)
    content = process.exactly(min(size, LARGEST + 1))
    rest = size - len(content)
    if process.skip(rest) != rest or process.exactly(1) != b"\n":
        raise _unreadable(process, entry, "ends too early")
    return content


def _unreadable(process: Process, entry: Entry, fact: str) -> RepositoryError:
    process.finish()
    found = f"can't be read ({process.complaint})" if process.complaint else fact
    return RepositoryError(
        f"{one_line(entry.path)}: its object {entry.id[:12]} {found}; "
        "fetch it or clone again, without --filter, and check the disk with `git fsck`"
    )
