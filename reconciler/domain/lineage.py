"""Commits and their parents: which lies on the branch, which contains which, and where a file was changed last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Every commit that can be reached from `tip`, and from others that were asked for, parents before children.

    `is_complete` says that no history is cut off: a commit that isn't here then isn't anywhere.
    """

    tip: str
    parents: Mapping[str, tuple[str, ...]]
    is_complete: bool = True
    _places: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _branch: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {commit: place for place, commit in enumerate(self.parents)})
        object.__setattr__(self, "_branch", frozenset(self._reached((self.tip,), but=frozenset())))

    def has(self, commit: str) -> bool:
        """Tell whether this commit is here at all."""
        return commit in self.parents

    def is_on_branch(self, commit: str) -> bool:
        """Tell whether the tip contains this commit."""
        return commit in self._branch

    def place(self, commit: str) -> int:
        """Return where a commit stands: every ancestor of it has a smaller number."""
        return self._places[commit]

    def is_within(self, commit: str, later: str) -> bool:
        """Tell whether `later` is this commit, or contains it; both are here."""
        least, seen, open_ends = self._places[commit], {later}, [later]
        while open_ends:
            current = open_ends.pop()
            if current == commit:
                return True
            older = {parent for parent in self.parents[current] if self._places.get(parent, -1) >= least}
            open_ends += older - seen
            seen |= older
        return False

    def arrivals(self, revisions: Iterable[str]) -> Mapping[str, int]:
        """Return, for every commit that one of these contains, the number of the first that does, from 0 on."""
        arrived: dict[str, int] = {}
        for number, revision in enumerate(revisions):
            for commit in self._reached((revision,), but=arrived.keys()):
                arrived[commit] = number
        return arrived

    def origins(self, changed: Mapping[str, Collection[int]]) -> Mapping[str, str | None]:
        """Return, for every commit, the one that made a file what it is there; None where there never was one.

        `changed` names the commits in which the file differs, and from which of their parents (0 is the first; a
        commit without parents that has the file differs from 0). A merge that took over one side has its origin.
        """
        origins: dict[str, str | None] = {}
        for commit, parents in self.parents.items():
            differs = changed.get(commit, ())
            same = next((parent for number, parent in enumerate(parents) if number not in differs), None)
            own = commit if differs else None
            origins[commit] = own if same is None else origins.get(same)
        return origins

    def first_parents(self) -> Iterator[str]:
        """Yield the commits that were the tip of the branch one after another, newest first."""
        current: str | None = self.tip
        while current is not None and current in self.parents:
            yield current
            current = next(iter(self.parents[current]), None)

    def _reached(self, starts: Iterable[str], but: Collection[str]) -> set[str]:
        open_ends = [start for start in starts if start in self.parents and start not in but]
        seen = set(open_ends)
        while open_ends:
            for parent in self.parents[open_ends.pop()]:
                if parent in self.parents and parent not in seen and parent not in but:
                    seen.add(parent)
                    open_ends.append(parent)
        return seen
