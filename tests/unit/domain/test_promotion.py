"""The gates of one raise and the moment at which its dwell is served."""

from __future__ import annotations

import pytest

from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.plan import WaitsFor
from reconciler.domain.promotion import (
    Gatekeeper,
    due_at,
    gates_of,
    holds_on_adoption,
    holds_on_promotion,
    holds_on_raise,
)
from tests.builders.domain import FROZEN, NOT_THE_TIP, NOW, UNHEALTHY, a_definition, a_state, hours, some_gates

STERN = Gatekeeper(policy=FROZEN, now=NOW, raises_held=NOT_THE_TIP)


def test_the_gates_of_a_raise_are_the_stricter_of_settled_and_asked() -> None:
    settled = some_gates(hours(48), min_exposed=10)
    state = a_state(1, gates=some_gates(hours(99), min_exposed=99), settled=settled)

    assert gates_of(state, a_definition(2, gates=some_gates(hours(72), min_exposed=0))) == Gates(
        dwell=Dwell(tier_1=hours(72), tier_2=hours(72), tier_3=hours(72)), thresholds=Thresholds(min_exposed=10)
    )


@pytest.mark.parametrize(("tier", "wait"), [(0, 0), (1, 48), (2, 48), (3, 48), (4, 0)])
def test_the_dwell_counts_from_the_beginning_of_the_epoch(tier: int, wait: int) -> None:
    assert due_at(a_state(tier, served=hours(3)), a_definition(tier)) == NOW - hours(3) + hours(wait)


def test_each_kind_of_raise_waits_for_its_own_things() -> None:
    definition, state = a_definition(2, paused=True), a_state(1, served=hours(1))
    general = [WaitsFor.TIP, WaitsFor.RESUME, WaitsFor.FREEZE]

    assert [hold.waits_for for hold in holds_on_adoption(definition, STERN)] == [WaitsFor.TIP]
    assert [hold.waits_for for hold in holds_on_raise(definition, state, STERN)] == general
    assert [hold.waits_for for hold in holds_on_promotion(definition, state, UNHEALTHY, STERN)] == [
        *general,
        WaitsFor.DWELL,
        WaitsFor.HEALTH,
    ]
