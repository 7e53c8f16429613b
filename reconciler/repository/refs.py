"""Full names of branches that we may fetch and push, and which commits a tip contains."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from reconciler.errors import RepositoryError, UsageError
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.text import one_line

_BRANCHES = "refs/heads/"


def full_branch(name: str) -> str:
    """Return the full name of a branch, `refs/heads/main` for `main`; UsageError for what is none."""
    ref = name if name.startswith("refs/") else f"{_BRANCHES}{name}"
    short = ref.removeprefix(_BRANCHES)
    is_plain = ref.startswith(_BRANCHES) and len(ref) <= 1000 and ref.isprintable()
    if not is_plain or short.startswith("-") or short == "HEAD" or not _is_well_formed(ref):
        raise UsageError(f"branch {one_line(name)!r} is no name of a branch; write it like main or refs/heads/main")
    return ref


def not_contained(git: Plumbing, tip: str, commits: Collection[str]) -> frozenset[str]:
    """Return those of the commits, full ids, that are neither `tip` nor before it; also those that nobody knows.

    Reading stops at the oldest of them; only when one is missing all of the history is read.
    """
    missing = set(commits)
    if not missing:
        return frozenset()
    with git.start("rev-list", "--end-of-options", tip, "--") as process:
        while missing and (line := process.line()):
            missing.discard(line.decode())
        if missing and process.finish() != 0:
            raise RepositoryError(
                f"{one_line(git.folder)}: the history of {one_line(tip[:12])} can't be read: {process.complaint}; "
                "fetch again"
            )
    return frozenset(missing)


def _is_well_formed(ref: str) -> bool:
    return Plumbing(Path("/")).run("check-ref-format", ref, accept=(0, 1)).code == 0
