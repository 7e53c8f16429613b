"""The meaning of `_policy.yaml`: the rules that a schema can't state, and the policy of a root."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reconciler.definitions.fault import Fault, shown
from reconciler.definitions.gates import (
    duration_faults,
    duration_of,
    dwell_of,
    floor_faults,
    gate_faults,
    thresholds_of,
)
from reconciler.definitions.places import Document, Step
from reconciler.definitions.schema import subject
from reconciler.domain.duration import parse_duration
from reconciler.domain.gates import Gates
from reconciler.domain.policy import AllowedHours, Freeze, GuardLimits, Policy

SHORTEST_RETENTION = timedelta(days=1)
"""Events are kept for this long at the least."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_END_OF_DAY = "24:00"


def policy_faults(document: Document) -> Iterator[Fault]:
    """Yield the faults of sound fields; those that the schema refuses are passed over."""
    data = document.data
    yield from gate_faults(document)
    if "min_dwell" in data:
        yield from duration_faults(document, "min_dwell")
    floor = duration_of(data.get("min_dwell"))
    yield from floor_faults(document, Policy().min_dwell if floor is None else floor)
    yield from _freeze_faults(document, data.get("freezes"))
    yield from _hours_faults(document, data.get("allowed_hours"))
    if isinstance(retention := data.get("retention"), dict) and "events" in retention:
        yield from duration_faults(document, "retention", "events", least=SHORTEST_RETENTION)


def policy_of(data: Mapping[str, Any]) -> Policy:
    """Build the policy of a file without faults; a default dwell that it doesn't name is raised to its floor."""
    usual = Policy()
    min_dwell = parse_duration(data["min_dwell"]) if "min_dwell" in data else usual.min_dwell
    dwell = dwell_of(data.get("dwell", {}), usual.defaults.dwell).at_least(min_dwell)
    thresholds = thresholds_of(data.get("thresholds", {}), usual.defaults.thresholds)
    retention = data.get("retention", {})
    return Policy(
        defaults=Gates(dwell=dwell, thresholds=thresholds),
        min_dwell=min_dwell,
        freezes=tuple(_freeze(each) for each in data.get("freezes", ())),
        allowed_hours=_hours(data["allowed_hours"]) if "allowed_hours" in data else None,
        guard=_guard(data.get("guard", {}), usual.guard),
        retention=parse_duration(retention["events"]) if "events" in retention else usual.retention,
    )


def _freeze(data: Mapping[str, str]) -> Freeze:
    zone = ZoneInfo(data["timezone"])
    # A local time that the clocks show twice or skip is taken on the side that makes the freeze longer.
    return Freeze(
        begins=min(_instants(datetime.fromisoformat(data["from"]), zone)),
        ends=max(_instants(datetime.fromisoformat(data["until"]), zone)),
        reason=data.get("reason", ""),
    )


def _instants(local: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    return tuple(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))


def _hours(data: Mapping[str, Any]) -> AllowedHours:
    return AllowedHours(
        zone=ZoneInfo(data["timezone"]),
        days=frozenset(_DAYS.index(day) for day in data["days"]),
        opens=time.fromisoformat(data["from"]),
        closes=time.max if data["until"] == _END_OF_DAY else time.fromisoformat(data["until"]),
    )


def _guard(data: Mapping[str, Any], usual: GuardLimits) -> GuardLimits:
    return GuardLimits(
        max_lowered=float(data.get("max_lowered", usual.max_lowered)),
        min_rollouts=data.get("min_rollouts", usual.min_rollouts),
    )


def _freeze_faults(document: Document, freezes: object) -> Iterator[Fault]:
    for index, freeze in enumerate(freezes if isinstance(freezes, list) else ()):
        if not isinstance(freeze, dict):
            continue
        path = ("freezes", index)
        yield from _zone_faults(document, path, freeze)
        begins, ends = (_local_time(freeze.get(name)) for name in ("from", "until"))
        for name, moment in (("from", begins), ("until", ends)):
            if moment is None and name in freeze:
                yield _no_time(document, path, name)
        if begins is not None and ends is not None and begins >= ends:
            yield _ends_first(document, path)


def _hours_faults(document: Document, hours: object) -> Iterator[Fault]:
    if not isinstance(hours, dict):
        return
    yield from _zone_faults(document, ("allowed_hours",), hours)
    opens, closes = hours.get("from"), hours.get("until")
    if isinstance(opens, str) and isinstance(closes, str) and len(opens) == len(closes) and opens >= closes:
        yield _ends_first(document, ("allowed_hours",))


def _zone_faults(document: Document, path: tuple[Step, ...], data: Mapping[str, object]) -> Iterator[Fault]:
    name = data.get("timezone")
    if isinstance(name, str) and not _is_zone(name):
        yield document.fault(
            *path,
            "timezone",
            rule="timezone",
            message=f"{subject((*path, 'timezone'))} is {shown(name)}, which is no known timezone",
            remedy="write an IANA name such as Europe/Berlin, or UTC",
        )


def _is_zone(name: str) -> bool:
    # zoneinfo looks for a file: a folder, a broken link or a name that no file may have fail in their own ways.
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _local_time(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is not None else moment


def _no_time(document: Document, path: tuple[Step, ...], name: str) -> Fault:
    return document.fault(
        *path,
        name,
        rule="form",
        message=f"{subject((*path, name))} is {shown(document.written(*path, name))}, which no calendar has",
        remedy="correct the date or the time",
    )


def _ends_first(document: Document, path: tuple[Step, ...]) -> Fault:
    begins, ends = document.written(*path, "from"), document.written(*path, "until")
    return document.fault(
        *path,
        "until",
        rule="order",
        message=f"{subject((*path, 'until'))} is {shown(ends)}, not after `from`, {shown(begins)}",
        remedy="set it to a later time",
    )
