"""What the branch says of one feature now: its file wherever it lies, by facts and never by messages."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.definitions.said import Said, said_by
from reconciler.definitions.source import EntryKind
from reconciler.errors import EditRefusedError
from reconciler.reconcile.ports import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The file of a feature at a commit, and what it says."""

    path: str
    content: bytes
    said: Said


def locate(repository: Repository, revision: str, root: str, feature: str) -> Located | None:
    """Return the file of a feature, None when there is none; EditRefusedError when nobody can tell what it says."""
    name = f"{feature}.yaml"
    entries = [
        entry
        for entry in repository.entries(revision, root) or ()
        if entry.path.rpartition("/")[2] == name and not _is_hidden(entry.path, root)
    ]
    if not entries:
        return None
    paths = " and ".join(entry.path for entry in entries)
    if len(entries) > 1:
        raise EditRefusedError(f"{feature} has {len(entries)} files, {paths}; delete all but one")
    if entries[0].kind not in (EntryKind.FILE, EntryKind.EXECUTABLE):
        raise EditRefusedError(f"{paths} is a {entries[0].kind}; commit the file itself")
    [content] = repository.read(entries)
    return Located(path=paths, content=content, said=said_by(content, paths))


def _is_hidden(path: str, root: str) -> bool:
    return "/." in path.removeprefix(root)
