"""The verdict: when errors roll back, when they only keep from climbing, and what too little to go by means."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.analysis import (
    NO_EVIDENCE,
    NOBODY,
    Cohort,
    Evidence,
    Tally,
    Verdict,
    errors_needed,
    judge,
    trips,
)
from reconciler.domain.gates import Thresholds
from tests.builders.strategies import all_gates

NEVER = None
CUSTOMERS = (1, 2, 3, 5, 10, 20, 50, 100, 300, 1_000, 10_000)
NEEDED_AT_5_PERCENT: dict[float | None, tuple[int | None, ...]] = {
    None: (1, 1, 1, 1, 1, 2, 3, 6, 16, 51, 501),
    0.95: (1, 2, 2, 2, 3, 4, 6, 10, 22, 63, 537),
    0.99: (NEVER, 2, 2, 3, 4, 5, 8, 12, 25, 68, 552),
    0.999: (NEVER, NEVER, 3, 4, 5, 6, 9, 14, 29, 74, 570),
}
TABLE = [
    pytest.param(confidence, customers, needed, id=f"{confidence or 'literal'} of {customers}")
    for confidence, row in NEEDED_AT_5_PERCENT.items()
    for customers, needed in zip(CUSTOMERS, row, strict=True)
]

thresholds: st.SearchStrategy[Thresholds] = all_gates.map(lambda gates: gates.thresholds)
confidences = st.sampled_from([None, 0.5, 0.9, 0.95, 0.99, 0.999])


@st.composite
def cohorts(draw: st.DrawFn, most: int = 2_000) -> Cohort:
    """Return customers, and no more failing ones than there are."""
    customers = draw(st.integers(0, most))
    return Cohort(customers=customers, failing=draw(st.integers(0, customers)))


def of(failing: int, customers: int) -> Cohort:
    """Say `of(6, 100)` as the tables do."""
    return Cohort(customers=customers, failing=failing)


# What rolls back.


@pytest.mark.parametrize(("confidence", "customers", "needed"), TABLE)
def test_so_many_customers_with_an_error_roll_back(
    confidence: float | None, customers: int, needed: int | None
) -> None:
    assert errors_needed(Thresholds(confidence=confidence), customers) == needed


@pytest.mark.parametrize(("confidence", "customers", "needed"), TABLE)
def test_one_fewer_does_not(confidence: float | None, customers: int, needed: int | None) -> None:
    rule = Thresholds(confidence=confidence)
    enough, too_few = (needed, needed - 1) if needed is not None else (customers + 1, customers)

    assert not trips(rule, of(too_few, customers))
    assert enough > customers or trips(rule, of(enough, customers))


@pytest.mark.parametrize("confidence", [None, 0.95, 0.999])
def test_nobody_trips_nothing(confidence: float | None) -> None:
    rule = Thresholds(error_rate=0.0, confidence=confidence)

    assert (trips(rule, NOBODY), errors_needed(rule, 0)) == (False, NEVER)


@pytest.mark.parametrize("confidence", [None, 0.95, 0.999])
@pytest.mark.parametrize("customers", [1, 20, 100_000])
def test_at_a_limit_of_0_the_first_error_rolls_back(confidence: float | None, customers: int) -> None:
    assert errors_needed(Thresholds(error_rate=0.0, confidence=confidence), customers) == 1


@pytest.mark.parametrize("confidence", [None, 0.95])
@pytest.mark.parametrize("customers", [1, 20, 100_000])
def test_at_a_limit_of_1_nothing_rolls_back(confidence: float | None, customers: int) -> None:
    assert errors_needed(Thresholds(error_rate=1.0, confidence=confidence), customers) is NEVER


@given(st.integers(1, 10_000), st.data())
def test_a_rate_that_is_the_limit_exactly_does_not_roll_back(customers: int, data: st.DataObject) -> None:
    """5 of 100 is 0.05 in binary too, however the file writes it."""
    thousandths = data.draw(st.integers(0, 1_000))
    written = float(f"0.{thousandths:03}") if thousandths < 1_000 else 1.0
    failing = Fraction(thousandths, 1_000) * customers

    if failing.denominator == 1:
        assert not trips(Thresholds(error_rate=written), of(int(failing), customers))
        assert failing == customers or trips(Thresholds(error_rate=written), of(int(failing) + 1, customers))


@pytest.mark.parametrize(("failing", "customers"), [(5, 100), (1, 20), (50, 1_000), (5_000, 100_000)])
def test_5_percent_is_not_over_5_percent(failing: int, customers: int) -> None:
    assert not trips(Thresholds(), of(failing, customers))


@pytest.mark.parametrize(
    ("error_rate", "confidence", "failing", "customers"),
    [
        pytest.param(0.05, 0.95, 1, 1, id="0.05 at 0.95"),
        pytest.param(0.01, 0.99, 1, 1, id="0.01 at 0.99"),
        pytest.param(0.1, 0.99, 2, 2, id="0.1 twice at 0.99"),
        pytest.param(0.1, 0.999, 3, 3, id="0.1 three times at 0.999"),
        pytest.param(0.2, 0.96, 2, 2, id="0.2 twice at 0.96"),
        pytest.param(0.5, 0.5, 4, 7, id="the half of 7 at 0.5"),
    ],
)
def test_a_chance_of_exactly_what_is_allowed_rolls_back(
    error_rate: float, confidence: float, failing: int, customers: int
) -> None:
    assert _exact_tail(failing, customers, str(error_rate)) == 1 - Fraction(str(confidence))

    assert trips(Thresholds(error_rate=error_rate, confidence=confidence), of(failing, customers))


@given(
    st.sampled_from(["0", "0.001", "0.02", "0.05", "0.1", "0.25", "0.5", "0.9", "1"]),
    st.sampled_from(["0.5", "0.75", "0.9", "0.95", "0.96", "0.99", "0.999"]),
    cohorts(most=40),
)
def test_rolls_back_as_exact_fractions_say(limit: str, confidence: str, cohort: Cohort) -> None:
    failing, customers = cohort.failing, cohort.customers
    is_over = customers > 0 and Fraction(failing, customers) > Fraction(limit)
    is_certain = _exact_tail(failing, customers, limit) <= 1 - Fraction(confidence)

    rule = Thresholds(error_rate=float(limit), confidence=float(confidence))
    assert trips(rule, cohort) == (is_over and is_certain)


@given(thresholds, cohorts())
def test_one_error_more_never_takes_a_rollback_back(rule: Thresholds, cohort: Cohort) -> None:
    worse = of(min(cohort.failing + 1, cohort.customers), cohort.customers)

    assert trips(rule, worse) or not trips(rule, cohort)


@given(st.sampled_from([0.0, 0.01, 0.05, 0.3, 0.999, 1.0]), confidences, st.integers(0, 60))
def test_errors_needed_is_the_first_number_that_trips(
    error_rate: float, confidence: float | None, customers: int
) -> None:
    rule = Thresholds(error_rate=error_rate, confidence=confidence)

    tripping = [count for count in range(customers + 1) if trips(rule, of(count, customers))]
    assert errors_needed(rule, customers) == (tripping[0] if tripping else NEVER)


@given(cohorts(), st.sampled_from([0.01, 0.05, 0.5]))
def test_more_certainty_never_rolls_back_sooner(cohort: Cohort, error_rate: float) -> None:
    by_rising_certainty = [
        trips(Thresholds(error_rate=error_rate, confidence=confidence), cohort)
        for confidence in (None, 0.5, 0.9, 0.99, 0.999)
    ]

    assert by_rising_certainty == sorted(by_rising_certainty, reverse=True)


# The verdict.


@pytest.mark.parametrize(
    ("rule", "epoch", "verdict"),
    [
        pytest.param({}, of(5, 100), Verdict.HEALTHY, id="95 of 100 is 95 %"),
        pytest.param({}, of(6, 100), Verdict.UNHEALTHY, id="94 of 100 is less"),
        pytest.param({"success_rate": 1.0}, of(0, 1), Verdict.HEALTHY, id="no error where none is allowed"),
        pytest.param({"success_rate": 1.0}, of(1, 100_000), Verdict.UNHEALTHY, id="one where none is allowed"),
        pytest.param({"success_rate": 0.0}, of(9, 9), Verdict.HEALTHY, id="nothing asked"),
        pytest.param({"min_exposed": 100}, of(0, 99), Verdict.INSUFFICIENT, id="one customer short"),
        pytest.param({"min_exposed": 100}, of(0, 100), Verdict.HEALTHY, id="as many as needed"),
        pytest.param({"min_exposed": 100}, of(99, 99), Verdict.INSUFFICIENT, id="short and poor"),
        pytest.param({"min_exposed": 1}, NOBODY, Verdict.INSUFFICIENT, id="nobody"),
        pytest.param({"min_exposed": 0}, NOBODY, Verdict.INSUFFICIENT, id="nobody, and none asked for"),
        pytest.param({"min_exposed": 0}, of(0, 1), Verdict.HEALTHY, id="somebody, and none asked for"),
        pytest.param({"min_exposed": 0}, of(1, 1), Verdict.UNHEALTHY, id="somebody failing, and none asked for"),
    ],
)
def test_the_epoch_is_judged_by_its_success_rate(rule: dict[str, Any], epoch: Cohort, verdict: Verdict) -> None:
    assert judge(Thresholds(**rule), NOBODY, epoch) == Evidence(verdict=verdict, epoch=epoch)


@pytest.mark.parametrize("epoch", [NOBODY, of(0, 10_000), of(900, 1_000)], ids=["unseen", "good", "poor"])
def test_a_tripped_window_is_unhealthy_whatever_the_epoch_says(epoch: Cohort) -> None:
    window = of(12, 100)

    assert judge(Thresholds(min_exposed=500), window, epoch) == Evidence(
        verdict=Verdict.UNHEALTHY, window=window, epoch=epoch, is_tripped=True
    )


def test_an_epoch_short_of_its_success_rate_does_not_roll_back() -> None:
    window, epoch = of(1, 100), of(60, 1_000)

    assert judge(Thresholds(), window, epoch) == Evidence(verdict=Verdict.UNHEALTHY, window=window, epoch=epoch)


def test_a_window_that_is_not_certain_enough_leaves_it_to_the_epoch() -> None:
    window, epoch = of(11, 100), of(11, 1_000)

    assert judge(Thresholds(confidence=0.99), window, epoch).verdict is Verdict.HEALTHY
    assert judge(Thresholds(confidence=0.95), window, epoch).verdict is Verdict.UNHEALTHY


def test_nothing_seen_is_no_evidence() -> None:
    assert judge(Thresholds(min_exposed=0, error_rate=0.0, success_rate=1.0), NOBODY, NOBODY) == NO_EVIDENCE


@given(thresholds, cohorts(), cohorts())
def test_only_a_tripped_window_is_told_to_roll_back(rule: Thresholds, window: Cohort, epoch: Cohort) -> None:
    evidence = judge(rule, window, epoch)

    assert evidence.is_tripped == trips(rule, window)
    assert evidence.verdict is Verdict.UNHEALTHY or not evidence.is_tripped


@given(thresholds, cohorts(), cohorts(), cohorts(), st.integers(0, 10_000))
def test_customers_without_the_feature_never_move_the_verdict(
    rule: Thresholds, window: Cohort, epoch: Cohort, others: Cohort, customers: int
) -> None:
    alone = [Tally(exposed=window), Tally(exposed=epoch)]
    among_others = [Tally(exposed=each.exposed, unexposed=others, customers=customers) for each in alone]

    assert _judged(rule, alone) == _judged(rule, among_others)


@pytest.mark.parametrize(
    ("cohort", "error_rate", "success_rate"),
    [(NOBODY, None, None), (of(0, 4), 0.0, 1.0), (of(1, 4), 0.25, 0.75), (of(4, 4), 1.0, 0.0)],
)
def test_nobody_has_no_rate(cohort: Cohort, error_rate: float | None, success_rate: float | None) -> None:
    assert (cohort.error_rate, cohort.success_rate) == (error_rate, success_rate)


def _exact_tail(least: int, trials: int, probability: str) -> Fraction:
    chance = Fraction(probability)
    terms = (
        comb(trials, count) * chance**count * (1 - chance) ** (trials - count) for count in range(least, trials + 1)
    )
    return sum(terms, Fraction())


def _judged(rule: Thresholds, tallies: list[Tally]) -> Evidence:
    window, epoch = tallies
    return judge(rule, window.exposed, epoch.exposed)
