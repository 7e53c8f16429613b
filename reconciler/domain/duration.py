"""Durations as definitions write them: `30h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

DURATION_PATTERN = r"^(0|[1-9][0-9]{0,6})(s|m|h|d|w)$"
LONGEST = timedelta(days=366)

_SHAPE = re.compile(DURATION_PATTERN)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parse_duration(text: str) -> timedelta:
    """Read a whole number with one unit (s, m, h, d, w); ValueError when it isn't one or is over 366 days."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration; write a whole number and a unit, such as 30h or 7d")
    duration = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    if duration > LONGEST:
        raise ValueError(f"{text} is longer than 366d, the longest duration")
    return duration


def format_duration(duration: timedelta) -> str:
    """Write a duration of zero or more exactly to the second, cut off: `48h` up to three days, then `3d 6h`."""
    seconds = int(duration.total_seconds())
    if seconds and seconds % 3_600 == 0 and seconds <= 72 * 3_600:
        return f"{seconds // 3_600}h"
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
