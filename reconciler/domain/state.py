"""What the database holds for one feature: the last row of its chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from reconciler.domain.gates import Gates
from reconciler.domain.ladder import Tier


class Status(StrEnum):
    """How a rollout stands; the first that fits, in this order."""

    ROLLED_BACK = "rolled_back"
    RETIRED = "retired"
    PAUSED = "paused"
    COMPLETED = "completed"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything a row says about a feature besides its place in the chain.

    `gates` are in force now; `settled` are those of the last definition applied with its tier equal to this one,
    which a file that asks for a raise can't loosen.
    """

    tier: Tier
    attempt: int = 1
    rolled_back: bool = False
    retired: bool = False
    target: Tier = Tier.FULL
    paused: bool = False
    description: str = ""
    owner: str = ""
    whitelist: frozenset[str] = frozenset()
    blacklist: frozenset[str] = frozenset()
    gates: Gates = Gates()
    settled: Gates = Gates()

    @property
    def status(self) -> Status:
        """The first status that fits."""
        fits = {
            Status.ROLLED_BACK: self.rolled_back,
            Status.RETIRED: self.retired,
            Status.PAUSED: self.paused,
            Status.COMPLETED: self.tier == self.target,
            Status.PLANNED: self.tier is Tier.DISABLED,
            Status.IN_PROGRESS: True,
        }
        return next(status for status, is_so in fits.items() if is_so)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackRecord:
    """The rollback that a feature stands under; `in_git` is the commit that tells git of it, once there is one."""

    id: UUID
    at: datetime
    reason: str
    in_git: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The last row of a feature's chain; `version` is what a writer states it decided on.

    `settled_revision` is the commit that settled the gates, None when none has since the tier began: that commit
    asked for this tier, so it can't be the one that raises it. `raised_by` are the commits that raised the feature:
    none of them does so again.
    """

    feature: str
    version: int
    standing: Standing
    epoch: int
    epoch_started_at: datetime
    changed_at: datetime
    settled_revision: str | None = None
    raised_by: frozenset[str] = frozenset()
    rollback: RollbackRecord | None = None
