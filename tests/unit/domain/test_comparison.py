"""The A/B view: the difference of two error rates, and the interval it lies in."""

from __future__ import annotations

from math import isclose, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.analysis import NOBODY, Cohort
from reconciler.domain.comparison import Comparison, compare_cohorts

SOME = Cohort(customers=10, failing=1)


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    """Return somebody."""
    customers = draw(st.integers(1, 100_000))
    return Cohort(customers=customers, failing=draw(st.integers(0, customers)))


@pytest.mark.parametrize(
    ("exposed", "unexposed", "difference", "low", "high", "is_significant"),
    [
        pytest.param((56, 70), (48, 80), 0.2, 0.0524, 0.3339, True, id="a"),
        pytest.param((9, 10), (3, 10), 0.6, 0.1705, 0.8090, True, id="b"),
        pytest.param((6, 7), (2, 7), 0.5714, 0.0582, 0.8062, True, id="c"),
        pytest.param((5, 56), (0, 29), 0.0893, -0.0381, 0.1926, False, id="d"),
        pytest.param((0, 10), (0, 20), 0.0, -0.1611, 0.2775, False, id="e"),
        pytest.param((0, 10), (0, 10), 0.0, -0.2775, 0.2775, False, id="f"),
        pytest.param((10, 10), (0, 20), 1.0, 0.6791, 1.0, True, id="g"),
        pytest.param((10, 10), (0, 10), 1.0, 0.6075, 1.0, True, id="h"),
    ],
)
def test_agrees_with_the_examples_of_newcombe(
    exposed: tuple[int, int],
    unexposed: tuple[int, int],
    difference: float,
    low: float,
    high: float,
    *,
    is_significant: bool,
) -> None:
    """Table II of the paper that the docstring names, method 10, to its four places."""
    comparison = _compared(_of(*exposed), _of(*unexposed))

    rounded = [round(figure, 4) for figure in (comparison.difference, comparison.low, comparison.high)]
    assert (rounded, comparison.is_significant) == ([difference, low, high], is_significant)


@pytest.mark.parametrize(
    ("exposed", "unexposed"), [(NOBODY, SOME), (SOME, NOBODY), (NOBODY, NOBODY)], ids=["on", "off", "both"]
)
def test_an_empty_side_can_not_be_compared(exposed: Cohort, unexposed: Cohort) -> None:
    assert compare_cohorts(exposed, unexposed) is None


@pytest.mark.parametrize(
    ("low", "high", "is_significant"),
    [(-0.1, 0.1, False), (0.0, 0.1, False), (-0.1, 0.0, False), (1e-9, 0.1, True), (-0.1, -1e-9, True)],
)
def test_a_difference_is_significant_when_its_interval_excludes_0(
    low: float, high: float, *, is_significant: bool
) -> None:
    assert Comparison(difference=(low + high) / 2, low=low, high=high).is_significant == is_significant


def test_fewer_errors_with_the_feature_is_a_difference_too() -> None:
    comparison = _compared(_of(10, 1_000), _of(50, 1_000))

    assert comparison.difference == pytest.approx(-0.04)
    assert comparison.is_significant


@given(cohorts(), cohorts())
def test_the_interval_holds_the_difference_and_stays_within_bounds(exposed: Cohort, unexposed: Cohort) -> None:
    comparison = _compared(exposed, unexposed)

    rounding = 1e-12
    assert -1 - rounding <= comparison.low <= comparison.difference <= comparison.high <= 1 + rounding


@given(cohorts(), cohorts())
def test_the_other_way_round_it_is_the_mirror_image(exposed: Cohort, unexposed: Cohort) -> None:
    there, back = _compared(exposed, unexposed), _compared(unexposed, exposed)

    assert there == Comparison(difference=-back.difference, low=-back.high, high=-back.low)


@given(cohorts(), cohorts())
def test_more_confidence_makes_a_wider_interval(exposed: Cohort, unexposed: Cohort) -> None:
    usual, surer = _compared(exposed, unexposed, 0.95), _compared(exposed, unexposed, 0.99)

    assert surer.low < usual.low or isclose(surer.low, -1)
    assert surer.high > usual.high or isclose(surer.high, 1)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("exposed", [(0, 10), (3, 50), (50, 50), (17, 1_000)])
@pytest.mark.parametrize("unexposed", [(1, 9), (400, 10_000)])
def test_agrees_with_the_wilson_intervals_of_scipy(
    exposed: tuple[int, int], unexposed: tuple[int, int], confidence: float
) -> None:
    from scipy.stats import binomtest  # type: ignore[import-untyped]  # slow to import, and nothing else needs it

    one, other = (binomtest(*counts).proportion_ci(confidence, method="wilson") for counts in (exposed, unexposed))
    rate, base = exposed[0] / exposed[1], unexposed[0] / unexposed[1]

    comparison = _compared(_of(*exposed), _of(*unexposed), confidence)
    assert [comparison.low, comparison.high] == [
        pytest.approx(rate - base - sqrt((rate - one.low) ** 2 + (other.high - base) ** 2)),
        pytest.approx(rate - base + sqrt((one.high - rate) ** 2 + (base - other.low) ** 2)),
    ]


def test_halves_its_width_with_four_times_the_customers() -> None:
    few, many = _compared(_of(50, 1_000), _of(50, 1_000)), _compared(_of(200, 4_000), _of(200, 4_000))

    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(2, rel=0.02)


def _of(failing: int, customers: int) -> Cohort:
    return Cohort(customers=customers, failing=failing)


def _compared(exposed: Cohort, unexposed: Cohort, confidence: float = 0.95) -> Comparison:
    comparison = compare_cohorts(exposed, unexposed, confidence)
    assert comparison is not None
    return comparison
