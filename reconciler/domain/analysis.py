"""What the errors say about a rollout: the evidence that a promotion is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Whether a rollout fares well; no data is `insufficient`, never healthy and never unhealthy."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A verdict with its counts: distinct exposed customers and distinct customers with an error."""

    verdict: Verdict
    exposed: int = 0
    failing: int = 0


NO_EVIDENCE = Evidence(verdict=Verdict.INSUFFICIENT)
