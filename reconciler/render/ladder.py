"""A place on the ladder as people read it: `tier 2 ·  10 %`, from here to there, and as a bar."""

from __future__ import annotations

from datetime import timedelta

from reconciler.domain.ladder import Tier
from reconciler.domain.state import Standing, State
from reconciler.render.style import Style

RUNG_WIDTH = len("tier 1 ·   1 %")
STEP_WIDTH = 2 * RUNG_WIDTH + len(" -> ")


def rung(tier: Tier, style: Style) -> str:
    """Return a tier with its percentage, always equally wide."""
    return f"tier {int(tier)} {style.dot} {tier.exposure:3} %"


def step(before: State | None, after: Standing, style: Style) -> str:
    """Return where a change begins and ends; one place when it stays there."""
    start = "new".ljust(RUNG_WIDTH) if before is None else rung(before.standing.tier, style)
    end = rung(after.tier, style)
    return end if start == end else f"{start} -> {end}"


def ladder_bar(tier: Tier, target: Tier, style: Style) -> str:
    """Return four rungs, the climbed ones full and those beyond the target left out."""
    full, empty, beyond = ("■", "□", " ") if style.unicode else ("#", "-", " ")
    return full * tier + empty * (target - tier) + beyond * (Tier.FULL - max(target, tier))


def dwell_bar(served: timedelta, dwell: timedelta, style: Style, *, columns: int = 8) -> str:
    """Return how much of a dwell is served; only a whole bar says that it is over."""
    full, empty = ("▰", "▱") if style.unicode else ("#", "-")
    share = 1.0 if dwell <= timedelta() else served / dwell
    cells = columns if share >= 1 else min(int(share * columns), columns - 1)
    return full * cells + empty * (columns - cells)
