"""The reasons that plans, logs and the history show."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.domain.analysis import NO_EVIDENCE
from reconciler.domain.describe import edits, lowered, promoted
from reconciler.domain.state import Standing
from tests.builders.domain import HEALTHY, NOW, a_standing, a_state, hours, some_gates

ADA, BOB, CLEO = "ada", "bob", "cleo"


@pytest.mark.parametrize(
    ("tier", "served", "reason"),
    [
        (0, timedelta(), "tier 0 -> 1"),
        (1, hours(50), "tier 1 -> 2 after 50h at tier 1, 1 of 100 exposed customers had an error"),
        (
            3,
            timedelta(days=8, minutes=5),
            "tier 3 -> 4 after 8d 5m at tier 3, 1 of 100 exposed customers had an error",
        ),
    ],
)
def test_a_promotion_says_what_was_climbed_after_how_long_and_how_it_fared(
    tier: int, served: timedelta, reason: str
) -> None:
    assert promoted(a_state(tier, served=served), a_standing(tier + 1), HEALTHY, NOW) == reason


def test_a_promotion_that_nobody_saw_says_so() -> None:
    reason = promoted(a_state(1, served=hours(50)), a_standing(2), NO_EVIDENCE, NOW)

    assert reason == "tier 1 -> 2 after 50h at tier 1, without evidence"


def test_a_demotion_says_what_was_taken_back() -> None:
    assert lowered(a_standing(3), a_standing(1)) == "tier 3 -> 1"


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        pytest.param(a_standing(1), a_standing(1), "nothing", id="nothing"),
        pytest.param(a_standing(1, retired=True), a_standing(1), "its file came back", id="came back"),
        pytest.param(a_standing(1), a_standing(1, paused=True, target=2), "target, paused", id="plain fields"),
        pytest.param(
            a_standing(1, whitelist=frozenset({ADA}), blacklist=frozenset({BOB})),
            a_standing(1, whitelist=frozenset({BOB, CLEO})),
            "whitelist +2 -1, blacklist -1",
            id="lists",
        ),
        pytest.param(
            a_standing(1, gates=some_gates(hours(48))),
            a_standing(1, gates=some_gates(hours(24), error_rate=0.1)),
            "dwell.1, dwell.2, dwell.3, thresholds.error_rate",
            id="gates",
        ),
        pytest.param(
            a_standing(1, gates=some_gates(hours(48)), settled=some_gates(hours(24))),
            a_standing(1, gates=some_gates(hours(48))),
            "gates settled",
            id="only settled",
        ),
    ],
)
def test_an_update_names_what_differs(before: Standing, after: Standing, text: str) -> None:
    assert edits(before, after) == text
