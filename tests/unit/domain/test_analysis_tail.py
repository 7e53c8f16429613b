"""The exact binomial tail: at its ends, and against another implementation."""

from __future__ import annotations

import pytest

from reconciler.domain.analysis import binomial_tail


@pytest.mark.parametrize(
    ("least", "trials", "probability", "tail"),
    [
        pytest.param(0, 10, 0.5, 1.0, id="at least none"),
        pytest.param(-1, 10, 0.5, 1.0, id="at least fewer than none"),
        pytest.param(11, 10, 0.5, 0.0, id="more than there are"),
        pytest.param(1, 10, 0.0, 0.0, id="what never happens"),
        pytest.param(10, 10, 1.0, 1.0, id="what always happens"),
        pytest.param(0, 0, 0.5, 1.0, id="none of none"),
        pytest.param(1, 1, 0.05, 0.05, id="one of one"),
        pytest.param(10, 10, 0.5, 1 / 1024, id="ten of ten"),
        pytest.param(1, 10, 0.5, 1023 / 1024, id="one of ten"),
        pytest.param(100_000, 100_000, 0.5, 0.0, id="too small to write"),
    ],
)
def test_a_tail_at_its_ends(least: int, trials: int, probability: float, tail: float) -> None:
    assert binomial_tail(least, trials, probability) == pytest.approx(tail, rel=1e-14)


@pytest.mark.parametrize("trials", [1, 2, 3, 10, 50, 300, 1_000, 10_000, 100_000])
@pytest.mark.parametrize("probability", [1e-6, 0.001, 0.02, 0.05, 0.3, 0.5, 0.77, 0.95, 0.999])
def test_the_tail_is_the_one_of_scipy(trials: int, probability: float) -> None:
    from scipy.stats import binom  # type: ignore[import-untyped]  # slow to import, and nothing else needs it

    counts = _grid(trials, probability)
    known = binom.sf([count - 1 for count in counts], trials, probability)

    tails = [binomial_tail(count, trials, probability) for count in counts]
    assert tails == [pytest.approx(each, rel=1e-9, abs=1e-15) for each in known]


def _grid(trials: int, probability: float) -> list[int]:
    """Return numbers from 0 to `trials`: the ends, some between, and more where the tail is neither 0 nor 1."""
    mean, spread = trials * probability, (trials * probability * (1 - probability)) ** 0.5
    near = {round(mean + spread * step / 2) for step in range(-20, 21)}
    even = {trials * step // 20 for step in range(21)}
    return sorted(count for count in near | even | {1, trials - 1} if 0 <= count <= trials)
