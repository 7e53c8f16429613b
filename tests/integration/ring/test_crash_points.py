"""Whatever is killed, broken or cut off wherever: the next pass of anybody finishes it, once."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

from tests.builders.crash_table import LIVE, a_share, cases, points
from tests.builders.crashes import (
    ACTIONS,
    RECOVERIES,
    Case,
    left_over,
    named_places,
    passes,
    snapshot,
    unsettled,
)
from tests.builders.laid import CopyOf, Lay

ALL = cases()
DEFAULT = a_share(ALL, 12)
ELSEWHERE = (
    "edit.",
    "propose.",
)  # in test_edit_strikes and test_propose_faults, which hold the same against the code


def test_every_place_has_a_scenario() -> None:
    """A step that no scenario comes by fails here, and so does a scenario for a place that is gone."""
    assert {name for name, _ in named_places() if not name.startswith(ELSEWHERE)} == points()


def test_no_two_places_share_a_name() -> None:
    shared = {name for name, count in Counter(name for name, _ in named_places()).items() if count > 1}

    assert shared == set()


def test_every_place_is_struck_in_every_way() -> None:
    struck = {(case.point, case.action, case.recovery) for case in ALL}

    assert len(struck) == len(points()) * len(ACTIONS) * len(RECOVERIES)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=str(case), marks=() if case in DEFAULT else pytest.mark.slow) for case in ALL]
)
def test_a_strike_costs_nothing(case: Case, laid: Lay, copy_of: CopyOf) -> None:
    with copy_of(laid(LIVE, case.scenario.lay)) as ring:
        struck = case.strike(ring)
        assert case.point in struck.reached, struck
        assert (struck.code == -signal.SIGKILL) == (case.action == "kill"), struck

        case.recover(ring)

        assert unsettled(ring) == []
        settled = snapshot(ring)
        passes(ring, "a")
        assert (snapshot(ring), left_over(ring)) == (settled, [])
