"""Why a row was written, in words that last: the reason that plans, logs and the history show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime

from reconciler.domain.analysis import Evidence
from reconciler.domain.duration import format_duration
from reconciler.domain.gates import Dwell, Thresholds
from reconciler.domain.state import Standing, State

_PLAIN = ("target", "paused", "description", "owner")


def promoted(state: State, after: Standing, evidence: Evidence, now: datetime) -> str:
    """Say what was climbed, after how long, and how it fared there."""
    tier = int(state.standing.tier)
    if not tier:
        return "tier 0 -> 1"
    dwelt = format_duration(now - state.epoch_started_at)
    served = f"tier {tier} -> {int(after.tier)} after {dwelt} at tier {tier}"
    epoch = evidence.epoch
    if not epoch.customers:
        return f"{served}, without evidence"
    return f"{served}, {epoch.failing} of {epoch.customers} exposed customers had an error"


def lowered(before: Standing, after: Standing) -> str:
    """Say what a reviewed commit took back."""
    return f"tier {int(before.tier)} -> {int(after.tier)}"


def edits(before: Standing, after: Standing) -> str:
    """Name what differs between two standings at the same tier, such as `whitelist +2 -1, paused`."""
    return ", ".join(_edits(before, after)) or "nothing"


def _edits(before: Standing, after: Standing) -> Iterator[str]:
    if before.retired and not after.retired:
        yield "its file came back"
    yield from (name for name in _PLAIN if getattr(before, name) != getattr(after, name))
    yield from _list_edit("whitelist", before.whitelist, after.whitelist)
    yield from _list_edit("blacklist", before.blacklist, after.blacklist)
    yield from _gate_edits(before, after)


def _list_edit(name: str, before: frozenset[str], after: frozenset[str]) -> Iterator[str]:
    added, removed = len(after - before), len(before - after)
    if added or removed:
        signs = ([f"+{added}"] if added else []) + ([f"-{removed}"] if removed else [])
        yield f"{name} {' '.join(signs)}"


def _gate_edits(before: Standing, after: Standing) -> Iterator[str]:
    if before.gates == after.gates:
        if before.settled != after.settled:
            yield "gates settled"
        return
    for name in (field.name for field in fields(Dwell)):
        if getattr(before.gates.dwell, name) != getattr(after.gates.dwell, name):
            yield f"dwell.{name.removeprefix('tier_')}"
    for name in (field.name for field in fields(Thresholds)):
        if getattr(before.gates.thresholds, name) != getattr(after.gates.thresholds, name):
            yield f"thresholds.{name}"
