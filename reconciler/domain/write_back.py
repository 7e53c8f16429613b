"""A rollback on its way to git: what the commit has to say, and how far the telling is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from reconciler.domain.breach import Breach
from reconciler.domain.gates import Dwell, Gates
from reconciler.domain.ladder import Tier


class WriteBackStatus(StrEnum):
    """How far git is told: not yet, on a branch for a pull request, or on the branch that is applied."""

    PENDING = "pending"
    OFFERED = "offered"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBack:
    """A rollback that began in the database; `tier` and `gates` are those it was rolled back from.

    `breach` None means that a person did it. `in_force` is the commit that was in force then: none that tells of
    this rollback is older. `refusals` counts tips that stood and refused the commit, `note` says what it waits for.
    """

    id: UUID
    feature: str
    attempt: int
    epoch: int
    tier: Tier
    at: datetime
    reason: str
    actor: str
    gates: Gates
    breach: Breach | None = None
    in_force: str | None = None
    status: WriteBackStatus = WriteBackStatus.PENDING
    revision: str | None = None
    branch: str | None = None
    refusals: int = 0
    note: str = ""

    @property
    def is_told(self) -> bool:
        """Whether the branch that is applied tells of it."""
        return self.status is WriteBackStatus.WRITTEN

    @property
    def returns_at(self) -> datetime:
        """The earliest moment at which the tier can be reached again."""
        return self.at + climb(self.gates.dwell, self.tier)


def climb(dwell: Dwell, tier: Tier) -> timedelta:
    """Return how long a new attempt, begun at tier 1, takes at least until it stands at `tier`."""
    return sum((dwell.at(below) for below in Tier if below < tier), timedelta())
