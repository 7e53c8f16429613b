"""Durations as files write them and as people read them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.duration import DURATION_PATTERN, LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("48h", timedelta(hours=48)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        pytest.param("366d", LONGEST, id="the longest"),
        pytest.param("8784h", LONGEST, id="the longest in hours"),
    ],
)
def test_reads_a_whole_number_and_a_unit(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["367d", "8785h", "53w", "9999999w"])
def test_refuses_more_than_the_longest(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text} is longer than 366d, the longest duration$"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    ["", "5", "h", "05h", "-1h", "1.5h", "1h ", " 1h", "1h\n", "1H", "1h30m", "1y", "10000000s", "\u0664h"],
)
def test_refuses_anything_else(text: str) -> None:
    with pytest.raises(
        ValueError, match=f"^{re.escape(repr(text))} is no duration; write a whole number and a unit"
    ):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(microseconds=999_999), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(minutes=90), "1h 30m"),
        (timedelta(hours=48), "48h"),
        pytest.param(timedelta(hours=72), "72h", id="the last that is said in hours"),
        pytest.param(timedelta(hours=73), "3d 1h", id="the first that is said in days"),
        (timedelta(days=7), "7d"),
        (timedelta(hours=48) - timedelta(seconds=1), "1d 23h 59m 59s"),
        pytest.param(timedelta(hours=48) - timedelta(microseconds=1), "1d 23h 59m 59s", id="never rounded up"),
    ],
)
def test_writes_a_duration_exactly_to_the_second(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@given(st.from_regex(DURATION_PATTERN, fullmatch=True))
def test_reads_what_the_schema_lets_through_or_says_that_it_is_too_long(text: str) -> None:
    count, unit = int(text[:-1]), {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}[text[-1]]

    if count * unit <= LONGEST.total_seconds():
        assert parse_duration(text) == timedelta(seconds=count * unit)
    else:
        with pytest.raises(ValueError, match="longer than 366d"):
            parse_duration(text)


@given(st.integers(0, 366 * 86_400))
def test_what_is_written_sums_up_to_the_duration(seconds: int) -> None:
    parts = format_duration(timedelta(seconds=seconds)).split()

    assert sum((parse_duration(part) for part in parts), timedelta()) == timedelta(seconds=seconds)
