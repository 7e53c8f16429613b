"""The simulated traffic is what it says: so many customers fail in an hour, each of them counted once."""

from __future__ import annotations

import pytest

from reconciler.domain.gates import Thresholds
from tests.builders.simulation import Traffic, a_day, failing_customers, share_rolled_back, tolerance

RUNS = 400


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1, 0.5])
def test_so_many_customers_have_an_error_within_an_hour(rate: float) -> None:
    failing = failing_customers(Traffic(customers=100, before=0.02, rate=rate, minutes=60), runs=RUNS, seed=1)

    assert failing[:, 0].mean() / 100 == pytest.approx(0.02, abs=0.003)
    assert failing[:, 60].mean() / 100 == pytest.approx(rate, abs=0.01)


def test_nobody_counts_twice() -> None:
    failing = failing_customers(Traffic(customers=20, before=0.02, rate=1.0, minutes=90), runs=RUNS, seed=1)

    assert failing.max() == 20
    assert (failing[:, 90] == 20).mean() > 0.99


def test_an_error_leaves_the_window_after_an_hour() -> None:
    failing = failing_customers(Traffic(customers=20, before=0.9, rate=0.0, minutes=60), runs=RUNS, seed=1)

    assert failing[:, 59].max() > 0
    assert failing[:, 60].max() == 0


def test_of_ten_customers_any_error_rolls_back_as_arithmetic_says() -> None:
    """Without luck in each of the 25 hours that the windows of a day span, the literal rule rolls back."""
    share = share_rolled_back(Thresholds(), 10, failing_customers(a_day(10, 0.005), runs=RUNS, seed=1))

    expected = 1 - (1 - 0.005) ** (25 * 10)
    assert share == pytest.approx(expected, abs=tolerance(expected, RUNS))


def test_the_same_seed_gives_the_same_day() -> None:
    one, same, other = (failing_customers(a_day(10, 0.02), runs=2, seed=seed) for seed in (1, 1, 2))

    assert (one == same).all()
    assert (one != other).any()
