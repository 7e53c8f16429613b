"""The status of a rollout: the first that fits."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.state import Status
from tests.builders.domain import a_standing


@pytest.mark.parametrize(
    ("tier", "named", "status"),
    [
        pytest.param(
            0, {"rolled_back": True, "retired": True, "paused": True}, Status.ROLLED_BACK, id="rolled back"
        ),
        pytest.param(4, {"retired": True, "paused": True}, Status.RETIRED, id="retired before paused"),
        pytest.param(4, {"paused": True}, Status.PAUSED, id="paused before completed"),
        pytest.param(4, {}, Status.COMPLETED, id="completed at full"),
        pytest.param(2, {"target": 2}, Status.COMPLETED, id="completed at its target"),
        pytest.param(1, {"target": 2}, Status.IN_PROGRESS, id="one below its target"),
        pytest.param(0, {}, Status.PLANNED, id="planned"),
        pytest.param(0, {"paused": True}, Status.PAUSED, id="paused before planned"),
        pytest.param(1, {}, Status.IN_PROGRESS, id="in progress"),
    ],
)
def test_the_status_is_the_first_that_fits(tier: int, named: dict[str, Any], status: Status) -> None:
    assert a_standing(tier, **named).status is status
