"""Which days of events may go: both sides of each edge, and what a reader is told of those that stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from reconciler.domain.upkeep import Horizon, Kept, grouped, reason_to_keep
from tests.builders.domain import INSTANT, NOW

LAST_OF_ALL = "the last two whole days always stay"
OF_A_WINDOW = "a rollout has a window of 7d, and that with a day more is kept"
UNSUMMARISED = "the summary of customers lacks some of it; the next run goes on"
FAR_OFF = "the clocks of the database and of this machine are 1h 1m apart; set them right first"
USUAL = Horizon(now=NOW, local_now=NOW, summarised_until=NOW, longest_window=timedelta(hours=1))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "change", "reason"),
    [
        pytest.param(date(2026, 2, 27), {}, None, id="three days ago"),
        pytest.param(date(2026, 2, 28), {}, LAST_OF_ALL, id="two days ago"),
        pytest.param(date(2026, 3, 2), {}, LAST_OF_ALL, id="today"),
        pytest.param(date(2026, 2, 21), {"longest_window": 7 * DAY}, None, id="ends before window and day began"),
        pytest.param(date(2026, 2, 22), {"longest_window": 7 * DAY}, OF_A_WINDOW, id="window and day begin in it"),
        pytest.param(date(2026, 2, 27), {"local_now": NOW + HOUR}, None, id="clocks an hour apart"),
        pytest.param(date(2026, 2, 27), {"local_now": NOW - 61 * HOUR / 60}, FAR_OFF, id="clocks further apart"),
        pytest.param(date(2025, 1, 1), {"local_now": NOW + 61 * HOUR / 60}, FAR_OFF, id="a clock that lags"),
        pytest.param(
            date(2026, 2, 27),
            {"summarised_until": datetime(2026, 2, 28, 0, 1, tzinfo=UTC)},
            None,
            id="summarised, with what came in late",
        ),
        pytest.param(
            date(2026, 2, 27),
            {"summarised_until": datetime(2026, 2, 28, 0, 1, tzinfo=UTC) - INSTANT},
            UNSUMMARISED,
            id="summarised but for what came in late",
        ),
        pytest.param(date(2026, 2, 27), {"summarised_until": None}, UNSUMMARISED, id="nothing summarised"),
    ],
)
def test_a_day_stays_as_long_as_it_is_needed(day: date, change: dict[str, Any], reason: str | None) -> None:
    assert reason_to_keep(day, replace(USUAL, **change)) == reason


@pytest.mark.parametrize(
    ("now", "first"),
    [
        pytest.param(NOW.replace(hour=0), date(2026, 2, 23), id="at midnight the day just ended goes"),
        pytest.param(NOW.replace(hour=0) - INSTANT, date(2026, 2, 22), id="before midnight it stays"),
        pytest.param(NOW.astimezone(timezone(timedelta(hours=14))), date(2026, 2, 23), id="whatever the zone"),
    ],
)
def test_a_day_is_older_than_the_retention_when_all_of_it_is(now: datetime, first: date) -> None:
    assert replace(USUAL, now=now).first_kept(7 * DAY) == first


def test_days_are_those_of_utc() -> None:
    late = replace(USUAL, now=datetime(2026, 3, 3, 1, tzinfo=timezone(timedelta(hours=2))))

    assert (late.today, late.last_ahead) == (date(2026, 3, 2), date(2026, 3, 4))


def test_days_with_one_reason_are_told_as_one() -> None:
    reasons = {date(2026, 2, 3): "b", date(2026, 2, 1): "a", date(2026, 2, 2): "a", date(2026, 2, 9): "a"}

    assert list(grouped(reasons)) == [
        Kept(first=date(2026, 2, 1), last=date(2026, 2, 2), reason="a"),
        Kept(first=date(2026, 2, 3), last=date(2026, 2, 3), reason="b"),
        Kept(first=date(2026, 2, 9), last=date(2026, 2, 9), reason="a"),
    ]
