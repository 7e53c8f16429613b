"""How a rollout fares, as people and programs read it: counts, rates, the verdict and what would be too much."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.domain.analysis import Evidence, Tallies, Tally, Verdict, errors_needed, judge
from reconciler.domain.comparison import Comparison, compare_cohorts
from reconciler.domain.gates import Thresholds
from reconciler.domain.ladder import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The counts of one feature: `window` is what the threshold looks at, `epoch` all since this tier began.

    The plain figures below are those since the epoch began; a rate is None while nobody is exposed.
    """

    feature: str
    tier: Tier
    attempt: int
    status: str
    thresholds: Thresholds
    tallies: Tallies = Tallies()

    @property
    def window(self) -> Tally:
        """The counts of the window."""
        return self.tallies.window

    @property
    def epoch(self) -> Tally:
        """The counts since the epoch began."""
        return self.tallies.epoch

    @property
    def total_customers(self) -> int:
        """Distinct customers that were evaluated, on or off."""
        return self.epoch.customers

    @property
    def enabled_customers(self) -> int:
        """Distinct customers that had the feature."""
        return self.epoch.exposed.customers

    @property
    def error_count(self) -> int:
        """Distinct customers with an error while they had the feature."""
        return self.epoch.exposed.failing

    @property
    def error_rate(self) -> float | None:
        """The fraction of the enabled customers with an error."""
        return self.epoch.exposed.error_rate

    @property
    def success_rate(self) -> float | None:
        """The fraction of the enabled customers without an error."""
        return self.epoch.exposed.success_rate

    @property
    def evidence(self) -> Evidence:
        """The verdict and what it rests on."""
        return judge(self.thresholds, self.window.exposed, self.epoch.exposed)

    @property
    def verdict(self) -> Verdict:
        """Whether the rollout fares well."""
        return self.evidence.verdict

    @property
    def errors_needed(self) -> int | None:
        """How many of the window's exposed customers with an error roll back; None: not even all of them."""
        return errors_needed(self.thresholds, self.window.exposed.customers)

    @property
    def comparison(self) -> Comparison | None:
        """Customers with the feature against those without, since the epoch began."""
        return compare_cohorts(self.epoch.exposed, self.epoch.unexposed)
