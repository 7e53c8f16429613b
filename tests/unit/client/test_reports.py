"""What an application may report, and what is said of everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from reconciler.client.reports import CustomerEvent, json_of, report_of
from reconciler.domain.events import EventKind
from reconciler.errors import UsageError
from reconciler.evaluation.snapshot import Rollout

ROLLOUT = Rollout(feature="checkout", tier=1, exposure=1)
BEFORE_ALL = datetime.min.replace(tzinfo=timezone(timedelta(hours=12)))
NOON = datetime(2026, 3, 2, 12, 0, 0, 250, tzinfo=UTC)


def an_event(event: str = "error", customer: str = "ada", **named: Any) -> CustomerEvent:
    return CustomerEvent(feature="checkout", customer=customer, event=event, **named)


@pytest.mark.parametrize(
    ("event", "kind", "is_enabled"),
    [
        pytest.param(an_event("enabled"), EventKind.ENABLED, True, id="enabled"),
        pytest.param(an_event("disabled"), EventKind.DISABLED, False, id="disabled"),
        pytest.param(an_event("error"), EventKind.ERROR, None, id="error, to be evaluated"),
        pytest.param(an_event("error", is_enabled=False), EventKind.ERROR, False, id="error while off"),
        pytest.param(an_event("enabled", is_enabled=False), EventKind.ENABLED, True, id="enabled is on"),
    ],
)
def test_an_event_says_what_happened_and_whether_it_was_on(
    event: CustomerEvent, kind: EventKind, is_enabled: bool | None
) -> None:
    _, customer, reported, _, was_on, _, _ = report_of(event, ROLLOUT)

    assert (customer, reported, was_on) == ("ada", kind, is_enabled)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-7))], ids=str)
def test_an_event_keeps_its_time_and_id(zone: timezone) -> None:
    report = report_of(an_event(timestamp=NOON.astimezone(zone), id=UUID(int=7)), ROLLOUT)

    assert datetime.fromtimestamp(report[3] / 1e9, UTC) == NOON
    assert report[6] == UUID(int=7)


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (an_event("rollback"), "event is 'rollback'; an application reports enabled, disabled or error"),
        (an_event("clicked"), "event is 'clicked'; an application reports enabled, disabled or error"),
        (an_event(customer=""), "the customer id is empty"),
        (an_event(timestamp=datetime(2026, 3, 2)), "timestamp 2026-03-02 00:00:00 has no timezone"),  # noqa: DTZ001
        (an_event(timestamp=BEFORE_ALL), "timestamp 0001-01-01 00:00:00+12:00 is in no year of UTC from 1 to"),
        (an_event(metadata={"a": object()}), "metadata is no JSON object"),
    ],
)
def test_a_wrong_event_is_refused(event: CustomerEvent, fault: str) -> None:
    with pytest.raises(UsageError) as refusal:
        report_of(event, ROLLOUT)

    assert str(refusal.value).startswith(fault)


@pytest.mark.parametrize(
    ("metadata", "written"),
    [
        ({}, "{}"),
        ({"status": 500, "path": "/pay"}, '{"status": 500, "path": "/pay"}'),
        ({"name": "Zoë 🦊"}, '{"name": "Zoë 🦊"}'),
        ({"text": "a \\u0000 in words"}, '{"text": "a \\\\u0000 in words"}'),
    ],
)
def test_metadata_are_written_as_json(metadata: Mapping[str, Any], written: str) -> None:
    assert json_of(metadata) == written


def test_long_texts_are_cut_where_all_would_be_too_long() -> None:
    written = json.loads(json_of({"error": "x" * 100_000, "short": "as it is", "status": 500}))

    assert written == {"error": "x" * 500 + "…", "short": "as it is", "status": 500}


def test_long_texts_stay_where_there_is_room() -> None:
    assert json.loads(json_of({"error": "x" * 4_000})) == {"error": "x" * 4_000}


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        pytest.param({"a": float("nan")}, "metadata is no JSON object", id="NaN"),
        pytest.param({"a": {1, 2}}, "metadata is no JSON object", id="a set"),
        pytest.param(["a"], "metadata is no JSON object", id="a list"),
        pytest.param({"a": "\0"}, "metadata holds a NUL", id="NUL"),
        pytest.param({"\0": 1}, "metadata holds a NUL", id="NUL in a key"),
        pytest.param({"a": "\ud83d"}, "metadata holds a lone surrogate", id="surrogate"),
        pytest.param(
            {f"text {number}": "x" * 400 for number in range(11)},
            "metadata has 4555 bytes as JSON, the limit is 4096",
            id="long",
        ),
    ],
)
def test_wrong_metadata_are_refused(metadata: Any, fault: str) -> None:
    with pytest.raises(UsageError) as refusal:
        json_of(metadata)

    assert str(refusal.value).startswith(fault)


def test_metadata_nested_too_deeply_are_refused() -> None:
    nested: dict[str, Any] = {}
    for _ in range(5_000):
        nested = {"a": nested}

    with pytest.raises(UsageError, match="metadata is no JSON object"):
        json_of(nested)
