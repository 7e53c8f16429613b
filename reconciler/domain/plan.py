"""What would be done, what waits and what is refused: closed sets of values that every consumer matches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, TypeAlias

from reconciler.domain.analysis import Verdict
from reconciler.domain.breach import Breach
from reconciler.domain.ladder import Tier
from reconciler.domain.problem import Problem
from reconciler.domain.state import Standing, State


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    feature: str
    before: State | None
    after: Standing
    reason: str
    is_settled: bool = True  # the whole definition is in force afterwards, nothing of it is held back


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(_Change):
    """First row of a chain at tier 0 or 1; `adopted` takes a feature over at any tier that git says.

    `commit` is the one by which git's history tells of a rollback that the file doesn't know.
    """

    kind: ClassVar[str] = "create"
    adopted: bool = False
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(_Change):
    """Same tier, same attempt, new content."""

    kind: ClassVar[str] = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote(_Change):
    """One rung up: the dwell that was asked for and the verdict that the evidence gave."""

    kind: ClassVar[str] = "promote"
    dwell: timedelta = timedelta()
    verdict: Verdict = Verdict.INSUFFICIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Demote(_Change):
    """Any number of rungs down."""

    kind: ClassVar[str] = "demote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback(_Change):
    """Off for everybody; `commit` is the one by which git remembers a rollback that the database lost.

    Without it errors (`breach`) or a person did it, and git has to be told.
    """

    kind: ClassVar[str] = "rollback"
    commit: str | None = None
    breach: Breach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart(_Change):
    """The next attempt after a rollback, at tier 0 or 1."""

    kind: ClassVar[str] = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire(_Change):
    """The file is gone; the feature goes on evaluating as its last row says."""

    kind: ClassVar[str] = "retire"


Change: TypeAlias = Create | Update | Promote | Demote | Rollback | Restart | Retire


class WaitsFor(StrEnum):
    """What a held step waits for."""

    DWELL = "dwell"
    EVIDENCE = "evidence"
    HEALTH = "health"
    FREEZE = "freeze"
    RESUME = "resume"
    WRITE_BACK = "write-back"
    TIP = "tip"
    CLOCK = "clock"
    READABLE_FILES = "readable files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A step not yet due: what it waits for, until when if that is known, and what a person can do."""

    feature: str
    owner: str
    before: State | None
    tier: Tier
    waits_for: WaitsFor
    reason: str
    remedy: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A step that breaks a rule: its name, what to write instead, where, and from when that would be allowed."""

    feature: str
    owner: str
    before: State | None
    tier: Tier
    rule: str
    reason: str
    remedy: str
    where: str = ""
    allowed_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One reconciliation as a value, its changes in the order they are carried out (the safest first)."""

    revision: str
    observed_at: datetime
    changes: tuple[Change, ...] = ()
    holds: tuple[Hold, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    problems: tuple[Problem, ...] = ()
    in_sync: int = 0
    unsafe: str | None = None
    unsafe_allowed: str | None = None

    @property
    def is_blocked(self) -> bool:
        """Whether the guard lets nothing but rollbacks through."""
        return self.unsafe is not None and self.unsafe_allowed is None

    @property
    def is_refused(self) -> bool:
        """Whether an author has something to mend."""
        return bool(self.refusals or self.problems or self.is_blocked)


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisesHeld:
    """Why no feature at all may be raised by this plan; everything else goes on."""

    waits_for: WaitsFor
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedRollback:
    """A rollback that git's history tells of: the attempt it ended and the commit that says so."""

    attempt: int
    revision: str
