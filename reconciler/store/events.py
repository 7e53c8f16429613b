"""Events into PostgreSQL: a batch lands whole and once, however often it is sent, over midnight too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import psycopg
from psycopg import errors

from reconciler import failpoints
from reconciler.domain.events import Batch, Event, EventKind
from reconciler.errors import RuleViolatedError
from reconciler.store.connection import SILENCE, Connection, answered_within
from reconciler.store.failures import translated
from reconciler.store.statements import statement

# Otherwise each COPY opens a connection to every shard; a plain server forgets the setting at the end.
_ONE_CONNECTION = "set local citus.max_adaptive_executor_pool_size = 1"


class EventWriter:
    """Stores batches over a connection of its own, opened when it is first needed and anew when it was lost."""

    def __init__(self, open_connection: Callable[[], Connection]) -> None:
        self._open = open_connection
        self.connection: Connection | None = None
        self.silence = SILENCE

    def store(self, batch: Batch) -> int:
        """Store a batch as `store_batch` does; RuleViolatedError for what would be refused again."""
        if self.connection is None or self.connection.closed:
            self.connection = self._open()
        try:
            with translated(), answered_within(self.connection, self.silence):
                return store_batch(self.connection, batch)
        except RuleViolatedError:
            raise
        except Exception:
            # A session may fail for ever where a new one does not: read only since the server was, or half gone.
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


def store_batch(connection: Connection, batch: Batch) -> int:
    """Store the events of a batch that were not stored before, and return how many these are.

    Where a partition is missing it is made. A failure stores nothing of the batch: send it again as it is.
    """
    try:
        return _store(connection, batch)
    except errors.CheckViolation as error:
        if error.diag.constraint_name is not None:
            raise
    extend_events(connection)
    return _store(connection, batch)


def extend_events(connection: Connection) -> int:
    """Make the partitions of today and the two days after, and return how many were missing."""
    row = connection.execute(statement("extend_events")).fetchone()
    return int(row["made"]) if row is not None else 0


def _store(connection: Connection, batch: Batch) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_ONE_CONNECTION)
        if not cursor.execute(statement("claim_batch"), {"id": batch.id}).rowcount:
            return 0
        failpoints.reach("events.batch-claimed")
        events = _unclaimed(cursor, batch.events)
        if events:
            with cursor.copy(statement("copy_events")) as copy:
                for event in events:
                    copy.write_row(_row(event))
        failpoints.reach("events.copied")
    _announce(connection, events)
    return len(events)


def _announce(connection: Connection, events: tuple[Event, ...]) -> None:
    failing = sorted({event.feature for event in events if event.kind is EventKind.ERROR and event.is_enabled})
    # They are stored: whoever watches finds them without being told, a second later.
    with suppress(psycopg.Error):
        if failing:
            connection.execute(statement("announce_errors"), {"features": failing})


def _unclaimed(cursor: psycopg.Cursor[dict[str, object]], events: tuple[Event, ...]) -> tuple[Event, ...]:
    chosen = {event.id: event for event in events if event.is_claimed}
    if not chosen:
        return events
    rows = cursor.execute(statement("claim_events"), {"ids": list(chosen)}).fetchall()
    won = {row["id"] for row in rows}
    return (
        *(event for event in events if not event.is_claimed),
        *(event for identity, event in chosen.items() if identity in won),
    )


def _row(event: Event) -> tuple[object, ...]:
    return (
        event.feature,
        event.customer,
        event.id,
        event.kind.value,
        event.attempt,
        event.epoch,
        event.is_enabled,
        event.sent_at,
        event.metadata,
    )
