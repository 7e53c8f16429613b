"""How often a day ends in a rollback that nothing was the matter with: the true rate is below the limit of 5 %.

The published figures are simulated themselves and taken for a thousand days each, so each is held to three standard
errors of the difference between two such simulations (`tolerance`). The traffic is described in the builder.
"""

from __future__ import annotations

import pytest

from reconciler.domain.gates import Thresholds
from tests.builders.simulation import a_day, failing_customers, share_rolled_back, tolerance

SEED, DAYS = 1, 1_000
LITERAL, EXACT = Thresholds(), Thresholds(confidence=0.99)
CUSTOMERS = (10, 20, 50, 100, 300, 1_000)
PUBLISHED = {  # percent of the days: literal, and with a confidence of 0.99
    0.02: ((99.4, 92.0, 97.8, 70.9, 5.3, 0.0), (0.2, 0.4, 0.1, 0.0, 0.0, 0.0)),
    0.04: ((100.0, 100.0, 100.0, 100.0, 100.0, 99.0), (4.1, 11.3, 8.7, 9.9, 8.1, 1.0)),
}
AT_ONCE = {(0.02, 10), (0.02, 20), (0.02, 100), (0.04, 100)}
CASES = [
    pytest.param(
        rate,
        customers,
        literal / 100,
        exact / 100,
        id=f"{rate:.0%} of {customers}",
        marks=() if (rate, customers) in AT_ONCE else pytest.mark.slow,
    )
    for rate, rows in PUBLISHED.items()
    for customers, literal, exact in zip(CUSTOMERS, *rows, strict=True)
]


@pytest.mark.parametrize(("rate", "customers", "literal", "exact"), CASES)
def test_rolls_back_falsely_as_often_as_published(
    rate: float, customers: int, literal: float, exact: float
) -> None:
    failing = failing_customers(a_day(customers, rate), runs=DAYS, seed=SEED)

    shares = [share_rolled_back(rule, customers, failing) for rule in (LITERAL, EXACT)]
    assert shares == [pytest.approx(each, abs=tolerance(each, DAYS)) for each in (literal, exact)]
