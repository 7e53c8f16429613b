"""Commits and transitions of one feature in one line of time: what caused what, and what came of a commit."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from reconciler.domain.history import Transition
from reconciler.domain.lineage import Lineage
from reconciler.domain.record import Taken
from reconciler.domain.write_back import WriteBack

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown of a commit; `subject` and `author` are one safe line each."""

    id: str
    subject: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What git knows: commits that changed the feature's file, or the policy, and the parents they differ from."""

    lineage: Lineage
    file: Mapping[str, Collection[int]]
    policy: Mapping[str, Collection[int]]
    shown: Mapping[str, Shown]


class Fate(StrEnum):
    """What came of a commit: the first that fits."""

    APPLIED = "applied"
    TELLS = "tells"
    WAITS = "not-applied"
    UNCHANGED = "changed-nothing"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A transition; `before` is the tier before it, `write_back` how git is told of a rollback that began here."""

    transition: Transition
    before: int | None = None
    write_back: WriteBack | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A commit with what it caused, or what happened without one; `merge` brought the commit into the branch.

    `by` is the commit that superseded it, `taken` with what it came into force, `tells` the version of the rollback
    that it tells git of. `is_again` marks a commit that stands in an entry above already.
    """

    commit: str | None
    events: tuple[Event, ...] = ()
    fate: Fate = Fate.APPLIED
    merge: str | None = None
    by: str | None = None
    taken: Taken | None = None
    tells: int | None = None
    is_again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The past of a feature, oldest first; `past` None means that no repository was at hand."""

    feature: str
    entries: tuple[Entry, ...]
    past: Past | None = None

    @property
    def events(self) -> tuple[Event, ...]:
        """Every transition, oldest first."""
        return tuple(event for entry in self.entries for event in entry.events)

    def shown(self, commit: str | None) -> Shown | None:
        """Return what is shown of a commit, None where nothing is known of it."""
        return None if self.past is None or commit is None else self.past.shown.get(commit)


def timeline(
    feature: str,
    transitions: Sequence[Transition],
    write_backs: Sequence[WriteBack],
    taken: Sequence[Taken],
    past: Past | None,
) -> Timeline:
    """Join what the database and git know of a feature."""
    events = _events(transitions, write_backs)
    if past is None:
        return Timeline(feature=feature, entries=tuple(Entry(commit=None, events=(event,)) for event in events))
    join = _Join(past=past, taken=taken)
    return Timeline(feature=feature, entries=tuple(join.entries(events)), past=past)


def _events(transitions: Sequence[Transition], write_backs: Sequence[WriteBack]) -> list[Event]:
    told = {write_back.attempt: write_back for write_back in write_backs}
    events, before = [], None
    for each in transitions:
        began_here = each.kind == "rollback" and each.rollback_commit is None
        events.append(
            Event(transition=each, before=before, write_back=told.get(each.attempt) if began_here else None)
        )
        before = int(each.tier)
    return events


@dataclass(slots=True, kw_only=True)
class _Join:
    past: Past
    taken: Sequence[Taken]
    _file: Mapping[str, str | None] = field(init=False)
    _policy: Mapping[str, str | None] = field(init=False)
    _merges: Mapping[str, str] = field(init=False)
    _numbers: Mapping[str, int] = field(init=False)
    _tells: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._file = self.past.lineage.origins(self.past.file)
        self._policy = self.past.lineage.origins(self.past.policy)
        self._merges = self._merged()
        self._numbers = {row.revision: number for number, row in reversed(list(enumerate(self.taken)))}

    def entries(self, events: Sequence[Event]) -> Iterator[Entry]:
        """Yield what happened, and between it the commits of which nothing came."""
        for event in events:
            if event.write_back is not None and event.write_back.revision is not None:
                self._tells[event.write_back.revision] = event.transition.version
        anchored = deque(self._anchored(events))
        alone = deque(self._alone({entry.commit for entry in anchored}))
        while anchored or alone:
            is_next = not anchored or (alone and self._is_earlier(alone[0], anchored[0]))
            yield (alone if is_next else anchored).popleft()

    def _anchored(self, events: Sequence[Event]) -> Iterator[Entry]:
        seen: set[str | None] = {None}
        group: list[Event] = []
        current: str | None = None
        is_again = False
        for event in events:
            cause = self._cause(event.transition, seen)
            if group and (cause is None or cause != current):
                yield self._entry(current, group, is_again=is_again)
                group = []
            if not group:
                current, is_again = cause, cause in seen
            seen.add(cause)
            group.append(event)
        if group:
            yield self._entry(current, group, is_again=is_again)

    def _entry(self, commit: str | None, events: Sequence[Event], *, is_again: bool) -> Entry:
        if commit is None:
            return Entry(commit=None, events=tuple(events))
        return Entry(
            commit=commit,
            events=tuple(events),
            merge=self._merges.get(commit),
            tells=self._tells.get(commit),
            is_again=is_again,
        )

    def _cause(self, each: Transition, earlier: Collection[str | None]) -> str | None:
        """Return the commit that asked for a transition: the last that changed its file, else the policy."""
        revision = each.revision or each.rollback_commit
        if revision is None or not self.past.lineage.has(revision):
            return None
        file = self._file[revision]
        if each.revision is None:
            # By its trailers a commit may tell of a rollback without touching the file.
            return revision if file is None or file in earlier else file
        if each.kind == "update" and (before := self._in_force_before(revision)) is not None:
            is_of_policy = self._file[before] == file and self._policy[before] != self._policy[revision]
            return self._policy[revision] if is_of_policy else file
        return file or revision

    def _in_force_before(self, revision: str) -> str | None:
        number = self._numbers.get(revision, 0)
        before = self.taken[number - 1].revision if number else None
        return before if before is not None and self.past.lineage.has(before) else None

    def _alone(self, known: Collection[str | None]) -> Iterator[Entry]:
        """Yield the commits of the branch that changed the file and caused nothing, in the order of history."""
        lineage = self.past.lineage
        arrivals = lineage.arrivals([row.revision for row in self.taken])
        commits = [commit for commit in self.past.file if lineage.is_on_branch(commit) and commit not in known]
        for commit in sorted(commits, key=lineage.place):
            if self._file[commit] == commit:
                yield self._lone(commit, arrivals.get(commit))

    def _lone(self, commit: str, number: int | None) -> Entry:
        merge, tells = self._merges.get(commit), self._tells.get(commit)
        taken = None if number is None else self.taken[number]
        origin = None if taken is None else self._file[taken.revision]
        fate = self._waits() if taken is None else Fate.UNCHANGED if origin == commit else Fate.SUPERSEDED
        return Entry(
            commit=commit,
            fate=Fate.TELLS if tells is not None else fate,
            merge=merge,
            by=origin if fate is Fate.SUPERSEDED else None,
            taken=taken,
            tells=tells,
        )

    def _waits(self) -> Fate:
        is_known = not self.taken or self.past.lineage.has(self.taken[-1].revision)
        return Fate.WAITS if is_known else Fate.UNKNOWN

    def _is_earlier(self, lone: Entry, anchored: Entry) -> bool:
        """Tell whether a commit stands before what happened: by the order of history where that says so."""
        lineage, first = self.past.lineage, anchored.events[0].transition
        if lone.tells is not None and first.version <= lone.tells:
            return False
        if anchored.commit is not None and lone.commit is not None:
            return lineage.place(lone.commit) < lineage.place(anchored.commit)
        shown = self.past.shown.get(lone.commit or "")
        return (_LONG_AGO if shown is None else shown.at) < first.at

    def _merged(self) -> Mapping[str, str]:
        """Return, for commits that came into the branch by a merge, that merge."""
        line = frozenset(self.past.lineage.first_parents())
        merged: dict[str, str] = {}
        for commit in sorted(self.past.file, key=self.past.lineage.place):
            origin = self._file[commit]
            if origin is not None and origin != commit and merged.get(origin) not in line:
                merged[origin] = commit
        return merged
