"""Rates and intervals as people read them: `2.5 %`, `+1.2 points`."""

from __future__ import annotations


def percent(rate: float | None) -> str:
    """Return a fraction as a percentage with as many digits as it needs; `-` for none."""
    if rate is None:
        return "-"
    number = f"{100 * rate:.2f}" if 0 < rate < 0.001 else f"{100 * rate:.1f}"
    return f"{number.removesuffix('.0')} %"


def points(difference: float) -> str:
    """Return a difference of two rates in percentage points, always with its sign."""
    return f"{100 * difference:+.1f}"
