"""Looking after the events: which days may go, and each thing done or left as a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import TypeAlias

from reconciler.domain.duration import format_duration

DAY = timedelta(days=1)
_DAYS_AHEAD = 2
_WHOLE_DAYS = 2  # before today: the database lets nobody drop them either
_LATE = timedelta(minutes=1)  # rows commit after their time of receipt
_CLOCKS_AGREE = timedelta(hours=1)  # what a wrong clock drops doesn't come back


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """What decides how far back events are needed: `now` by the database's clock, `local_now` by this machine's.

    `summarised_until` is None as long as nothing is in the summary of customers.
    """

    now: datetime
    local_now: datetime
    summarised_until: datetime | None
    longest_window: timedelta

    @property
    def today(self) -> date:
        """The day whose events come in now, in UTC as all days here."""
        return self.now.astimezone(UTC).date()

    @property
    def last_ahead(self) -> date:
        """The last day for which a partition is made ahead."""
        return self.today + _DAYS_AHEAD * DAY

    def first_kept(self, retention: timedelta) -> date:
        """Return the first day that is not wholly older than the retention."""
        return (self.now - retention).astimezone(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """Partitions were made ahead, or none was missing; the last is of `until`."""

    made: int
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarised:
    """The summary of customers holds what came before `until`; None when there is nothing in it."""

    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenClaims:
    """Claims of batches and events that no sender comes back with were deleted."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenCustomers:
    """Customers of epochs that ended before a moment were deleted from the summary."""

    count: int
    before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """A day is in a file that agrees with the database; `is_reused` when the file was there before."""

    day: date
    events: int
    path: str
    is_reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """The events of a day were deleted."""

    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Days from `first` to `last` that were to be dropped stay, for a reason."""

    first: date
    last: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingDue:
    """There is no day before `limit` to put away."""

    limit: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """The events of `since` and later are younger than the retention."""

    since: date
    retention: timedelta


Fact: TypeAlias = (
    Extended | Summarised | ForgottenClaims | ForgottenCustomers | Archived | Dropped | Kept | NothingDue | Retained
)


def reason_to_keep(day: date, horizon: Horizon) -> str | None:
    """Say why the events of a day may not be dropped now, whoever asks; None when they may."""
    skew = abs(horizon.now - horizon.local_now)
    if skew > _CLOCKS_AGREE:
        apart = format_duration(skew)
        return f"the clocks of the database and of this machine are {apart} apart; set them right first"
    if day >= horizon.today - _WHOLE_DAYS * DAY:
        return "the last two whole days always stay"
    if day >= horizon.first_kept(horizon.longest_window + DAY):
        window = format_duration(horizon.longest_window)
        return f"a rollout has a window of {window}, and that with a day more is kept"
    if not _is_summarised(day, horizon):
        return "the summary of customers lacks some of it; the next run goes on"
    return None


def grouped(reasons: Mapping[date, str]) -> Iterator[Kept]:
    """Yield days with the reason to keep them, those that follow with the same reason as one."""
    for reason, group in groupby(sorted(reasons), key=reasons.__getitem__):
        days = list(group)
        yield Kept(first=days[0], last=days[-1], reason=reason)


def _is_summarised(day: date, horizon: Horizon) -> bool:
    end = datetime.combine(day + DAY, time.min, UTC)
    return horizon.summarised_until is not None and horizon.summarised_until >= end + _LATE
