"""The five rungs of a rollout, their exposure and the names they have in the database."""

from __future__ import annotations

from enum import IntEnum


class Tier(IntEnum):
    """One rung of the ladder; the integer is what definitions write."""

    DISABLED = 0
    INTERNAL = 1
    EARLY_ADOPTERS = 2
    GENERAL = 3
    FULL = 4

    @property
    def exposure(self) -> int:
        """Percentage of the buckets that have the feature: 0, 1, 10, 50 or 100."""
        return _EXPOSURE[self]

    @property
    def database_name(self) -> str:
        """The name in `current_tier`, such as `tier_2_early_adopters`."""
        return f"tier_{int(self)}_{self.name.lower()}"


_EXPOSURE = (0, 1, 10, 50, 100)
