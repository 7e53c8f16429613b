"""Entries of a tree as the repository finds them, before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class EntryKind(StrEnum):
    """What stands at a path."""

    FILE = "file"
    EXECUTABLE = "executable file"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"
    OTHER = "special file"
    UNREADABLE = "unreadable file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path below the root, relative to the repository's top; `id` is the git blob id of its content."""

    path: str
    kind: EntryKind
    id: str


ReadContents: TypeAlias = Callable[[Sequence[Entry]], Iterable[bytes]]
"""Reads the contents of the given entries, in their order."""
