"""What a policy file means."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.policy import AllowedHours, Freeze, GuardLimits, Policy
from tests.builders.definitions import a_tree

_EVERYTHING = b"""\
dwell: {1: 48h, 2: 7d, 3: 36h}
thresholds: {error_rate: 0.02, confidence: 0.99}
min_dwell: 36h
freezes:
  - {from: "2026-12-20T00:00", until: "2027-01-02T08:00", timezone: Europe/Berlin, reason: Christmas trade}
  - {from: "2026-06-01T00:00", until: "2026-06-02T00:00", timezone: UTC}
allowed_hours: {timezone: America/New_York, days: [mon, fri], from: "09:00", until: "24:00"}
guard: {max_lowered: 1, min_rollouts: 3}
retention: {events: 1d}
"""


def test_a_policy_that_names_everything() -> None:
    assert _policy(_EVERYTHING) == Policy(
        defaults=Gates(
            dwell=Dwell(tier_1=timedelta(hours=48), tier_2=timedelta(days=7), tier_3=timedelta(hours=36)),
            thresholds=Thresholds(error_rate=0.02, confidence=0.99),
        ),
        min_dwell=timedelta(hours=36),
        freezes=(
            Freeze(
                begins=datetime(2026, 12, 19, 23, tzinfo=UTC),
                ends=datetime(2027, 1, 2, 7, tzinfo=UTC),
                reason="Christmas trade",
            ),
            Freeze(begins=datetime(2026, 6, 1, tzinfo=UTC), ends=datetime(2026, 6, 2, tzinfo=UTC)),
        ),
        allowed_hours=AllowedHours(
            zone=ZoneInfo("America/New_York"), days=frozenset({0, 4}), opens=time(9), closes=time.max
        ),
        guard=GuardLimits(max_lowered=1.0, min_rollouts=3),
        retention=timedelta(days=1),
    )


def test_a_policy_that_names_nothing() -> None:
    assert _policy(b"{}\n") == Policy()


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        pytest.param(
            "2026-10-25T02:30", "2026-10-25T05:00", (0, 30), id="begins at the first of two half past two"
        ),
        pytest.param("2026-10-24T00:00", "2026-10-25T02:30", (1, 30), id="ends at the second of two half past two"),
    ],
)
def test_a_time_that_the_clocks_show_twice_makes_a_freeze_longer(
    begins: str, ends: str, expected: tuple[int, int]
) -> None:
    freeze = _freeze(begins, ends)

    moment = freeze.begins if begins.startswith("2026-10-25") else freeze.ends
    assert (moment.hour, moment.minute) == expected


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        pytest.param("2026-03-29T02:30", "2026-03-30T00:00", (0, 30), id="begins in the hour that is skipped"),
        pytest.param("2026-03-28T00:00", "2026-03-29T02:30", (1, 30), id="ends in the hour that is skipped"),
    ],
)
def test_a_time_that_the_clocks_skip_makes_a_freeze_longer(
    begins: str, ends: str, expected: tuple[int, int]
) -> None:
    freeze = _freeze(begins, ends)

    moment = freeze.begins if begins.startswith("2026-03-29") else freeze.ends
    assert (moment.hour, moment.minute) == expected


def _freeze(begins: str, ends: str) -> Freeze:
    return _policy(f'freezes: [{{from: "{begins}", until: "{ends}", timezone: Europe/Berlin}}]\n'.encode()).freezes[
        0
    ]


def _policy(content: bytes) -> Policy:
    desired = a_tree({"_policy.yaml": content}).load()
    assert desired.problems == ()
    return desired.policy
