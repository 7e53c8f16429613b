"""When a tier can be reached again after a rollback from it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from reconciler.domain.gates import Dwell, Gates
from reconciler.domain.ladder import Tier
from reconciler.domain.proposal import as_ref
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


@pytest.mark.parametrize("root", ["rollouts.d", "my rollouts", ".github/rollouts", "a/b.lock", "x..y", "ü~^:"])
def test_any_root_is_a_part_of_a_branch_name(root: str) -> None:
    name = f"refs/heads/rollback/{as_ref(root)}/checkout-1"

    assert subprocess.run(["git", "check-ref-format", name], check=False).returncode == 0


def test_two_roots_never_share_a_part() -> None:
    assert len({as_ref(root) for root in ("my rollouts", "my-rollouts", "my%20rollouts", "my_rollouts")}) == 4
