"""What a promotion needs: dwell at each tier and thresholds, and which of two sets is the stricter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from reconciler.domain.ladder import Tier

DEFAULT_DWELL = timedelta(hours=48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dwell:
    """The least time at each tier that can be promoted from; tier 0 and tier 4 need none."""

    tier_1: timedelta = DEFAULT_DWELL
    tier_2: timedelta = DEFAULT_DWELL
    tier_3: timedelta = DEFAULT_DWELL

    def at(self, tier: Tier) -> timedelta:
        """Return the least time at `tier` before a promotion."""
        return {Tier.INTERNAL: self.tier_1, Tier.EARLY_ADOPTERS: self.tier_2, Tier.GENERAL: self.tier_3}.get(
            tier, timedelta()
        )

    def at_least(self, floor: timedelta) -> Dwell:
        """Return this dwell with each tier raised to `floor`."""
        return Dwell(tier_1=max(self.tier_1, floor), tier_2=max(self.tier_2, floor), tier_3=max(self.tier_3, floor))


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What counts as healthy: rates are fractions 0..1, `confidence` None is the literal rule."""

    error_rate: float = 0.05
    success_rate: float = 0.95
    window: timedelta = timedelta(hours=1)
    min_exposed: int = 1
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """Everything that may hold a promotion back."""

    dwell: Dwell = Dwell()
    thresholds: Thresholds = Thresholds()


def stricter(settled: Gates, asked: Gates) -> Gates:
    """Return, gate by gate, the stricter of the two; the window, which has no stricter side, stays settled."""
    dwell = Dwell(
        tier_1=max(settled.dwell.tier_1, asked.dwell.tier_1),
        tier_2=max(settled.dwell.tier_2, asked.dwell.tier_2),
        tier_3=max(settled.dwell.tier_3, asked.dwell.tier_3),
    )
    return Gates(dwell=dwell, thresholds=_stricter_thresholds(settled.thresholds, asked.thresholds))


def _stricter_thresholds(settled: Thresholds, asked: Thresholds) -> Thresholds:
    return Thresholds(
        error_rate=min(settled.error_rate, asked.error_rate),
        success_rate=max(settled.success_rate, asked.success_rate),
        window=settled.window,
        min_exposed=max(settled.min_exposed, asked.min_exposed),
        confidence=_earlier_rollback(settled.confidence, asked.confidence),
    )


def _earlier_rollback(settled: float | None, asked: float | None) -> float | None:
    # Unset is the literal rule, which trips first of all; else the less certainty it takes, the sooner it trips.
    if settled is None or asked is None:
        return None
    return min(settled, asked)
