"""The rules of a whole root: floors, freeze windows, allowed hours and the limits of the guard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from reconciler.domain.gates import Gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """No raise from `begins` (inclusive) to `ends` (exclusive), both aware."""

    begins: datetime
    ends: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedHours:
    """Raises only on `days` (Monday is 0) from `opens` (inclusive) to `closes` (exclusive), local to `zone`."""

    zone: ZoneInfo
    days: frozenset[int]
    opens: time
    closes: time

    def contains(self, moment: datetime) -> bool:
        """Tell whether a raise may happen at `moment`."""
        local = moment.astimezone(self.zone)
        return local.weekday() in self.days and self.opens <= local.time() < self.closes

    def next_opening(self, moment: datetime) -> datetime:
        """Return the first moment after `moment` at which the hours open, in UTC."""
        today = moment.astimezone(self.zone).date()
        openings = (
            datetime.combine(today + timedelta(days=ahead), self.opens, tzinfo=self.zone).astimezone(UTC)
            for ahead in range(9)
            if (today + timedelta(days=ahead)).weekday() in self.days
        )
        return next(opening for opening in openings if opening > moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """A plan is unsafe when it lowers or retires more than `max_lowered` of at least `min_rollouts` rollouts."""

    max_lowered: float = 0.30
    min_rollouts: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules of one root; `defaults` are the gates of a definition that names none."""

    defaults: Gates = Gates()
    min_dwell: timedelta = timedelta(hours=24)
    freezes: tuple[Freeze, ...] = ()
    allowed_hours: AllowedHours | None = None
    guard: GuardLimits = GuardLimits()
    retention: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """Raises stand still; `until` is the first moment at which neither a freeze nor the hours forbid one."""

    reason: str
    until: datetime | None


def frozen_at(policy: Policy, moment: datetime) -> Frozen | None:
    """Say why and until when raises stand still at `moment`, or None when they may happen."""
    first = _closed(policy, moment)
    if first is None:
        return None
    reason, until = first
    # A freeze may end outside the allowed hours and these may open in the next freeze: follow both to the end.
    for _ in range(2 * len(policy.freezes) + 2):
        following = _closed(policy, until)
        if following is None:
            return Frozen(reason=reason, until=until)
        until = following[1]
    return Frozen(reason=reason, until=None)


def _closed(policy: Policy, moment: datetime) -> tuple[str, datetime] | None:
    ends = [freeze for freeze in policy.freezes if freeze.begins <= moment < freeze.ends]
    if ends:
        last = max(ends, key=lambda freeze: freeze.ends)
        return last.reason or "freeze window", last.ends
    hours = policy.allowed_hours
    if hours is not None and not hours.contains(moment):
        return "outside the allowed hours", hours.next_opening(moment)
    return None
