"""What an application may report, checked where it enters."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from reconciler.client.recorder import UNIX_EPOCH, Report
from reconciler.domain.events import LONGEST_METADATA, EventKind, fault_of_customer
from reconciler.errors import UsageError
from reconciler.evaluation.snapshot import Rollout

_KEPT = 500  # characters of a text that is cut
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEvent:
    """An event of a customer: `event` is `enabled`, `disabled` or `error`.

    `timestamp` is when it happened, now for None; `id` makes a repeated report harmless; `is_enabled` says whether
    the feature was on when an error happened, and is worked out for None.
    """

    feature: str
    customer: str
    event: str
    timestamp: datetime | None = None
    metadata: Mapping[str, Any] | None = None
    id: UUID | None = None
    is_enabled: bool | None = None


def report_of(event: CustomerEvent, rollout: Rollout) -> Report:
    """Return the event as it waits; UsageError says what is wrong with it."""
    if (fault := fault_of_customer(event.customer)) is not None:
        raise UsageError(fault)
    kind = _kind_of(event)
    is_enabled = event.is_enabled if kind is EventKind.ERROR else kind is EventKind.ENABLED
    metadata = None if event.metadata is None else json_of(event.metadata)
    return rollout, event.customer, kind, _nanoseconds(event.timestamp), is_enabled, metadata, event.id


def json_of(metadata: Mapping[str, Any]) -> str:
    """Write metadata as a JSON object, long texts in it cut when it is too long; UsageError when it is none."""
    try:
        written = _written(metadata)
        size = len(written.encode())
        if size > LONGEST_METADATA:
            # What is reported here is often the text of an error: whoever reports it must not fail by its length.
            written = _written({name: _cut(value) for name, value in metadata.items()})
            size = len(written.encode())
    except UnicodeEncodeError as error:
        raise UsageError("metadata holds a lone surrogate, which is no character; decode it anew") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"metadata is no JSON object: {error}; pass text, numbers, lists and objects") from error
    if size > LONGEST_METADATA:
        raise UsageError(f"metadata has {size} bytes as JSON, the limit is {LONGEST_METADATA}; say less")
    if "\\u0000" in written.replace("\\\\", ""):
        raise UsageError("metadata holds a NUL, which PostgreSQL can't keep; leave it out")
    return written


def _written(metadata: Mapping[str, Any]) -> str:
    return json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False)


def _cut(value: Any) -> Any:
    return f"{value[:_KEPT]}…" if isinstance(value, str) and len(value) > _KEPT else value


def _kind_of(event: CustomerEvent) -> EventKind:
    try:
        kind = EventKind(event.event)
    except ValueError:
        kind = EventKind.ROLLBACK
    if kind is EventKind.ROLLBACK:
        raise UsageError(f"event is {event.event!r}; an application reports enabled, disabled or error")
    return kind


def _nanoseconds(timestamp: datetime | None) -> int:
    if timestamp is None:
        return time.time_ns()
    if timestamp.tzinfo is None:
        raise UsageError(f"timestamp {timestamp} has no timezone; pass an aware one, such as datetime.now(UTC)")
    try:
        since_1970 = timestamp.astimezone(UTC) - UNIX_EPOCH
    except OverflowError as error:
        raise UsageError(f"timestamp {timestamp} is in no year of UTC from 1 to 9999; pass when it was") from error
    return since_1970 // _MICROSECOND * 1_000
