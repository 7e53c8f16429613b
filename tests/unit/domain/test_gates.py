"""Which of two sets of gates is the stricter, and what a file would loosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from reconciler.domain.gates import Dwell, Gates, Thresholds, stricter
from reconciler.domain.ladder import Tier
from tests.builders.domain import hours, some_gates
from tests.builders.strategies import all_gates

SETTLED = some_gates(hours(48), error_rate=0.05, success_rate=0.95, min_exposed=10, confidence=0.9)


@pytest.mark.parametrize(
    ("tier", "dwell"),
    [(0, timedelta()), (1, hours(1)), (2, hours(2)), (3, hours(3)), (4, timedelta())],
)
def test_a_dwell_belongs_to_the_tiers_that_can_be_promoted_from(tier: int, dwell: timedelta) -> None:
    assert Dwell(tier_1=hours(1), tier_2=hours(2), tier_3=hours(3)).at(Tier(tier)) == dwell


def test_a_floor_raises_only_what_is_below_it() -> None:
    dwell = Dwell(tier_1=hours(1), tier_2=hours(24), tier_3=hours(48))

    assert dwell.at_least(hours(24)) == Dwell(tier_1=hours(24), tier_2=hours(24), tier_3=hours(48))
    assert dwell.at_least(hours(72)) == Dwell(tier_1=hours(72), tier_2=hours(72), tier_3=hours(72))


@pytest.mark.parametrize(
    "looser",
    [
        pytest.param({"error_rate": 0.06}, id="more errors allowed"),
        pytest.param({"success_rate": 0.94}, id="less success asked"),
        pytest.param({"min_exposed": 9}, id="fewer customers asked"),
        pytest.param({"confidence": 0.91}, id="more certainty needed to roll back"),
        pytest.param({"window": timedelta(minutes=59)}, id="a shorter window"),
        pytest.param({"window": timedelta(minutes=61)}, id="a longer window"),
    ],
)
def test_a_looser_threshold_has_no_effect(looser: dict[str, object]) -> None:
    asked = replace(SETTLED, thresholds=replace(SETTLED.thresholds, **looser))  # type: ignore[arg-type]

    assert stricter(SETTLED, asked) == SETTLED


@pytest.mark.parametrize(
    "tighter",
    [
        pytest.param({"error_rate": 0.04}, id="fewer errors allowed"),
        pytest.param({"success_rate": 0.96}, id="more success asked"),
        pytest.param({"min_exposed": 11}, id="more customers asked"),
        pytest.param({"confidence": 0.89}, id="less certainty needed to roll back"),
        pytest.param({"confidence": None}, id="the literal rule, which trips first"),
    ],
)
def test_a_stricter_threshold_is_in_force(tighter: dict[str, object]) -> None:
    asked = replace(SETTLED, thresholds=replace(SETTLED.thresholds, **tighter))  # type: ignore[arg-type]

    assert stricter(SETTLED, asked) == asked


def test_the_literal_rule_can_not_be_softened_by_a_confidence() -> None:
    literal = some_gates(confidence=None)

    assert stricter(literal, some_gates(confidence=0.5)) == literal


def test_each_dwell_is_judged_alone() -> None:
    settled = Gates(dwell=Dwell(tier_1=hours(48), tier_2=hours(48), tier_3=hours(48)))
    asked = Gates(dwell=Dwell(tier_1=hours(47), tier_2=hours(48), tier_3=hours(49)))

    assert stricter(settled, asked).dwell == Dwell(tier_1=hours(48), tier_2=hours(48), tier_3=hours(49))


@given(all_gates)
def test_nothing_is_stricter_than_itself(gates: Gates) -> None:
    assert stricter(gates, gates) == gates


@given(all_gates, all_gates)
def test_the_stricter_is_the_same_from_both_sides_but_for_the_window(one: Gates, other: Gates) -> None:
    assert _windowless(stricter(one, other)) == _windowless(stricter(other, one))


@given(all_gates, all_gates)
def test_asking_twice_is_no_stricter(settled: Gates, asked: Gates) -> None:
    once = stricter(settled, asked)

    assert (stricter(settled, once), stricter(once, asked)) == (once, once)


@given(all_gates, all_gates, all_gates)
def test_the_stricter_of_three_needs_no_order(one: Gates, two: Gates, three: Gates) -> None:
    assert stricter(stricter(one, two), three) == stricter(one, stricter(two, three))


@given(all_gates, all_gates)
def test_the_stricter_is_at_least_as_strict_as_either(one: Gates, other: Gates) -> None:
    result = stricter(one, other)

    assert all(at_least_as_strict(result, given_gates) for given_gates in (one, other))


@given(all_gates, all_gates, all_gates)
def test_a_stricter_question_never_has_a_looser_answer(settled: Gates, asked: Gates, more: Gates) -> None:
    assert at_least_as_strict(stricter(settled, stricter(asked, more)), stricter(settled, asked))


def at_least_as_strict(one: Gates, other: Gates) -> bool:
    """Tell whether every gate but the window is as strict in `one`, said anew from the words of the design."""
    mine, theirs = one.thresholds, other.thresholds
    return (
        all(one.dwell.at(tier) >= other.dwell.at(tier) for tier in Tier)
        and mine.error_rate <= theirs.error_rate
        and mine.success_rate >= theirs.success_rate
        and mine.min_exposed >= theirs.min_exposed
        and (mine.confidence or 0) <= (theirs.confidence or 0)
    )


def _windowless(gates: Gates) -> Gates:
    return replace(gates, thresholds=replace(gates.thresholds, window=Thresholds().window))
