"""Events as a table and as JSON, and what looking after them did: golden pages and whole lines."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from reconciler.domain.events import Event, EventKind, ReceivedEvent
from reconciler.domain.upkeep import (
    Archived,
    Dropped,
    Extended,
    Fact,
    ForgottenClaims,
    ForgottenCustomers,
    Kept,
    Retained,
    Summarised,
)
from reconciler.render.events import EventsView, events_json, events_text, fact_text
from reconciler.render.style import Style
from tests.builders.golden import matches_golden
from tests.builders.plans import NOW, ZONE

STYLE = Style(zone=ZONE)
HOUR = timedelta(hours=1)
DAY = date(2025, 12, 1)


def an_event(number: int, customer: str, kind: EventKind = EventKind.ENABLED, **named: object) -> ReceivedEvent:
    """Return an event received so many minutes ago, at once unless `sent_at` says otherwise."""
    received_at = NOW - number * HOUR / 60
    event = Event(
        id=UUID(int=number),
        feature="checkout",
        customer=customer,
        kind=kind,
        attempt=1,
        epoch=2,
        is_enabled=kind in {EventKind.ENABLED, EventKind.ERROR},
        sent_at=received_at,
    )
    return ReceivedEvent(received_at=received_at, event=replace(event, **named))  # type: ignore[arg-type]


def a_view(*events: ReceivedEvent, has_more: bool = False) -> EventsView:
    return EventsView(events=events, since=NOW - HOUR, now=NOW, has_more=has_more)


MANY = a_view(
    an_event(0, "acme"),
    an_event(
        1, "customer-4711", EventKind.ERROR, metadata='{"page": "/basket", "status": 500}', sent_at=NOW - 3 * HOUR
    ),
    an_event(2, "6f9619ff-8b86-d011-b42d-00cf4fc964ff", EventKind.DISABLED, feature="one_page_search", attempt=12),
    an_event(3, "", EventKind.ROLLBACK),
    an_event(4, "漢字", EventKind.ERROR, is_enabled=False, sent_at=NOW + HOUR),
    an_event(5, "x" * 256, metadata='{"text": "\\u001b[2J and \u202e more"}'),
)


@pytest.mark.parametrize(
    ("name", "view", "style"),
    [
        pytest.param("events", MANY, STYLE, id="everything at once"),
        pytest.param("events-wide", MANY, replace(STYLE, width=160, color=True), id="in colour, with room"),
        pytest.param("events-more", a_view(an_event(0, "ada"), has_more=True), STYLE, id="one of more"),
    ],
)
def test_events_read_as_a_table(name: str, view: EventsView, style: Style) -> None:
    matches_golden(name, "txt", events_text(view, style))


def test_a_column_in_which_nothing_stands_is_left_out() -> None:
    page = events_text(a_view(an_event(0, "ada"), an_event(1, "bob")), STYLE)

    assert page.splitlines()[0].split() == ["received", "feature", "event", "customer", "was", "attempt"]


@pytest.mark.parametrize(
    ("late", "told"),
    [
        pytest.param(timedelta(seconds=60), "1m before", id="a minute late"),
        pytest.param(timedelta(seconds=59), "", id="less than a minute late"),
        pytest.param(timedelta(seconds=-59), "", id="less than a minute ahead"),
        pytest.param(timedelta(days=-2), "2d after", id="days ahead"),
    ],
)
def test_the_sender_s_time_is_told_where_it_differs_much(late: timedelta, told: str) -> None:
    page = events_text(a_view(an_event(0, "ada", sent_at=NOW - late)), STYLE)

    assert page.splitlines()[1].endswith(f"on   1{told and '        '}{told}")


def test_nothing_is_said_in_words() -> None:
    assert events_text(a_view(), STYLE) == "no events in the last 1h\n"


def test_json_has_everything() -> None:
    matches_golden("events", "json", events_json(MANY))


@pytest.mark.parametrize(
    ("metadata", "read"),
    [
        pytest.param('{"a": [1, 2.5, true, null]}', {"a": [1, 2.5, True, None]}, id="as it is"),
        pytest.param('{"a": %s}' % ("9" * 5_000), {"a": "9" * 5_000}, id="a number that no reader holds"),
        pytest.param('{"a": 0.%s}' % ("9" * 5_000), {"a": "0." + "9" * 5_000}, id="a fraction that none holds"),
    ],
)
def test_metadata_is_valid_json_whatever_it_holds(metadata: str, read: object) -> None:
    document = json.loads(events_json(a_view(an_event(0, "ada", metadata=metadata))))

    assert document["events"][0]["metadata"] == read


@pytest.mark.parametrize(
    ("fact", "done", "rehearsed"),
    [
        pytest.param(
            Extended(made=3, until=DAY),
            "made 3 tables for the days up to 2025-12-01",
            "would make 3 tables for the days up to 2025-12-01",
            id="extended",
        ),
        pytest.param(
            Extended(made=0, until=DAY),
            "no day's table is missing up to 2025-12-01",
            "no day's table is missing up to 2025-12-01",
            id="nothing to extend",
        ),
        pytest.param(
            Summarised(until=NOW),
            "the summary of customers reaches to Fri 2026-01-09 08:48 CET (07:48 UTC)",
            "the summary of customers would reach to Fri 2026-01-09 08:48 CET (07:48 UTC)",
            id="summarised",
        ),
        pytest.param(
            Summarised(until=None),
            "the summary of customers reaches to nothing yet",
            "the summary of customers would reach to nothing yet",
            id="nothing summarised",
        ),
        pytest.param(
            ForgottenClaims(count=1_204),
            "forgot 1,204 receipts of events older than 48h",
            "would forget 1,204 receipts of events older than 48h",
            id="claims",
        ),
        pytest.param(
            ForgottenClaims(count=0),
            "no receipts of events older than 48h",
            "no receipts of events older than 48h",
            id="no claims",
        ),
        pytest.param(
            ForgottenCustomers(count=1, before=NOW),
            "forgot 1 customer of epochs that ended before Fri 2026-01-09 08:48 CET (07:48 UTC)",
            "would forget 1 customer of epochs that ended before Fri 2026-01-09 08:48 CET (07:48 UTC)",
            id="customers",
        ),
        pytest.param(
            Archived(day=DAY, events=1_000, path="/a/b.gz"),
            "archived 2025-12-01: 1,000 events in /a/b.gz",
            "archived 2025-12-01: 1,000 events in /a/b.gz",
            id="archived",
        ),
        pytest.param(
            Archived(day=DAY, events=1, path="/a/b\n.gz", is_reused=True),
            "archived before: 2025-12-01, 1 event in /a/b .gz, still the same",
            "archived before: 2025-12-01, 1 event in /a/b .gz, still the same",
            id="archived before",
        ),
        pytest.param(
            Dropped(day=DAY),
            "dropped the events of 2025-12-01",
            "would drop the events of 2025-12-01",
            id="dropped",
        ),
        pytest.param(
            Kept(first=DAY, last=DAY, reason="so it is"),
            "kept the events of 2025-12-01: so it is",
            "would keep the events of 2025-12-01: so it is",
            id="kept",
        ),
        pytest.param(
            Kept(first=DAY, last=date(2025, 12, 9), reason="so it is"),
            "kept the events of 2025-12-01 to 2025-12-09: so it is",
            "would keep the events of 2025-12-01 to 2025-12-09: so it is",
            id="kept for days",
        ),
        pytest.param(
            Retained(since=DAY, retention=timedelta(days=90)),
            "events since 2025-12-01 are not older than 90d and stay",
            "events since 2025-12-01 are not older than 90d and stay",
            id="retained",
        ),
    ],
)
def test_each_fact_is_a_line(fact: Fact, done: str, rehearsed: str) -> None:
    assert fact_text(fact, STYLE) == f"{done}\n"
    assert fact_text(fact, STYLE, dry_run=True) == f"{rehearsed}\n"
