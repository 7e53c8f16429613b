"""Commits made of objects alone: no checkout, no index, nobody's configuration, the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from reconciler.domain.commit import Signature
from reconciler.errors import RepositoryError, UsageError
from reconciler.failpoints import reach
from reconciler.repository.memory import held
from reconciler.repository.paths import normalized
from reconciler.repository.plumbing import Extras, Plumbing
from reconciler.repository.text import one_line

_FILES = frozenset({"100644", "100664", "100755"})
_NEW_FILE, _FOLDER = "100644", "040000"
_LONGEST_LISTING = 64 << 20  # bytes, of one folder
_CRUD = frozenset(" .,:;<>\"\\'")  # of nothing else git makes no name
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Way: TypeAlias = tuple[str, ...]
"""Names from a folder down to a file; of the file itself there are none left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """What stands under a name in a folder, as git lists it."""

    mode: str
    kind: str
    id: str

    @classmethod
    def of(cls, record: bytes) -> _Item | None:
        if not record:
            return None
        mode, kind, id_ = record.partition(b"\t")[0].decode().split(" ")
        return cls(mode=mode, kind=kind, id=id_)

    def record(self, name: str) -> bytes:
        return os.fsencode(f"{self.mode} {self.kind} {self.id}\t{name}\0")


def commit(git: Plumbing, parent: str, files: Mapping[str, bytes], message: str, author: Signature) -> str:
    """Write a commit on `parent` that changes these files alone, and return its id; no branch is moved.

    A file keeps its mode, a new one becomes a plain file. The same arguments give the same id in every clone.
    """
    extras = Extras(variables=signed(author))
    text = _encoded(message)
    ways = {_way(path): content for path, content in files.items()}
    reach("commit.begins")
    blobs = {way: _blob(git, content) for way, content in ways.items()}
    reach("commit.blobs-written")
    tree = _tree(git, parent, blobs, at=()) if blobs else f"{parent}^{{tree}}"
    reach("commit.tree-written")
    with held(text) as stdin:
        arguments = ("commit-tree", "--no-gpg-sign", "-p", parent, "-F", "-", tree)
        made = git.write(*arguments, stdin=stdin, extras=extras)
    reach("commit.committed")
    return made


def signed(author: Signature) -> dict[str, str]:
    """Return the variables by which git learns who commits, and when."""
    for what, text in (("name", author.name), ("email", author.email)):
        if not text.isprintable() or not set(text) - _CRUD or set("<>") & set(text):
            raise UsageError(
                f"the {what} of the author, {one_line(text)!r}, can't stand in a commit; "
                "write it on one line, without < and >"
            )
    # In whole seconds, without a float on the way.
    date = f"@{(author.at - _EPOCH) // timedelta(seconds=1)} +0000"
    return {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", author.name), ("EMAIL", author.email), ("DATE", date))
    }


def _encoded(message: str) -> bytes:
    if not message.strip() or "\0" in message or not _is_utf8(message):
        raise UsageError("the message of the commit is empty, or has signs that no message can hold; write words")
    return message.encode()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _way(path: str) -> _Way:
    way = tuple(path.split("/"))
    # Git makes trees of any names, and the next checkout by somebody else would write them.
    if normalized(path) != path or not path or any(name.lower() == ".git" for name in way):
        raise RepositoryError(f"{one_line(path)!r} can't be the path of a file; write it relative to the top")
    return way


def _blob(git: Plumbing, content: bytes) -> str:
    with held(content) as stdin:
        return git.write("hash-object", "-w", "--no-filters", "--stdin", stdin=stdin)


def _tree(git: Plumbing, folder: str | None, blobs: Mapping[_Way, str], *, at: _Way) -> str:
    """Write the tree of a folder, `folder` with the blobs put in, and return its id."""
    listing = b"" if folder is None else _listing(git, folder)
    for name, inside in _by_first_name(blobs).items():
        way = (*at, name)
        start, end = _place(listing, os.fsencode(name))
        before = _Item.of(listing[start:end])
        if () in inside:
            item = _Item(mode=_mode(before, way, inside), kind="blob", id=inside[()])
        else:
            item = _Item(mode=_FOLDER, kind="tree", id=_tree(git, _folder(before, way), inside, at=way))
        listing = listing[:start] + item.record(name) + listing[end:]
    with held(listing) as stdin:
        # They stand in the tree that was just read; looking for each of thousands again takes its time.
        return git.write("mktree", "-z", "--missing", stdin=stdin)


def _listing(git: Plumbing, folder: str) -> bytes:
    return git.run("ls-tree", "-z", "--full-tree", "--end-of-options", folder, most=_LONGEST_LISTING).output


def _place(listing: bytes, name: bytes) -> tuple[int, int]:
    """Return where the record of this name begins and ends; without one, the end, twice."""
    tail = b"\t%s\0" % name
    at = listing.find(tail)
    while at >= 0:
        start = listing.rfind(b"\0", 0, at) + 1
        if b"\t" not in listing[start:at]:  # else only the end of another name, which has a tab in it
            return start, at + len(tail)
        at = listing.find(tail, at + 1)
    return len(listing), len(listing)


def _by_first_name(blobs: Mapping[_Way, str]) -> dict[str, dict[_Way, str]]:
    grouped: dict[str, dict[_Way, str]] = {}
    for way, blob in blobs.items():
        grouped.setdefault(way[0], {})[way[1:]] = blob
    return grouped


def _mode(before: _Item | None, way: _Way, inside: Mapping[_Way, str]) -> str:
    if len(inside) > 1:
        raise _in_the_way(way, "a file and a folder at once")
    if before is not None and before.mode not in _FILES:
        raise _in_the_way(way, "no plain file")
    return _NEW_FILE if before is None else before.mode


def _folder(before: _Item | None, way: _Way) -> str | None:
    if before is not None and before.mode != _FOLDER:
        raise _in_the_way(way, "no folder")
    return None if before is None else before.id


def _in_the_way(way: _Way, fact: str) -> RepositoryError:
    return RepositoryError(
        f"{one_line('/'.join(way))}: is {fact}, so nothing is committed there; look at it in git"
    )
