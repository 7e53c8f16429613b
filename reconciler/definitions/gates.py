"""Dwell and thresholds as files write them; rollouts and the policy write them alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from reconciler.definitions.fault import Fault
from reconciler.definitions.places import Document, Step
from reconciler.domain.duration import LONGEST, format_duration, parse_duration
from reconciler.domain.gates import Dwell, Thresholds

LONGEST_WINDOW = timedelta(days=30)
"""No window of thresholds is longer."""

_TIERS_THAT_DWELL = ("1", "2", "3")


def gate_faults(document: Document) -> Iterator[Fault]:
    """Yield the faults of `dwell` and `thresholds` that the schema can't state: durations that are too long."""
    for path, _ in named_dwells(document.data):
        yield from duration_faults(document, *path, most=LONGEST)
    thresholds = document.data.get("thresholds")
    if isinstance(thresholds, dict) and "window" in thresholds:
        yield from duration_faults(document, "thresholds", "window", most=LONGEST_WINDOW)


def floor_faults(document: Document, floor: timedelta) -> Iterator[Fault]:
    """Yield a fault for each dwell that is shorter than the floor of the policy."""
    for path, value in named_dwells(document.data):
        duration = duration_of(value)
        if duration is not None and duration < floor:
            least = format_duration(floor)
            tier = f" for tier {path[1]}" if len(path) > 1 else ""
            yield document.fault(
                *path,
                rule="min-dwell",
                message=f"dwell is {value}, the least is {least}{tier}",
                remedy=f"raise it to {least}",
            )


def named_dwells(data: Mapping[str, Any]) -> Iterator[tuple[tuple[Step, ...], object]]:
    """Yield path and value of each dwell that the file names: one for all tiers, or one a tier."""
    match data.get("dwell"):
        case dict() as tiers:
            yield from ((("dwell", tier), value) for tier, value in tiers.items() if tier in _TIERS_THAT_DWELL)
        case str() as value:
            yield ("dwell",), value
        case _:
            return


def duration_faults(
    document: Document, *path: Step, least: timedelta | None = None, most: timedelta = LONGEST
) -> Iterator[Fault]:
    """Yield a fault when the duration at `path` is outside its limits; one that is no duration is passed over."""
    written = document.written(*path)
    duration = duration_of(written)
    if duration is None:
        return
    named = ".".join(str(step) for step in path)
    if duration > most:
        message = f"{named} is {written}, the most is {most.days}d"
        yield document.fault(*path, rule="range", message=message, remedy="lower it")
    if least is not None and duration < least:
        message = f"{named} is {written}, the least is {format_duration(least)}"
        yield document.fault(*path, rule="range", message=message, remedy="raise it")


def duration_of(value: object) -> timedelta | None:
    """Return the duration that a value says, the longest for one too long, None for anything else."""
    try:
        return parse_duration(value) if isinstance(value, str) else None
    except ValueError as error:
        return timedelta.max if "longer" in str(error) else None


def dwell_of(value: str | Mapping[str, str], default: Dwell) -> Dwell:
    """Return the dwell that a sound file says; a tier that it doesn't name has that of `default`."""
    if isinstance(value, str):
        everywhere = parse_duration(value)
        return Dwell(tier_1=everywhere, tier_2=everywhere, tier_3=everywhere)
    return Dwell(
        tier_1=parse_duration(value["1"]) if "1" in value else default.tier_1,
        tier_2=parse_duration(value["2"]) if "2" in value else default.tier_2,
        tier_3=parse_duration(value["3"]) if "3" in value else default.tier_3,
    )


def thresholds_of(value: Mapping[str, Any], default: Thresholds) -> Thresholds:
    """Return the thresholds that a sound file says; what it doesn't name is as in `default`."""
    confidence = value.get("confidence", default.confidence)
    return Thresholds(
        error_rate=float(value.get("error_rate", default.error_rate)),
        success_rate=float(value.get("success_rate", default.success_rate)),
        window=parse_duration(value["window"]) if "window" in value else default.window,
        min_exposed=value.get("min_exposed", default.min_exposed),
        confidence=None if confidence is None else float(confidence),
    )
