"""The rungs, their exposure and their names."""

from __future__ import annotations

import pytest

from reconciler.domain.ladder import Tier


@pytest.mark.parametrize(
    ("tier", "exposure", "name"),
    [
        (0, 0, "tier_0_disabled"),
        (1, 1, "tier_1_internal"),
        (2, 10, "tier_2_early_adopters"),
        (3, 50, "tier_3_general"),
        (4, 100, "tier_4_full"),
    ],
)
def test_a_rung_has_its_exposure_and_its_name(tier: int, exposure: int, name: str) -> None:
    assert (Tier(tier).exposure, Tier(tier).database_name) == (exposure, name)


@pytest.mark.parametrize("number", [-1, 5])
def test_the_ladder_has_five_rungs(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        Tier(number)
