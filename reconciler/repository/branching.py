"""A branch of one commit on top of a reviewed one: what it would hold, and whether it is there already."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from reconciler.domain.commit import Signature
from reconciler.repository import history
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.revisions import commit_at
from reconciler.repository.worktree import blob_id
from reconciler.repository.write import commit

_NOBODY = Signature(name="reconciler", email="reconciler@localhost", at=datetime(1970, 1, 1, tzinfo=UTC))


def tree_with(git: Plumbing, base: str, path: str, content: bytes) -> str:
    """Write the tree of a commit with one file changed, and return its id; no index or working tree is touched."""
    # The commit is thrown away: the one of a person, which may be signed, is made by the person's git.
    made = commit(git, base, {path: content}, "Tree", _NOBODY)
    return git.run("rev-parse", "--verify", "--end-of-options", f"{made}^{{tree}}").output.decode().strip()


def branch_at(git: Plumbing, ref: str) -> str | None:
    """Return the commit of a branch, None when there is none of this name."""
    return commit_at(git, ref)


def is_this_edit(git: Plumbing, tip: str, base: str, path: str, content: bytes) -> bool:
    """Whether a branch holds one commit on top of reviewed ones, which makes this file so and changes no other.

    One that is reviewed itself by now is none: there would be nothing to ask for.
    """
    _, *parents = git.run("rev-list", "--parents", "--max-count=1", "--end-of-options", tip).output.decode().split()
    if len(parents) != 1 or history.contains(git, base, parents[0]) is not True:
        return False
    if history.contains(git, base, tip) is not False:
        return False
    words = ("diff-tree", "-r", "-z", "--no-renames", "--end-of-options", parents[0], tip)
    facts, *rest = os.fsdecode(git.run(*words).output).split("\0")
    if rest != [path, ""]:
        return False
    old_mode, new_mode, _, new, _ = facts.removeprefix(":").split(" ")
    return old_mode == new_mode and new == blob_id(content, "sha256" if len(tip) == 64 else "sha1")
