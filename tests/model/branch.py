"""The branch as the protocol sees it: commits of one definition, and what they tell of rollbacks."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeAlias

NOWHERE = -1
"""The commit that isn't there: nothing in force, nothing marked, before all history."""


class File(NamedTuple):
    """What a definition says of its rollout."""

    tier: int
    attempt: int
    rolled_back: int


BROKEN = File(-1, 0, 0)
"""A file that no parser reads."""


def is_valid(file: File | None) -> bool:
    """Whether there is a file that keeps its own rule: `attempt` is `rolled_back` (then off), or the next."""
    if file is None or file.tier < 0:
        return False
    return file.attempt == file.rolled_back + 1 or (file.attempt == file.rolled_back and file.tier == 0)


Author: TypeAlias = tuple[str, int]


class Commit(NamedTuple):
    """One commit; as in git, equal ones are one. `file` is None where it is gone.

    `tells` is the attempt that its trailers say was rolled back, 0 without. `by` tells apart what is equal else,
    and which rollback of that attempt it was: a database that was restored may have another.
    """

    parents: tuple[int, ...]
    file: File | None
    tells: int = 0
    by: Author = ("person", 0)


class History:
    """Every commit there ever was, on the branch or not, known by the order of their making."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self._ids: dict[Commit, int] = {}
        self._reach: list[int] = []  # a bit for each commit and all before it
        self.between = lru_cache(maxsize=None)(self._between)
        self.teller = lru_cache(maxsize=None)(self._teller)

    def add(self, commit: Commit) -> int:
        """Return the id of a commit, a new one if there was none like it."""
        if commit not in self._ids:
            reach = 1 << len(self.commits)
            for parent in commit.parents:
                reach |= self._reach[parent]
            self._ids[commit] = len(self.commits)
            self._reach.append(reach)
            self.commits.append(commit)
        return self._ids[commit]

    def contains(self, tip: int, commit: int) -> bool:
        """Tell whether a commit is the tip or before it; that which isn't there is before all."""
        return commit == NOWHERE or bool(self._reach[tip] >> commit & 1)

    def told(self, since: int, until: int) -> int:
        """Return the highest attempt that trailers of `since..until` say was rolled back, 0 for none."""
        return max((self.commits[each].tells for each in self.between(since, until)), default=0)

    def _between(self, since: int, until: int) -> tuple[int, ...]:
        """Return the commits of `since..until`, oldest first."""
        new = self._reach[until] & ~(0 if since == NOWHERE else self._reach[since])
        return tuple(each for each in range(new.bit_length()) if new >> each & 1)

    def _teller(self, since: int, until: int, attempt: int, by: Author | None = None) -> int | None:
        """Return the first commit of `since..until` that tells of the attempt, with `by` of that very rollback."""
        for each in self.between(since, until):
            commit = self.commits[each]
            if commit.tells == attempt and by in (None, commit.by):
                return each
        return None
