"""When a tier can be reached again after a rollback from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from reconciler.domain.gates import Dwell, Gates
from reconciler.domain.ladder import Tier
from reconciler.domain.write_back import WriteBack, climb
from tests.builders.domain import FEATURE, NOW, hours

DWELL = Dwell(tier_1=hours(24), tier_2=hours(72), tier_3=hours(168))
WRITE_BACK = WriteBack(
    id=UUID(int=1),
    feature=FEATURE,
    attempt=1,
    epoch=3,
    tier=Tier.GENERAL,
    at=NOW,
    reason="12 of 100 failed",
    actor="analysis",
    gates=Gates(dwell=DWELL),
)
CLIMBS = {Tier.DISABLED: 0, Tier.INTERNAL: 0, Tier.EARLY_ADOPTERS: 24, Tier.GENERAL: 96, Tier.FULL: 264}


@pytest.mark.parametrize(("tier", "count"), CLIMBS.items())
def test_a_climb_takes_the_dwell_of_every_tier_below(tier: Tier, count: int) -> None:
    assert climb(DWELL, tier) == hours(count)
    assert replace(WRITE_BACK, tier=tier).returns_at == NOW + hours(count)


def test_a_climb_without_dwell_takes_no_time() -> None:
    assert climb(Dwell(tier_1=timedelta(), tier_2=timedelta(), tier_3=timedelta()), Tier.FULL) == timedelta()
