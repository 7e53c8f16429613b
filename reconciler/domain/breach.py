"""What trips a rollout: the counts of a window that is over its threshold, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.domain.analysis import Cohort
from reconciler.domain.duration import format_duration
from reconciler.domain.gates import Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Exposed customers of a window, and the thresholds that they are over."""

    cohort: Cohort
    thresholds: Thresholds

    def __str__(self) -> str:
        window, limit = format_duration(self.thresholds.window), percent(self.thresholds.error_rate)
        return f"{with_an_error(self.cohort)} in the last {window}, the limit is {limit}"


def with_an_error(cohort: Cohort) -> str:
    """Say how many of a cohort have an error."""
    return f"{cohort.failing} of {cohort.customers} exposed customers have an error"


def percent(rate: float) -> str:
    """Write a fraction as a percentage, to ten digits: 0.07 * 100 is 7 then, and 0.99999 isn't 100 %."""
    return f"{rate * 100:.10g} %"
