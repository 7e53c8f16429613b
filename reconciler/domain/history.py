"""One row of a feature's past, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.ladder import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What happened, when, by whom and because of which commit; `revision` None means evidence or a person.

    `unsafe_reason` is why the guard was overridden for that commit.
    """

    version: int
    kind: str
    tier: Tier
    attempt: int
    epoch: int
    rolled_back: bool
    retired: bool
    at: datetime
    revision: str | None
    rollback_commit: str | None
    reason: str
    actor: str
    unsafe_reason: str | None = None
