"""Rules 8, 9 and 11: down at once, level at once, never up by two."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Demote, Refusal, Update
from reconciler.domain.state import State
from tests.builders.domain import (
    FEATURE,
    FROZEN,
    HEALTHY,
    NOT_THE_TIP,
    NOW,
    OWNER,
    SOURCE,
    UNHEALTHY,
    a_definition,
    a_plan,
    a_standing,
    a_state,
    diffed,
    hours,
    some_gates,
)

EVERYTHING_HELD: dict[str, Any] = {"policy": FROZEN, "raises_held": NOT_THE_TIP, "evidence": UNHEALTHY}
WAIT = "nothing to do: the first apply after that raises it"

# 8. Down.


@pytest.mark.parametrize(("observed", "asked"), [(1, 0), (2, 1), (3, 1), (4, 0)])
@pytest.mark.parametrize("served", [timedelta(), hours(1000)], ids=["just arrived", "long there"])
@pytest.mark.parametrize("circumstances", [{}, EVERYTHING_HELD], ids=["calm", "everything held"])
def test_demotes_at_once_by_any_number_of_rungs(
    observed: int, asked: int, served: timedelta, circumstances: dict[str, Any]
) -> None:
    state = a_state(observed, served=served)
    looser = some_gates(hours(24), min_exposed=0)

    after = a_standing(asked, paused=True, gates=looser)
    assert diffed(a_definition(asked, paused=True, gates=looser), state, **circumstances) == a_plan(
        changes=(Demote(feature=FEATURE, before=state, after=after, reason=f"tier {observed} -> {asked}"),)
    )


# 9. Level.


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({"description": "new words"}, "description"),
        ({"owner": "team-search"}, "owner"),
        ({"target": 3}, "target"),
        ({"paused": True}, "paused"),
        ({"whitelist": frozenset({"ada", "bob"})}, "whitelist +2"),
        ({"blacklist": frozenset({"ada"})}, "blacklist +1"),
        ({"gates": some_gates(hours(24))}, "dwell.1, dwell.2, dwell.3"),
        ({"gates": some_gates(min_exposed=0, window=hours(2))}, "thresholds.window, thresholds.min_exposed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("circumstances", [{}, EVERYTHING_HELD], ids=["calm", "everything held"])
def test_brings_the_whole_definition_up_to_date(
    named: dict[str, Any], reason: str, circumstances: dict[str, Any]
) -> None:
    state = a_state(2, served=hours(1))

    assert diffed(a_definition(2, **named), state, **circumstances) == a_plan(
        changes=(Update(feature=FEATURE, before=state, after=a_standing(2, **named), reason=reason),)
    )


@pytest.mark.parametrize("tier", list(Tier))
def test_says_in_sync_when_nothing_differs(tier: Tier) -> None:
    assert diffed(a_definition(tier), a_state(tier)) == a_plan(in_sync=1)


def test_settles_the_gates_that_a_held_raise_had_tightened() -> None:
    tight = some_gates(hours(72))
    state = a_state(1, gates=tight, settled=some_gates(hours(48)))

    after = a_standing(1, gates=tight, settled=tight)
    assert diffed(a_definition(1, gates=tight), state) == a_plan(
        changes=(Update(feature=FEATURE, before=state, after=after, reason="gates settled"),)
    )


# 11. Up by more.


@pytest.mark.parametrize(("observed", "asked"), [(0, 2), (0, 4), (1, 3), (2, 4)])
def test_refuses_to_skip_a_rung(observed: int, asked: int) -> None:
    state = a_state(observed)

    assert diffed(a_definition(asked, paused=True), state, **EVERYTHING_HELD) == a_plan(
        refusals=(_skip(state, asked, allowed_from=NOW),)
    )


@pytest.mark.parametrize(
    ("tier", "served", "allowed_from"),
    [
        pytest.param(1, hours(47), NOW + hours(1), id="dwell to serve"),
        pytest.param(1, hours(48), NOW, id="dwell just served"),
        pytest.param(1, hours(49), NOW, id="dwell long served"),
        pytest.param(0, hours(0), NOW, id="no dwell at tier 0"),
    ],
)
def test_says_from_when_the_next_rung_is_allowed(tier: int, served: timedelta, allowed_from: datetime) -> None:
    state = a_state(tier, served=served)

    assert diffed(a_definition(tier + 2), state, evidence=HEALTHY) == a_plan(
        refusals=(_skip(state, tier + 2, allowed_from=allowed_from),)
    )


def _skip(state: State, asked: int, *, allowed_from: datetime) -> Refusal:
    observed = int(state.standing.tier)
    return Refusal(
        feature=FEATURE,
        owner=OWNER,
        before=state,
        tier=Tier(asked),
        rule="no-skip",
        reason=f"tier {observed} -> {asked} skips tier {observed + 1}",
        remedy=f"set `tier: {observed + 1}` now, and `tier: {observed + 2}` when its dwell is served",
        where=str(SOURCE),
        allowed_from=allowed_from,
    )
