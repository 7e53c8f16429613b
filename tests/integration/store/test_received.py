"""What came in is read newest first, along the key of the named features, however much there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from reconciler.domain.events import Event, EventKind, ReceivedEvent
from reconciler.store.connection import connect
from reconciler.store.received import Wanted, read_events
from reconciler.store.statements import statement
from tests.builders.chain import insertion
from tests.builders.database import Database
from tests.builders.days import fill_day, make_days
from tests.builders.domain import NOW
from tests.builders.tallies import Counted, a_counted_scene, an_event

BOTH = ("checkout", "search")


@pytest.fixture
def counted(database: Database) -> Iterator[Counted]:
    with a_counted_scene(database) as counted:
        make_days(counted.scene.admin, *((NOW - timedelta(days=days)).date() for days in (0, 1, 9)))
        yield counted


def received(before: timedelta, event: Event) -> ReceivedEvent:
    return ReceivedEvent(received_at=NOW - before, event=event)


def read(counted: Counted, since: timedelta = timedelta(hours=1), **named: Any) -> list[ReceivedEvent]:
    wanted = Wanted(**{"features": BOTH, **named})
    return list(read_events(counted.reconciler, wanted, now=NOW, since=NOW - since))


def some_events() -> list[ReceivedEvent]:
    """Return what was received now, and seconds, minutes and days ago."""
    return [
        received(timedelta(), an_event("ada")),
        received(timedelta(milliseconds=1), an_event("bob", EventKind.ERROR, is_enabled=False)),
        received(timedelta(seconds=30), an_event("bob", EventKind.DISABLED, feature="search", epoch=3, attempt=2)),
        received(timedelta(minutes=59), an_event("", EventKind.ROLLBACK)),
        received(timedelta(hours=1), an_event("cleo")),
        received(timedelta(days=1), an_event("dora")),
        received(timedelta(days=9), an_event("emil", feature="search")),
    ]


def test_events_are_read_newest_first_with_all_they_say(counted: Counted) -> None:
    events = some_events()
    counted.receive(*events[::-1])

    assert read(counted) == events[:5]
    assert read(counted, timedelta(days=10)) == events


@pytest.mark.parametrize(
    ("named", "places"),
    [
        pytest.param({"features": ["search"]}, [2, 6], id="a feature"),
        pytest.param({"features": []}, [], id="no feature"),
        pytest.param({"features": ["elsewhere"]}, [], id="an unknown feature"),
        pytest.param({"customer": "bob"}, [1, 2], id="a customer"),
        pytest.param({"kind": EventKind.ERROR}, [1], id="a kind"),
        pytest.param({"customer": "bob", "kind": EventKind.DISABLED}, [2], id="a kind of a customer"),
        pytest.param({"limit": 3}, [0, 1, 2], id="the three newest"),
        pytest.param({"limit": 1, "features": ["search"]}, [2], id="the newest of a feature"),
    ],
)
def test_only_what_was_asked_for_is_read(counted: Counted, named: dict[str, Any], places: list[int]) -> None:
    events = some_events()
    counted.receive(*events)

    assert read(counted, timedelta(days=10), **named) == [events[place] for place in places]


def test_events_of_the_same_moment_are_parted_by_no_limit_twice(counted: Counted) -> None:
    events = [received(timedelta(seconds=5), an_event(f"customer-{number}")) for number in range(9)]
    counted.receive(*events)

    assert read(counted, limit=4) == events[:4]
    assert read(counted, limit=9) == events


def test_what_a_clock_set_back_left_ahead_is_read_first(counted: Counted) -> None:
    ahead = received(-timedelta(minutes=5), an_event("ada"))
    counted.receive(ahead)

    assert read(counted) == [ahead]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        pytest.param("infinity", datetime(9999, 1, 1, tzinfo=UTC), id="for ever"),
        pytest.param("-infinity", datetime(1, 1, 2, tzinfo=UTC), id="before all time"),
        pytest.param("294276-12-31", datetime(9999, 1, 1, tzinfo=UTC), id="after what calendars hold"),
        pytest.param("4713-01-01 BC", datetime(1, 1, 2, tzinfo=UTC), id="before what calendars hold"),
    ],
)
def test_a_time_that_no_calendar_has_is_cut_off(counted: Counted, sent: str, shown: datetime) -> None:
    """Applications in other languages may send it."""
    row = {"feature_name": "checkout", "received_at": NOW, "customer_id": "ada", "event": "enabled", "epoch": 1}
    row |= {"id": an_event().id, "attempt": 1, "is_enabled": True, "timestamp": sent}
    counted.scene.admin.execute(insertion("rollout_events", row), row)

    [found] = read(counted)

    assert found.event.sent_at == shown


def test_metadata_comes_as_json_text(counted: Counted) -> None:
    counted.report(replace(an_event("ada"), metadata='{"b": 1, "a": [1e400]}'))

    [found] = read(counted)

    assert json.loads(found.event.metadata, parse_int=str) == {"a": ["1" + "0" * 400], "b": "1"}


@pytest.mark.parametrize("role", ["rollouts_reconciler", "rollouts_reader"])
def test_those_who_may_read_the_rollouts_may_read_their_events(
    database: Database, counted: Counted, role: str
) -> None:
    counted.receive(*some_events())

    with connect(database.dsn_for(role)) as connection:
        found = read_events(connection, Wanted(features=BOTH), now=NOW, since=NOW - timedelta(hours=1))

    assert len(found) == 5


def test_a_stretch_is_found_along_the_key_of_the_features(counted: Counted) -> None:
    """By time alone the whole day would be read."""
    admin = counted.scene.admin
    fill_day(admin, NOW.date(), 20_000)
    admin.execute("analyze rollouts.rollout_events")
    begins = NOW.replace(hour=0) + timedelta(seconds=10)
    parameters = {
        "features": ["checkout"],
        "since": begins,
        "until": begins + timedelta(seconds=1),
        "customer": None,
        "kind": None,
        "limit": 50,
    }

    plan = explained(admin, parameters)

    assert "rollout_events_20260302_pkey" in plan
    assert "Index Cond: ((feature_name = ANY ('{checkout}'::text[])) AND (received_at >=" in plan
    assert "rollout_events_20260301" not in plan
    assert "Seq Scan" not in plan


def explained(admin: psycopg.Connection[Any], parameters: dict[str, Any]) -> str:
    rows = admin.execute(b"explain " + statement("read_events").split(b"\n", 2)[2], parameters).fetchall()
    return "\n".join(line for (line,) in rows)
