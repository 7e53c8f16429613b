"""A rollout that has to be watched: somebody has it, and errors may take it from everybody."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.domain.analysis import Cohort, trips
from reconciler.domain.breach import Breach
from reconciler.domain.gates import Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A rollout that somebody has: its attempt, what trips it, and its exposed customers over the window.

    `window` is None where nobody was seen: no data never rolls back.
    """

    feature: str
    attempt: int
    thresholds: Thresholds
    window: Cohort | None

    @property
    def breach(self) -> Breach | None:
        """What rolls it back now; None while nothing does."""
        if self.window is None or not trips(self.thresholds, self.window):
            return None
        return Breach(cohort=self.window, thresholds=self.thresholds)
