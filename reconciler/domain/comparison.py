"""The A/B view of a rollout: how customers with the feature fare against those without it."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt
from statistics import NormalDist

from reconciler.domain.analysis import Cohort


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The error rate with the feature less the one without, and the interval that the difference lies in."""

    difference: float
    low: float
    high: float

    @property
    def is_significant(self) -> bool:
        """Whether the interval excludes 0: chance alone seldom makes such a difference."""
        return self.low > 0 or self.high < 0


def compare_cohorts(exposed: Cohort, unexposed: Cohort, confidence: float = 0.95) -> Comparison | None:
    """Return the difference of the error rates with its interval; None while one side is empty.

    The interval is Newcombe's hybrid score: method 10 of R. G. Newcombe, "Interval estimation for the difference
    between independent proportions: comparison of eleven methods", Statistics in Medicine 17 (1998), 873-890. It is
    made of the two Wilson intervals, stays within -1 and 1, and holds for few customers and for no errors too.
    """
    with_it, without = exposed.error_rate, unexposed.error_rate
    if with_it is None or without is None:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    (least_with, most_with), (least_without, most_without) = _wilson(exposed, z), _wilson(unexposed, z)
    difference = with_it - without
    return Comparison(
        difference=difference,
        low=difference - hypot(with_it - least_with, most_without - without),
        high=difference + hypot(most_with - with_it, without - least_without),
    )


def _wilson(cohort: Cohort, z: float) -> tuple[float, float]:
    customers, failing = cohort.customers, cohort.failing
    middle = 2 * failing + z * z
    half = z * sqrt(z * z + 4 * failing * (1 - failing / customers))
    whole = 2 * (customers + z * z)
    return (middle - half) / whole, (middle + half) / whole
