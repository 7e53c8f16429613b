"""The words for what trips a rollout."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.domain.analysis import Cohort
from reconciler.domain.breach import Breach, percent, with_an_error
from reconciler.domain.gates import Thresholds


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        (Thresholds(), "12 of 100 exposed customers have an error in the last 1h, the limit is 5 %"),
        (
            Thresholds(error_rate=0, window=timedelta(minutes=90)),
            "12 of 100 exposed customers have an error in the last 1h 30m, the limit is 0 %",
        ),
    ],
)
def test_a_breach_names_its_counts_window_and_limit(thresholds: Thresholds, words: str) -> None:
    assert str(Breach(cohort=Cohort(customers=100, failing=12), thresholds=thresholds)) == words


def test_a_cohort_names_those_with_an_error() -> None:
    assert with_an_error(Cohort(customers=3, failing=1)) == "1 of 3 exposed customers have an error"


@pytest.mark.parametrize(
    ("rate", "words"),
    [(0.0, "0 %"), (0.07, "7 %"), (0.1 + 0.2, "30 %"), (0.0025, "0.25 %"), (0.99999, "99.999 %"), (1, "100 %")],
)
def test_a_rate_is_written_as_a_person_would(rate: float, words: str) -> None:
    assert percent(rate) == words
