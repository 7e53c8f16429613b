"""Folders inside a repository, as people write them."""

from __future__ import annotations

from reconciler.definitions.source import EntryKind
from reconciler.errors import RepositoryError
from reconciler.repository.text import one_line

LARGEST = 1 << 20
"""What is read of one file at most, in bytes; readers hand out one byte more, so that nobody takes it for whole."""


def normalized(root: str) -> str:
    """Return the folder relative to the top, `a/b`; empty for the top itself."""
    parts = [part for part in root.split("/") if part not in {"", "."}]
    if root.startswith("/") or ".." in parts or "\0" in root:
        raise RepositoryError(
            f"root {one_line(root)!r} leads out of the repository; write a folder relative to its top, "
            "such as rollouts.d"
        )
    return "/".join(parts)


def not_a_folder(root: str, kind: EntryKind, *, where: str) -> RepositoryError:
    """Return the error for a root that is something else than a folder."""
    return RepositoryError(
        f"root {one_line(root)!r} is a {kind} {where}, not a folder; put the definitions into a real folder"
    )
