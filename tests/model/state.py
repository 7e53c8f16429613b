"""One moment of the whole system as a hashable value, and what a run of the model is bounded by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.model.branch import NOWHERE, Commit, File, History
from tests.model.safeguards import Safeguard


class Row(NamedTuple):
    """The last row of the chain; `served` says that dwell and evidence of its epoch allow a promotion."""

    tier: int
    attempt: int = 1
    rolled_back: bool = False
    retired: bool = False
    served: bool = False


class WriteBack(NamedTuple):
    """The outbox row of one attempt; trailers are looked for after `since`, `commit` is the one that tells git.

    `chain` says in which database the rollback began: what a row is known by.
    """

    chain: int
    since: int
    commit: int = NOWHERE
    offered: bool = False


class Database(NamedTuple):
    """Everything that a backup holds: the row, the commit in force, and a place in the outbox for each attempt.

    `version` and `number` are what writers compare; `raised_by` has a bit for each commit that raised.
    """

    row: Row | None
    version: int
    revision: int
    number: int
    looks_back: bool
    raised_by: int
    outbox: tuple[WriteBack | None, ...]


class Plan(NamedTuple):
    """What an applier holds: its commit, the tip it fetched, what it decided on, and what it still has to write.

    `imported` and `change` are rows, None when there is none (any more); `told_by` is the commit that git remembers
    the rollback by. `real_tip` is where the branch stood when the database was read.
    """

    revision: int
    tip: int
    real_tip: int
    chain: int
    number: int
    version: int
    imported: Row | None
    told_by: int
    is_taken: bool
    looks_back: bool
    change: Row | None


class Errand(NamedTuple):
    """What a write-back worker holds: a commit that it built and has to push, or one that tells git already."""

    attempt: int
    chain: int
    commit: int
    is_built: bool


class Left(NamedTuple):
    """How often each of these may still happen; everything else is bounded by itself."""

    edits: int = 0
    rewrites: int = 0
    rollbacks: int = 0
    faults: int = 0
    backups: int = 0
    restores: int = 0


class State(NamedTuple):
    """One moment.

    `late` are pushes whose client is gone, `offer` is the commit that lies on a branch for a pull request, `chain`
    counts the databases so far, and `ended` is the highest attempt that was rolled back in any of them. An applier
    that holds a number has fetched that tip and not planned yet, and `owed` is an outbox row still to be written:
    both happen without their safeguard alone.
    """

    tip: int
    db: Database
    appliers: tuple[Plan | int | None, ...]
    workers: tuple[Errand | None, ...]
    left: Left
    late: tuple[int, ...] = ()
    offer: int = NOWHERE
    is_protected: bool = False
    backup: Database | None = None
    chain: int = 0
    ended: int = 0
    owed: tuple[int, WriteBack] | None = None


class Move(NamedTuple):
    """One step: what happens, to what, and whether workers that are left in peace take it in the end."""

    name: str
    subject: Plan | Errand | int | None = None
    is_work: bool = False


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Where a run begins and how far it goes; `people` are the edits that people make (`people.EDITS`)."""

    left: Left
    people: frozenset[str]
    row: Row = Row(2)
    attempts: int = 2
    appliers: int = 1
    workers: int = 1
    only_tip: bool = False
    is_protected: bool = False


@dataclass(frozen=True, kw_only=True)
class World:
    """What all states of a run share: its bounds, the safeguards it does without, every commit there is."""

    bounds: Bounds
    without: frozenset[Safeguard] = frozenset()
    history: History = field(default_factory=History)

    def has(self, safeguard: Safeguard) -> bool:
        """Tell whether the safeguard stands."""
        return safeguard not in self.without

    def file(self, commit: int) -> File | None:
        """Return what the definition says in a commit."""
        return self.history.commits[commit].file

    def start(self) -> State:
        """Return the first state: the tip is in force, and the database says what it says."""
        bounds, row = self.bounds, self.bounds.row
        tip = self.history.add(Commit(parents=(), file=File(row.tier, row.attempt, row.attempt - 1)))
        nothing_told = (None,) * bounds.attempts
        return State(
            tip=tip,
            db=Database(row, 1, tip, 1, looks_back=False, raised_by=1 << tip, outbox=nothing_told),
            appliers=(None,) * bounds.appliers,
            workers=(None,) * bounds.workers,
            left=bounds.left,
            is_protected=bounds.is_protected,
        )


def empty_database(attempts: int) -> Database:
    """Return a database that nothing was ever applied to."""
    return Database(None, 0, NOWHERE, 0, looks_back=False, raised_by=0, outbox=(None,) * attempts)
