"""Moments as people read them: their own time, UTC, and how far away."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def span(duration: timedelta) -> str:
    """Return a duration in its two largest units, `2d 4h`, `5h 12m`, `40s`."""
    seconds = max(int(duration.total_seconds()), 0)
    for number, (unit, size) in enumerate(_UNITS):
        count, rest = divmod(seconds, size)
        if count:
            return " ".join([f"{count}{unit}", *_lesser(rest, number + 1)])
    return "0s"


def both(moment: datetime, zone: tzinfo) -> str:
    """Return a moment in local time and in UTC, `Fri 2026-01-09 14:00 CET (13:00 UTC)`."""
    return _in_both(moment, zone, "%H:%M")


def exactly(moment: datetime, zone: tzinfo) -> str:
    """Return the same to the second: what happened then can be asked for by this moment, rounded up to it."""
    whole = moment if moment.microsecond == 0 else moment.replace(microsecond=0) + timedelta(seconds=1)
    return _in_both(whole, zone, "%H:%M:%S")


def at_most(duration: timedelta) -> str:
    """Return a duration in its two largest units, rounded up: what is promised then is so."""
    seconds = max(math.ceil(duration.total_seconds()), 0)
    lesser = next((size for (_, larger), (_, size) in pairwise(_UNITS) if seconds >= larger), 1)
    return span(timedelta(seconds=math.ceil(seconds / lesser) * lesser))


def until(moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a moment ahead and how far it is, `Fri 2026-01-09 14:00 CET (13:00 UTC), in 5h 12m`."""
    return f"{both(moment, zone)}, {_distance(moment, now)}"


def iso(moment: datetime) -> str:
    """Return a moment as ISO-8601 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _in_both(moment: datetime, zone: tzinfo, clock: str) -> str:
    utc, here = moment.astimezone(UTC), moment.astimezone(zone)
    if here.utcoffset() == timedelta():
        return f"{utc:%a %Y-%m-%d} {utc:{clock}} UTC"
    other = f"{utc:{clock}}" if utc.date() == here.date() else f"{utc:%a} {utc:{clock}}"
    return f"{here:%a %Y-%m-%d} {here:{clock}} {here.tzname()} ({other} UTC)"


def _lesser(seconds: int, number: int) -> list[str]:
    if number == len(_UNITS):
        return []
    unit, size = _UNITS[number]
    return [f"{seconds // size}{unit}"] if seconds >= size else []


def _distance(moment: datetime, now: datetime) -> str:
    return "now" if moment <= now else f"in {at_most(moment - now)}"
