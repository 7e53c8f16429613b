"""What a change changes, a hold waits for and a refusal needs: plain sentences that every format lays out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime, timedelta, tzinfo
from typing import assert_never

from reconciler.domain.duration import format_duration
from reconciler.domain.gates import Dwell, Thresholds
from reconciler.domain.impact import Impact
from reconciler.domain.plan import (
    Change,
    Create,
    Demote,
    Hold,
    Plan,
    Promote,
    Refusal,
    Restart,
    Retire,
    Rollback,
    Update,
    WaitsFor,
)
from reconciler.domain.state import Standing
from reconciler.render.lists import ListEdit, list_edits
from reconciler.render.moments import until
from reconciler.render.text import clipped, counted, few

_IDS = 3
_AWAITED = {
    WaitsFor.DWELL: "the dwell",
    WaitsFor.EVIDENCE: "evidence",
    WaitsFor.HEALTH: "better health",
    WaitsFor.FREEZE: "the end of the freeze",
    WaitsFor.RESUME: "a person to resume it",
    WaitsFor.WRITE_BACK: "the rollback commit",
    WaitsFor.TIP: "the tip of the branch",
    WaitsFor.CLOCK: "clocks that agree",
    WaitsFor.READABLE_FILES: "files that can be read",
}


def owner_of(change: Change) -> str:
    """Return who answers for the feature after the change."""
    return change.after.owner


def details(change: Change) -> tuple[str, ...]:
    """Return what a change changes, one fact a sentence."""
    return (*_cause(change), *(_list_edit(edit) for edit in list_edits(change)), *_value_edits(change))


def moved(impact: Impact) -> str:
    """Say whom a change moves among the customers that were seen."""
    seen = f"{counted(impact.seen, 'customer')}{' among those' if impact.is_sample else ''} seen"
    moves = [
        f"{number:,} {verb}" for number, verb in ((impact.gained, "gain it"), (impact.lost, "lose it")) if number
    ]
    return f"of {seen} {' and '.join(moves) if moves else 'none gains or loses it'}"


def awaits(hold: Hold, now: datetime, zone: tzinfo) -> str:
    """Say what a hold waits for and, if that is known, until when."""
    awaited = f"waits for {_AWAITED[hold.waits_for]}"
    return awaited if hold.until is None else f"{awaited} until {until(hold.until, now, zone)}"


def awaits_all(holds: Sequence[Hold], now: datetime, zone: tzinfo) -> str:
    """Say in one line what several holds of a feature wait for."""
    first, *others = (awaits(hold, now, zone) for hold in holds)
    return "; ".join([first, *(each.removeprefix("waits for ") for each in others)])


def mend(refusal: Refusal, now: datetime, zone: tzinfo) -> str:
    """Say what to write instead, and from when the step after that is allowed."""
    if refusal.allowed_from is None or refusal.allowed_from <= now:
        return refusal.remedy
    return f"{refusal.remedy}; the next raise is allowed from {until(refusal.allowed_from, now, zone)}"


def guard_words(plan: Plan) -> tuple[str, ...]:
    """Return what the guard says of a plan, and how it is overridden; nothing for a safe one."""
    if plan.unsafe is None:
        return ()
    if plan.unsafe_allowed is not None:
        return (f"unsafe: {plan.unsafe}", f"allowed all the same: {plan.unsafe_allowed}")
    return (
        f"unsafe: {plan.unsafe}; nothing but rollbacks is applied",
        "when that is meant: `reconciler apply --allow-unsafe REASON`, or a trailer `Allow-Unsafe-Plan: REASON`",
    )


def _cause(change: Change) -> Iterator[str]:
    match change:
        case Create(adopted=True) | Rollback() | Restart() | Retire():
            yield change.reason
        case Promote() | Demote():
            yield from filter(None, [_beyond_the_step(change)])
        case Create(after=after):
            yield from [clipped(after.description, 120)] if after.description else []
            yield from [] if change.is_settled else ["its raise is held, see below"]
        case Update():
            yield from _reason_of_update(change)
        case _:
            assert_never(change)


def _beyond_the_step(change: Promote | Demote) -> str:
    # From where to where stands in columns of its own.
    before = 0 if change.before is None else int(change.before.standing.tier)
    return change.reason.removeprefix(f"tier {before} -> {int(change.after.tier)}").strip()


def _reason_of_update(change: Update) -> Iterator[str]:
    if change.before is not None and change.before.standing.retired and not change.after.retired:
        yield "its file came back"
    elif not (list_edits(change) or any(_value_edits(change))):
        yield change.reason


def _list_edit(edit: ListEdit) -> str:
    signs = (("+", edit.added), ("-", edit.removed))
    listed = [f"{sign}{len(ids):,} ({few(ids, _IDS)})" for sign, ids in signs if ids]
    return f"{edit.name} {' '.join(listed)}"


def _value_edits(change: Change) -> Iterator[str]:
    if change.before is None:
        yield from _unusual(change.after)
        return
    before, after = _values(change.before.standing), _values(change.after)
    yield from (f"{name} {before[name]} -> {after[name]}" for name in before if before[name] != after[name])


def _unusual(standing: Standing) -> Iterator[str]:
    if standing.rolled_back:
        yield f"attempt {standing.attempt} was rolled back: off for everybody"
    elif standing.attempt > 1:
        yield f"attempt {standing.attempt}"
    if standing.paused:
        yield "paused"
    if standing.target < 4:
        yield f"target {int(standing.target)}"


def _values(standing: Standing) -> dict[str, str]:
    dwell, thresholds = standing.gates.dwell, standing.gates.thresholds
    return {
        "target": str(int(standing.target)),
        "paused": "true" if standing.paused else "false",
        "owner": clipped(standing.owner, 40) or "nobody",
        "description": f'"{clipped(standing.description, 60)}"',
        **{f"dwell.{field.name[-1]}": _value(getattr(dwell, field.name)) for field in fields(Dwell)},
        **{f"thresholds.{field.name}": _value(getattr(thresholds, field.name)) for field in fields(Thresholds)},
    }


def _value(value: timedelta | float | None) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    return "unset" if value is None else f"{value:g}"
