"""Events as they came in, as a table and as JSON, and what looking after them did, a line a fact."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from reconciler.domain.duration import format_duration
from reconciler.domain.events import EventKind, ReceivedEvent
from reconciler.domain.upkeep import (
    Archived,
    Dropped,
    Extended,
    Fact,
    ForgottenClaims,
    ForgottenCustomers,
    Kept,
    NothingDue,
    Retained,
    Summarised,
)
from reconciler.render.documents import VERSION, Json, dumped
from reconciler.render.moments import both, iso, span
from reconciler.render.style import Style, Tone
from reconciler.render.table import Cell, table
from reconciler.render.text import clipped, counted, printable, width

_TONES = {
    EventKind.ENABLED: Tone.MORE,
    EventKind.DISABLED: Tone.QUIET,
    EventKind.ERROR: Tone.BAD,
    EventKind.ROLLBACK: Tone.BAD,
}
_TITLES = ("received", "feature", "event", "customer", "was", "attempt", "sent")
_LONGEST_CUSTOMER = 40
_LEAST_METADATA = 24
_PUNCTUAL = timedelta(minutes=1)
_LONGEST_NUMBER = 300  # digits: longer ones are no number to most who read JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsView:
    """The newest events since a moment; `has_more` when there are others that were not asked for."""

    events: Sequence[ReceivedEvent]
    since: datetime
    now: datetime
    has_more: bool = False


def events_text(view: EventsView, style: Style) -> str:
    """Render events as a table; a column in which nothing stands is left out."""
    stretch = f"in the last {format_duration(view.now - view.since)}"
    if not view.events:
        return f"no events {stretch}\n"
    lines = _table(view.events, style)
    zone = view.now.astimezone(style.zone).tzname()
    count = counted(len(view.events), "event")
    told = f"{count}, the newest of more {stretch}; --limit shows more" if view.has_more else f"{count} {stretch}"
    return "\n".join([*lines, "", style.paint(f"{told}; times in {zone}", Tone.STRONG)]) + "\n"


def events_json(view: EventsView) -> str:
    """Render events with everything that is kept of them."""
    rows: Json = [_document(each) for each in view.events]
    return dumped(
        {
            "version": VERSION,
            "kind": "events",
            "since": iso(view.since),
            "now": iso(view.now),
            "has_more": view.has_more,
            "events": rows,
        }
    )


def fact_text(fact: Fact, style: Style, *, dry_run: bool = False) -> str:
    """Render one thing that was done or left, or with `dry_run` what would be."""
    match fact:
        case Archived() | Dropped() | Kept():
            told = _of_days(fact, dry_run=dry_run)
        case Retained():
            told = f"events since {fact.since} are not older than {format_duration(fact.retention)} and stay"
        case NothingDue():
            told = f"nothing to archive: there is no whole day of events before {fact.limit}"
        case Extended() | Summarised() | ForgottenClaims() | ForgottenCustomers():
            told = _of_tables(fact, style, dry_run=dry_run)
        case _:
            assert_never(fact)
    return f"{printable(told)}\n"


def _of_days(fact: Archived | Dropped | Kept, *, dry_run: bool) -> str:
    match fact:
        case Archived(is_reused=True):
            return f"archived before: {fact.day}, {counted(fact.events, 'event')} in {fact.path}, still the same"
        case Archived():
            return f"archived {fact.day}: {counted(fact.events, 'event')} in {fact.path}"
        case Dropped():
            return f"{'would drop' if dry_run else 'dropped'} the events of {fact.day}"
        case Kept():
            days = str(fact.first) if fact.first == fact.last else f"{fact.first} to {fact.last}"
            return f"{'would keep' if dry_run else 'kept'} the events of {days}: {fact.reason}"
        case _:
            assert_never(fact)


def _of_tables(
    fact: Extended | Summarised | ForgottenClaims | ForgottenCustomers, style: Style, *, dry_run: bool
) -> str:
    forgot = "would forget" if dry_run else "forgot"
    match fact:
        case Extended(made=0):
            return f"no day's table is missing up to {fact.until}"
        case Extended():
            made = "would make" if dry_run else "made"
            return f"{made} {counted(fact.made, 'table')} for the days up to {fact.until}"
        case Summarised():
            until = "nothing yet" if fact.until is None else both(fact.until, style.zone)
            return f"the summary of customers {'would reach' if dry_run else 'reaches'} to {until}"
        case ForgottenClaims():
            return f"{_counted_or_none(forgot, fact.count, 'receipt')} of events older than 48h"
        case ForgottenCustomers():
            customers = _counted_or_none(forgot, fact.count, "customer")
            return f"{customers} of epochs that ended before {both(fact.before, style.zone)}"
        case _:
            assert_never(fact)


def _counted_or_none(did: str, count: int, one: str) -> str:
    return f"{did} {counted(count, one)}" if count else f"no {one}s"


def _table(events: Sequence[ReceivedEvent], style: Style) -> list[str]:
    rows = [_cells(each, style) for each in events]
    shown = [number for number in range(len(_TITLES)) if any(row[number][0] for row in rows)]
    titles = [_TITLES[number] for number in shown]
    cells = [[row[number] for number in shown] for row in rows]
    if all(each.event.metadata == "{}" for each in events):
        return table(titles, cells, style)
    widest = max(width(line) for line in table(titles, cells, replace(style, color=False)))
    room = max(style.width - widest - 2, _LEAST_METADATA)
    notes = (clipped(each.event.metadata.removeprefix("{}"), room) for each in events)
    return table(
        [*titles, "metadata"], [[*row, (note, None)] for row, note in zip(cells, notes, strict=True)], style
    )


def _cells(each: ReceivedEvent, style: Style) -> tuple[Cell, ...]:
    event = each.event
    return (
        (f"{each.received_at.astimezone(style.zone):%m-%d %H:%M:%S}", Tone.QUIET),
        (event.feature, Tone.STRONG),
        (event.kind.value, _TONES[event.kind]),
        (clipped(event.customer, _LONGEST_CUSTOMER) or "everybody", None),
        ("on" if event.is_enabled else "off", None),
        (str(event.attempt), None),
        (_when_sent(each), Tone.QUIET),
    )


def _when_sent(each: ReceivedEvent) -> str:
    """Say how far the sender's time is from that of the receipt, if that is more than a minute."""
    late = each.received_at - each.event.sent_at
    if abs(late) < _PUNCTUAL:
        return ""
    return f"{span(abs(late))} {'before' if late > timedelta() else 'after'}"


def _document(each: ReceivedEvent) -> Json:
    event = each.event
    return {
        "received_at": iso(each.received_at),
        "sent_at": iso(event.sent_at),
        "id": str(event.id),
        "feature": event.feature,
        "event": event.kind.value,
        "customer": event.customer,
        "enabled": event.is_enabled,
        "attempt": event.attempt,
        "epoch": event.epoch,
        "metadata": json.loads(event.metadata, parse_int=_number(int), parse_float=_number(float)),
    }


def _number(read: Callable[[str], int | float]) -> Callable[[str], int | float | str]:
    """Return a reader of numbers that leaves those as text of which JSON's readers would make something else."""
    return lambda text: read(text) if len(text) <= _LONGEST_NUMBER else text
