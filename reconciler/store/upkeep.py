"""Looking after the events, step by step; what was done or left is told at once, as the next step may fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from reconciler.domain.upkeep import (
    Dropped,
    Extended,
    Fact,
    ForgottenClaims,
    ForgottenCustomers,
    Horizon,
    NothingDue,
    Retained,
    Summarised,
    grouped,
    reason_to_keep,
)
from reconciler.store.archive import archive_day, checked_folder
from reconciler.store.connection import Connection
from reconciler.store.failures import translated
from reconciler.store.partitions import drop_day, extend, forget_claims, forget_epochs, read_days, read_horizon
from reconciler.store.statistics import summarise


def maintain(
    connection: Connection,
    *,
    retention: timedelta,
    local_now: datetime,
    archive: Path | None = None,
    dry_run: bool = False,
) -> Iterator[Fact]:
    """Make partitions ahead, bring the summary up to date, forget and drop what is older than the retention.

    With `archive` each day is put into that folder before it is dropped. A second run changes nothing, and two at
    once do what one does. `dry_run` changes nothing and tells what a run would do.
    """
    folder = None if archive is None else checked_folder(archive)
    with translated():
        made = extend(connection, dry_run=dry_run)
        horizon = _summarised(connection, local_now, dry_run=dry_run)
        yield Extended(made=made, until=horizon.last_ahead)
        yield Summarised(until=horizon.summarised_until)
        yield ForgottenClaims(count=forget_claims(connection, dry_run=dry_run))
        before = horizon.now - retention
        yield ForgottenCustomers(count=forget_epochs(connection, before, dry_run=dry_run), before=before)
        days = _before(connection, horizon.first_kept(retention))
        kept = _kept(days, horizon)
        for day in days:
            if day not in kept:
                yield from (Dropped(day=day),) if dry_run else _cleared(connection, day, folder)
        yield from grouped(kept)
    yield Retained(since=horizon.first_kept(retention), retention=retention)


def archive(
    connection: Connection, folder: Path, *, older_than: date | timedelta, local_now: datetime, drop: bool = False
) -> Iterator[Fact]:
    """Put each whole day before a date, or older than a duration, into the folder; with `drop` drop it then."""
    checked_folder(folder)
    with translated():
        horizon = _summarised(connection, local_now, dry_run=False) if drop else read_horizon(connection, local_now)
        limit = horizon.first_kept(older_than) if isinstance(older_than, timedelta) else older_than
        limit = min(limit, horizon.today)
        days = _before(connection, limit)
        if not days:
            yield NothingDue(limit=limit)
        kept = _kept(days, horizon)
        for day in days:
            if drop and day not in kept:
                yield from _cleared(connection, day, folder)
            elif (archived := archive_day(connection, folder, day)) is not None:
                yield archived
        if drop:
            yield from grouped(kept)


def _summarised(connection: Connection, local_now: datetime, *, dry_run: bool) -> Horizon:
    """Return how things stand once the summary is up to date: a day that is not in it can't be dropped."""
    if not dry_run:
        summarise(connection)
        return read_horizon(connection, local_now)
    horizon = read_horizon(connection, local_now)
    return replace(horizon, summarised_until=horizon.now)


def _before(connection: Connection, limit: date) -> list[date]:
    return [day for day in read_days(connection) if day < limit]


def _kept(days: Sequence[date], horizon: Horizon) -> dict[date, str]:
    reasons = ((day, reason_to_keep(day, horizon)) for day in days)
    return {day: reason for day, reason in reasons if reason is not None}


def _cleared(connection: Connection, day: date, folder: Path | None) -> Iterator[Fact]:
    """Drop a day, with a folder only after it is archived there."""
    expected = None
    if folder is not None:
        archived = archive_day(connection, folder, day)
        if archived is None:
            return
        yield archived
        expected = archived.events
    outcome = drop_day(connection, day, expected)
    if outcome is not None:
        yield outcome
