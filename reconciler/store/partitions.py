"""The days of the events: which are there, and each step of looking after them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import TypeVar

from psycopg import errors

from reconciler.domain.upkeep import Dropped, Horizon, Kept
from reconciler.store.connection import Connection
from reconciler.store.events import extend_events
from reconciler.store.rows import Row
from reconciler.store.statements import statement

# A day takes as long as it is large. But whoever waits for a lock on the events makes every sender queue behind it:
# that is given up soon and tried again.
UNHURRIED = b"set local statement_timeout = 0; set local lock_timeout = '1s'"
_TRIES = 3

Result = TypeVar("Result")


def read_days(connection: Connection) -> tuple[date, ...]:
    """Return the days that have a partition, oldest first."""
    return tuple(row["day"] for row in connection.execute(statement("list_partitions")).fetchall())


def is_there(connection: Connection, day: date) -> bool:
    """Tell whether a day has a partition, even within a transaction that began before it went."""
    return bool(_row(connection, "find_partition", {"day": day})["is_there"])


def read_horizon(connection: Connection, local_now: datetime) -> Horizon:
    """Return what decides how far back events are needed."""
    row = _row(connection, "read_horizon")
    return Horizon(
        now=row["now"],
        local_now=local_now,
        summarised_until=row["summarised_until"],
        longest_window=timedelta(seconds=row["window_seconds"]),
    )


def extend(connection: Connection, *, dry_run: bool = False) -> int:
    """Make the partitions that are missing ahead, and return how many these are."""
    return _patiently(connection, lambda: extend_events(connection), dry_run=dry_run)


def forget_claims(connection: Connection, *, dry_run: bool = False) -> int:
    """Forget claims older than two days, and return how many these are."""
    return _patiently(connection, lambda: int(_row(connection, "forget_claims")["forgotten"]), dry_run=dry_run)


def forget_epochs(connection: Connection, before: datetime, *, dry_run: bool = False) -> int:
    """Forget the customers of epochs that ended before a moment, and return how many these are."""
    wanted = {"before": before}
    return _patiently(
        connection, lambda: int(_row(connection, "forget_epochs", wanted)["forgotten"]), dry_run=dry_run
    )


def drop_day(connection: Connection, day: date, expected: int | None = None) -> Dropped | Kept | None:
    """Drop the events of a day, if it has as many as its archive; None when somebody else dropped it meanwhile."""
    wanted = {"day": day, "expected": expected}
    try:
        is_dropped = _patiently(connection, lambda: bool(_row(connection, "drop_events", wanted)["dropped"]))
    except errors.LockNotAvailable:
        return Kept(first=day, last=day, reason="others are reading events, the next run drops it")
    except errors.UndefinedTable:
        # Whoever waits for the lock of a table that is dropped meanwhile finds it gone.
        if is_there(connection, day):
            raise
        return None
    return Dropped(day=day) if is_dropped else None


def _row(connection: Connection, name: str, parameters: Mapping[str, object] | None = None) -> Row:
    [row] = connection.execute(statement(name), parameters).fetchall()
    return row


def _patiently(connection: Connection, act: Callable[[], Result], *, dry_run: bool = False) -> Result:
    """Act in a transaction of its own, again while others are in its way; a dry run is rolled back."""
    for attempt in range(1, _TRIES):
        try:
            return _once(connection, act, dry_run=dry_run)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            time.sleep(random.uniform(0.1, 0.2) * attempt)  # noqa: S311 - only spreads the tries
    return _once(connection, act, dry_run=dry_run)


def _once(connection: Connection, act: Callable[[], Result], *, dry_run: bool) -> Result:
    with connection.transaction(force_rollback=dry_run):
        connection.execute(UNHURRIED)
        return act()
