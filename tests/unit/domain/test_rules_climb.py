"""Rules 8 to 11: down at once, level at once, up by one rung when it is due, never by two."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.domain.analysis import NO_EVIDENCE, Evidence, Verdict
from reconciler.domain.gates import Gates
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Demote, Hold, Promote, Refusal, Update, WaitsFor
from reconciler.domain.state import State
from tests.builders.domain import (
    FEATURE,
    FREEZE,
    FROZEN,
    HEALTHY,
    INSTANT,
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
WAIT = "nothing to do: it is applied when the dwell is served"

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


# 10. Up by one rung.


@pytest.mark.parametrize("tier", [1, 2, 3])
@pytest.mark.parametrize("served", [hours(48), hours(48) + INSTANT, hours(1000)], ids=["exactly", "over", "long"])
def test_promotes_when_the_dwell_is_served_and_the_evidence_is_there(tier: int, served: timedelta) -> None:
    state = a_state(tier, served=served)

    plan = diffed(a_definition(tier + 1), state, evidence=HEALTHY)

    assert plan == a_plan(changes=(_promote(state, tier + 1, reason=plan.changes[0].reason),))


def test_says_how_long_it_was_at_the_tier() -> None:
    plan = diffed(a_definition(2), a_state(1, served=hours(50)), evidence=HEALTHY)

    assert plan.changes[0].reason == "tier 1 -> 2 after 50h at tier 1"


@pytest.mark.parametrize(
    ("served", "said"),
    [
        pytest.param(hours(48) - INSTANT, "1d 23h 59m 59s", id="one microsecond before"),
        pytest.param(hours(47), "47h", id="one hour before"),
        pytest.param(timedelta(), "0s", id="just arrived"),
        pytest.param(timedelta(seconds=-5), "0s", id="the clock was set back"),
    ],
)
def test_holds_until_the_dwell_is_served(served: timedelta, said: str) -> None:
    state = a_state(2, served=served)

    assert diffed(a_definition(3), state, evidence=HEALTHY) == a_plan(
        holds=(_hold(state, 3, WaitsFor.DWELL, f"at tier 2 for {said} of 48h", WAIT, NOW - served + hours(48)),)
    )


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_each_tier_has_its_own_dwell(tier: int) -> None:
    gates = Gates(dwell=type(Gates().dwell)(tier_1=hours(30), tier_2=hours(40), tier_3=hours(50)))
    served = hours({1: 30, 2: 40, 3: 50}[tier])

    due = diffed(a_definition(tier + 1, gates=gates), a_state(tier, served=served, gates=gates), evidence=HEALTHY)
    early = diffed(
        a_definition(tier + 1, gates=gates), a_state(tier, served=served - INSTANT, gates=gates), evidence=HEALTHY
    )

    assert ([change.kind for change in due.changes], due.holds) == (["promote"], ())
    assert (early.changes, [hold.waits_for for hold in early.holds]) == ((), [WaitsFor.DWELL])


@pytest.mark.parametrize("evidence", [HEALTHY, UNHEALTHY, NO_EVIDENCE], ids=lambda each: each.verdict)
def test_the_first_rung_needs_neither_dwell_nor_evidence(evidence: Evidence) -> None:
    state = a_state(0, served=timedelta())

    assert diffed(a_definition(1), state, evidence=evidence) == a_plan(
        changes=(
            Promote(
                feature=FEATURE,
                before=state,
                after=a_standing(1),
                reason="tier 0 -> 1",
                verdict=evidence.verdict,
            ),
        )
    )


@pytest.mark.parametrize(
    ("evidence", "hold"),
    [
        pytest.param(
            UNHEALTHY,
            (WaitsFor.HEALTH, "12 of 100 exposed customers have an error", "mend the feature, or set a lower `tier`"),
            id="unhealthy",
        ),
        pytest.param(
            Evidence(verdict=Verdict.INSUFFICIENT, exposed=3),
            (
                WaitsFor.EVIDENCE,
                "3 exposed customers seen, 10 needed",
                "wait for events, or settle `thresholds.min_exposed: 0` to promote without evidence",
            ),
            id="insufficient",
        ),
    ],
)
def test_holds_without_good_evidence(evidence: Evidence, hold: tuple[WaitsFor, str, str]) -> None:
    gates = some_gates(min_exposed=10)
    state = a_state(1, gates=gates)

    assert diffed(a_definition(2, gates=gates), state, evidence=evidence) == a_plan(holds=(_hold(state, 2, *hold),))


@pytest.mark.parametrize(
    ("verdict", "kinds"),
    [
        pytest.param(Verdict.INSUFFICIENT, ["promote"], id="insufficient"),
        pytest.param(Verdict.HEALTHY, ["promote"], id="healthy"),
        pytest.param(Verdict.UNHEALTHY, [], id="unhealthy"),
    ],
)
def test_min_exposed_0_promotes_without_evidence_but_not_against_it(verdict: Verdict, kinds: Sequence[str]) -> None:
    gates = some_gates(min_exposed=0)

    plan = diffed(a_definition(2, gates=gates), a_state(1, gates=gates), evidence=Evidence(verdict=verdict))

    assert [change.kind for change in plan.changes] == kinds


@pytest.mark.parametrize("tier", [0, 1])
@pytest.mark.parametrize(
    ("circumstances", "named", "hold"),
    [
        pytest.param({}, {"paused": True}, (WaitsFor.RESUME, "the rollout is paused", "set `paused: false`"), id="paused"),
        pytest.param(
            {"policy": FROZEN},
            {},
            (
                WaitsFor.FREEZE,
                "raises are frozen: sale",
                "wait, or have the policy changed by its owners",
                FREEZE.ends,
            ),
            id="frozen",
        ),
        pytest.param(
            {"raises_held": NOT_THE_TIP}, {}, (WaitsFor.TIP, "an older commit", "apply the tip"), id="not the tip"
        ),
    ],
)
def test_holds_any_rung_while_raises_are_held(
    tier: int, circumstances: dict[str, Any], named: dict[str, Any], hold: Any
) -> None:
    state = a_state(tier, **named)

    assert diffed(a_definition(tier + 1, **named), state, evidence=HEALTHY, **circumstances) == a_plan(
        holds=(_hold(state, tier + 1, *hold),)
    )


@pytest.mark.parametrize(
    ("now", "kinds"),
    [
        pytest.param(FREEZE.begins - INSTANT, ["promote"], id="before the freeze"),
        pytest.param(FREEZE.begins, [], id="as it begins"),
        pytest.param(FREEZE.ends - INSTANT, [], id="before it ends"),
        pytest.param(FREEZE.ends, ["promote"], id="as it ends"),
    ],
)
def test_a_freeze_begins_with_its_first_moment_and_ends_before_its_last(now: datetime, kinds: Sequence[str]) -> None:
    plan = diffed(a_definition(2), a_state(1), evidence=HEALTHY, policy=FROZEN, now=now)

    assert [change.kind for change in plan.changes] == kinds


def test_names_everything_that_holds_at_once() -> None:
    plan = diffed(a_definition(2, paused=True), a_state(1, served=hours(1), paused=True), **EVERYTHING_HELD)

    assert [hold.waits_for for hold in plan.holds] == [
        WaitsFor.TIP,
        WaitsFor.RESUME,
        WaitsFor.FREEZE,
        WaitsFor.DWELL,
        WaitsFor.HEALTH,
    ]


def test_unpausing_and_raising_may_come_in_one_commit() -> None:
    state = a_state(1, paused=True)

    plan = diffed(a_definition(2), state, evidence=HEALTHY)

    assert plan == a_plan(changes=(_promote(state, 2, reason=plan.changes[0].reason),))


# 10. A raise can't loosen its own gates.


def test_a_raise_is_judged_by_the_settled_dwell() -> None:
    settled, asked = some_gates(hours(48)), some_gates(hours(24))
    state = a_state(1, served=hours(48) - INSTANT, gates=settled)

    plan = diffed(a_definition(2, gates=asked), state, evidence=HEALTHY)

    remedy = (
        "this raise can't loosen its own gates (`dwell.1`, `dwell.2`, `dwell.3`): "
        "set `tier: 1` back with the new values first, or wait"
    )
    assert plan == a_plan(
        holds=(_hold(state, 2, WaitsFor.DWELL, "at tier 1 for 1d 23h 59m 59s of 48h", remedy, NOW + INSTANT),)
    )


def test_a_raise_is_judged_by_the_settled_evidence() -> None:
    state = a_state(1, gates=some_gates(min_exposed=10))

    plan = diffed(a_definition(2, gates=some_gates(min_exposed=0)), state)

    remedy = (
        "this raise can't loosen its own gates (`thresholds.min_exposed`): "
        "set `tier: 1` back with the new values first, or wait"
    )
    assert plan == a_plan(
        holds=(_hold(state, 2, WaitsFor.EVIDENCE, "0 exposed customers seen, 10 needed", remedy),)
    )


def test_a_raise_is_judged_by_its_own_stricter_dwell() -> None:
    strict = some_gates(hours(72))
    settled = some_gates(hours(48))

    early = diffed(a_definition(2, gates=strict), a_state(1, served=hours(72) - INSTANT, gates=settled), evidence=HEALTHY)
    due = diffed(a_definition(2, gates=strict), a_state(1, served=hours(72), gates=settled), evidence=HEALTHY)

    assert [hold.until for hold in early.holds] == [NOW + INSTANT]
    assert [change.kind for change in due.changes] == ["promote"]


def test_a_promotion_puts_the_whole_definition_in_force() -> None:
    settled, asked = some_gates(hours(48)), some_gates(hours(24), min_exposed=0)
    state = a_state(1, gates=settled)

    plan = diffed(a_definition(2, gates=asked, owner="team-search"), state, evidence=HEALTHY)

    after = a_standing(2, gates=asked, owner="team-search")
    assert plan == a_plan(
        changes=(
            Promote(
                feature=FEATURE,
                before=state,
                after=after,
                reason="tier 1 -> 2 after 100d at tier 1",
                dwell=hours(48),
                verdict=Verdict.HEALTHY,
            ),
        )
    )


def test_while_held_all_but_the_raise_and_looser_gates_is_in_force() -> None:
    settled = some_gates(hours(48), error_rate=0.05, min_exposed=10)
    asked = some_gates(hours(24), error_rate=0.01, min_exposed=20)
    state = a_state(1, gates=settled, served=timedelta())
    definition = a_definition(
        2, paused=True, owner="team-search", whitelist=frozenset({"ada"}), target=3, gates=asked
    )

    plan = diffed(definition, state, evidence=HEALTHY)

    after = a_standing(
        1,
        paused=True,
        owner="team-search",
        whitelist=frozenset({"ada"}),
        target=3,
        gates=some_gates(hours(48), error_rate=0.01, min_exposed=20),
        settled=settled,
    )
    reason = "target, paused, owner, whitelist +1, thresholds.error_rate, thresholds.min_exposed"
    assert plan == a_plan(
        changes=(Update(feature=FEATURE, before=state, after=after, reason=reason, is_settled=False),),
        holds=plan.holds,
    )


def test_a_held_raise_that_is_softened_again_is_as_strict_as_what_is_settled() -> None:
    """What is in force while held follows the file: only the settled gates bind it."""
    settled, tight = some_gates(hours(48)), some_gates(hours(72))
    state = a_state(1, served=hours(1), gates=tight, settled=settled)

    plan = diffed(a_definition(2, gates=some_gates(hours(24))), state, evidence=HEALTHY)

    assert [change.after for change in plan.changes] == [a_standing(1, gates=settled)]


def test_a_rollout_that_was_completed_may_climb_to_a_higher_target() -> None:
    state = a_state(2, target=2)

    plan = diffed(a_definition(3, target=4), state, evidence=HEALTHY)

    assert plan == a_plan(changes=(_promote(state, 3, reason=plan.changes[0].reason),))


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


def _promote(state: State, tier: int, *, reason: str) -> Promote:
    return Promote(
        feature=FEATURE,
        before=state,
        after=a_standing(tier),
        reason=reason,
        dwell=hours(48),
        verdict=Verdict.HEALTHY,
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


def _hold(
    state: State, tier: int, waits_for: WaitsFor, reason: str, remedy: str, until: datetime | None = None
) -> Hold:
    return Hold(
        feature=FEATURE,
        owner=OWNER,
        before=state,
        tier=Tier(tier),
        waits_for=waits_for,
        reason=reason,
        remedy=remedy,
        until=until,
    )
