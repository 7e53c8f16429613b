"""Whether the counts of a window roll something back."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.analysis import Cohort
from reconciler.domain.breach import Breach
from reconciler.domain.gates import Thresholds
from reconciler.domain.watched import Watched


def a_watched(window: tuple[int, int] | None, **thresholds: Any) -> Watched:
    """Return a rollout with so many exposed customers, and those of them with an error."""
    cohort = None if window is None else Cohort(customers=window[0], failing=window[1])
    return Watched(feature="checkout", attempt=1, thresholds=Thresholds(**thresholds), window=cohort)


@pytest.mark.parametrize(
    ("window", "trips"),
    [
        pytest.param(None, False, id="nobody was seen"),
        pytest.param((0, 0), False, id="nobody who has it"),
        pytest.param((100, 0), False, id="no error"),
        pytest.param((100, 5), False, id="exactly the limit"),
        pytest.param((100, 6), True, id="over the limit"),
        pytest.param((1, 1), True, id="the only one"),
    ],
)
def test_counts_over_the_limit_roll_back(window: tuple[int, int] | None, trips: bool) -> None:
    watched = a_watched(window)

    assert watched.breach == (
        Breach(cohort=watched.window, thresholds=watched.thresholds) if trips and watched.window else None
    )


@pytest.mark.parametrize(("failing", "trips"), [(11, False), (12, True)])
def test_with_confidence_it_takes_more(failing: int, trips: bool) -> None:
    assert (a_watched((100, failing), confidence=0.99).breach is not None) is trips
