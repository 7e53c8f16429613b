"""What the errors say about a rollout: whether it trips its threshold, and whether it may climb."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import exp, lgamma, log

from reconciler.domain.gates import Thresholds

_NEGLIGIBLE = 1e-18  # a term that no longer changes the sum
_ROUNDING = 1e-9  # the share of itself by which a tail may come out wrong


class Verdict(StrEnum):
    """Whether a rollout fares well; no data is `insufficient`, never healthy and never unhealthy."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Distinct customers, and those of them with an error; every failing customer counts as one of the cohort."""

    customers: int = 0
    failing: int = 0

    @property
    def error_rate(self) -> float | None:
        """The fraction with an error, None for nobody."""
        return self.failing / self.customers if self.customers else None

    @property
    def success_rate(self) -> float | None:
        """The fraction without an error, None for nobody."""
        return (self.customers - self.failing) / self.customers if self.customers else None


NOBODY = Cohort()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of one feature over a stretch of time: `customers` were evaluated, on or off, each counted once."""

    customers: int = 0
    exposed: Cohort = NOBODY
    unexposed: Cohort = NOBODY


NOTHING_SEEN = Tally()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """One feature over its window, and since its epoch began."""

    window: Tally = NOTHING_SEEN
    epoch: Tally = NOTHING_SEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A verdict with the exposed customers it rests on: of the window, and since the epoch began.

    `is_tripped` says that the window alone is over the threshold, which rolls back; an epoch that is short of its
    success rate is `unhealthy` too, and only keeps from climbing. `unreadable` says why there is no tally: then
    nothing climbs and nothing is rolled back.
    """

    verdict: Verdict
    window: Cohort = NOBODY
    epoch: Cohort = NOBODY
    is_tripped: bool = False
    unreadable: str = ""


NO_EVIDENCE = Evidence(verdict=Verdict.INSUFFICIENT)


def judge(thresholds: Thresholds, window: Cohort, epoch: Cohort) -> Evidence:
    """Return the verdict on two counts of exposed customers."""
    tripped = trips(thresholds, window)
    return Evidence(
        verdict=Verdict.UNHEALTHY if tripped else _verdict(thresholds, epoch),
        window=window,
        epoch=epoch,
        is_tripped=tripped,
    )


def trips(thresholds: Thresholds, cohort: Cohort) -> bool:
    """Tell whether so many errors roll back: more than the rate, and with `confidence` that certainly."""
    rate = cohort.error_rate
    if rate is None or rate <= thresholds.error_rate:
        return False
    if thresholds.confidence is None:
        return True
    chance = binomial_tail(cohort.failing, cohort.customers, thresholds.error_rate)
    # A tail of exactly 0.01 comes out a little off, and so does 1 - 0.99: a tie trips.
    return chance <= (1 - thresholds.confidence) * (1 + _ROUNDING)


def errors_needed(thresholds: Thresholds, customers: int) -> int | None:
    """Return how many of so many customers with an error roll back; None when not even all of them do."""
    if not trips(thresholds, Cohort(customers=customers, failing=customers)):
        return None
    too_few, enough = 0, customers
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if trips(thresholds, Cohort(customers=customers, failing=middle)):
            enough = middle
        else:
            too_few = middle
    return enough


def binomial_tail(least: int, trials: int, probability: float) -> float:
    """Return P(X >= least) for X ~ Binomial(trials, probability), exactly: a sum of its terms, no approximation.

    The first term is C(n, k) p^k (1-p)^(n-k) by log-gamma, each next one the last times (n-k)/(k+1) p/(1-p).
    """
    if least <= 0:
        return 1.0
    if least > trials or probability <= 0:
        return 0.0
    if probability >= 1:
        return 1.0
    if least <= trials * probability:
        # The short side of the sum: terms fall away from the mean.
        return 1.0 - binomial_tail(trials - least + 1, trials, 1 - probability)
    odds = probability / (1 - probability)
    term = exp(_log_choose(trials, least) + least * log(probability) + (trials - least) * log(1 - probability))
    total = 0.0
    for count in range(least, trials + 1):
        total += term
        if term <= total * _NEGLIGIBLE:
            break
        term *= (trials - count) / (count + 1) * odds
    return min(total, 1.0)


def _verdict(thresholds: Thresholds, epoch: Cohort) -> Verdict:
    rate = epoch.success_rate
    if rate is None or epoch.customers < thresholds.min_exposed:
        return Verdict.INSUFFICIENT
    return Verdict.HEALTHY if rate >= thresholds.success_rate else Verdict.UNHEALTHY


def _log_choose(total: int, chosen: int) -> float:
    return lgamma(total + 1) - lgamma(chosen + 1) - lgamma(total - chosen + 1)
