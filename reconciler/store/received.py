"""Events as they were received, the newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.domain.events import Event, EventKind, ReceivedEvent
from reconciler.store.connection import Connection
from reconciler.store.failures import translated
from reconciler.store.rows import Row
from reconciler.store.statements import statement

_SHORTEST_STRETCH = timedelta(seconds=1)
_WIDENING = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events: of these features, perhaps of one customer or kind alone, `limit` at most."""

    features: Sequence[str]
    customer: str | None = None
    kind: EventKind | None = None
    limit: int = 50


def read_events(
    connection: Connection, wanted: Wanted, *, now: datetime, since: datetime
) -> tuple[ReceivedEvent, ...]:
    """Return the newest events received at `since` or later; what a clock set back left after `now` as well.

    Time is gone through backwards in ever longer stretches: of a busy hour only the last seconds are read.
    """
    found: list[ReceivedEvent] = []
    until: datetime | None = None
    with translated():
        for begins in _stretches(now, since):
            parameters = {
                "features": list(wanted.features),
                "customer": wanted.customer,
                "kind": None if wanted.kind is None else wanted.kind.value,
                "since": begins,
                "until": until,
                "limit": wanted.limit - len(found),
            }
            rows = connection.execute(statement("read_events"), parameters).fetchall()
            found += (_received(row) for row in rows)
            until = begins
            if len(found) == wanted.limit:
                break
    return tuple(found)


def _stretches(now: datetime, since: datetime) -> Iterator[datetime]:
    """Yield where each stretch begins, from the newest to the one that begins at `since`."""
    length, begins = _SHORTEST_STRETCH, now
    while begins - length > since:
        begins -= length
        yield begins
        length *= _WIDENING
    yield since


def _received(row: Row) -> ReceivedEvent:
    event = Event(
        id=row["id"],
        feature=row["feature_name"],
        customer=row["customer_id"],
        kind=EventKind(row["event"]),
        attempt=row["attempt"],
        epoch=row["epoch"],
        is_enabled=row["is_enabled"],
        sent_at=row["sent_at"],
        metadata=row["metadata"],
    )
    return ReceivedEvent(received_at=row["received_at"], event=event)
