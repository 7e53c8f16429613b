"""Whom a change moves, counted among the customers that were seen with the feature."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Of `seen` customers, how many gain the feature and how many lose it; `enabled` had it before.

    `is_sample` says that more were seen than were counted.
    """

    seen: int
    enabled: int = 0
    gained: int = 0
    lost: int = 0
    is_sample: bool = False
