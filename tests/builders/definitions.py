"""Builders of rollout files and of trees that hold them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1

from reconciler.definitions.load import load
from reconciler.definitions.source import Entry, EntryKind
from reconciler.domain.desired import Desired

ROOT = "rollouts.d"


def a_file(feature: str = "checkout", tier: int = 0, **fields: object) -> bytes:
    """A sound rollout file that names what is given and nothing else."""
    lines = {"feature": feature, "tier": tier, **fields}
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in lines.items()).encode()


def an_entry(path: str, content: bytes = b"", kind: EntryKind = EntryKind.FILE) -> Entry:
    """An entry as git would name it."""
    blob = b"blob %d\0" % len(content) + content
    return Entry(path=path, kind=kind, id=sha1(blob, usedforsecurity=False).hexdigest())


@dataclass
class Tree:
    """Entries with their contents; `reads` holds the paths of each call of `read`."""

    contents: dict[str, bytes] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    reads: list[list[str]] = field(default_factory=list)

    def add(self, path: str, content: bytes = b"", kind: EntryKind = EntryKind.FILE) -> Tree:
        """Add one entry below the root."""
        entry = an_entry(f"{ROOT}/{path}" if path else ROOT, content, kind)
        self.contents[entry.path] = content
        self.entries.append(entry)
        return self

    def plus(self, other: Tree) -> Tree:
        """Add the entries of another tree."""
        self.contents |= other.contents
        self.entries += other.entries
        return self

    def read(self, entries: Sequence[Entry]) -> Iterable[bytes]:
        """Stream the contents, and remember which were asked for."""
        self.reads.append([entry.path for entry in entries])
        return (self.contents[entry.path] for entry in entries)

    def load(self, applied: Mapping[str, str] | None = None) -> Desired:
        """Load the tree."""
        return load(self.entries, self.read, ROOT, applied or {})


def a_tree(files: Mapping[str, bytes]) -> Tree:
    """A tree of regular files."""
    tree = Tree()
    for path, content in files.items():
        tree.add(path, content)
    return tree
