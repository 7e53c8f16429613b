"""The rules of a whole root: floors, freeze windows, allowed hours and the limits of the guard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
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
        opening, closing = self._stretch(moment.astimezone(self.zone).date())
        return opening <= moment < closing

    def closing(self, moment: datetime) -> datetime:
        """Return when the hours that contain `moment` close, in UTC."""
        return self._stretch(moment.astimezone(self.zone).date())[1]

    def next_opening(self, moment: datetime) -> datetime:
        """Return the first moment after `moment` at which the hours open, in UTC."""
        today = moment.astimezone(self.zone).date()
        # Two weeks: the one allowed day of the next may be the night on which the hours fall into a gap.
        stretches = (self._stretch(today + timedelta(days=ahead)) for ahead in range(15))
        return next(opening for opening, closing in stretches if moment < opening < closing)

    def _stretch(self, day: date) -> tuple[datetime, datetime]:
        if day.weekday() not in self.days:
            return datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
        # A time that the clocks show twice or skip is taken on the side that makes the hours shorter.
        return max(self._instants(day, self.opens)), min(self._instants(day, self.closes))

    def _instants(self, day: date, local: time) -> tuple[datetime, ...]:
        return tuple(datetime.combine(day, local, self.zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))


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


def raises_end(policy: Policy, moment: datetime) -> datetime | None:
    """Return the first moment after `moment`, at which raises may happen, when they stand still again."""
    ends = [freeze.begins for freeze in policy.freezes if freeze.begins > moment]
    if policy.allowed_hours is not None:
        ends.append(policy.allowed_hours.closing(moment))
    return min(ends, default=None)


def _closed(policy: Policy, moment: datetime) -> tuple[str, datetime] | None:
    ends = [freeze for freeze in policy.freezes if freeze.begins <= moment < freeze.ends]
    if ends:
        last = max(ends, key=lambda freeze: freeze.ends)
        return last.reason or "freeze window", last.ends
    hours = policy.allowed_hours
    if hours is not None and not hours.contains(moment):
        return "outside the allowed hours", hours.next_opening(moment)
    return None
