"""Rule 10: a raise can't loosen its own gates, and what is in force while it is held."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from reconciler.domain.analysis import Verdict
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Hold, Promote, Update, WaitsFor
from reconciler.domain.state import State
from tests.builders.domain import (
    FEATURE,
    FROZEN,
    HEALTHY,
    INSTANT,
    NOT_THE_TIP,
    NOW,
    OWNER,
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

# 10. A raise can't loosen its own gates.


def test_a_raise_is_judged_by_the_settled_dwell() -> None:
    settled, asked = some_gates(hours(48)), some_gates(hours(24))
    state = a_state(1, served=hours(48) - INSTANT, gates=settled)

    plan = diffed(a_definition(2, gates=asked), state, evidence=HEALTHY)

    remedy = (
        "a raise can't loosen its own gate, `dwell.1` stays 48h: "
        "set `tier: 1` back with the new value first, or wait"
    )
    assert plan == a_plan(
        holds=(_hold(state, 2, WaitsFor.DWELL, "at tier 1 for 1d 23h 59m 59s of 48h", remedy, NOW + INSTANT),)
    )


def test_a_raise_is_judged_by_the_settled_evidence() -> None:
    state = a_state(1, gates=some_gates(min_exposed=10))

    plan = diffed(a_definition(2, gates=some_gates(min_exposed=0)), state)

    remedy = (
        "a raise can't loosen its own gate, `thresholds.min_exposed` stays 10: "
        "set `tier: 1` back with the new value first, or wait"
    )
    assert plan == a_plan(
        holds=(_hold(state, 2, WaitsFor.EVIDENCE, "0 exposed customers seen, 10 needed", remedy),)
    )


def test_a_hold_blames_no_gate_that_it_does_not_wait_for() -> None:
    state = a_state(1, served=hours(47), gates=some_gates(hours(48), min_exposed=10))

    plan = diffed(a_definition(2, gates=some_gates(hours(48), min_exposed=0)), state)

    assert [(hold.waits_for, hold.remedy) for hold in plan.holds] == [
        (WaitsFor.DWELL, "nothing to do: it passes by itself"),
        (
            WaitsFor.EVIDENCE,
            (
                "a raise can't loosen its own gate, `thresholds.min_exposed` stays 10: "
                "set `tier: 1` back with the new value first, or wait"
            ),
        ),
    ]


def test_a_raise_is_judged_by_its_own_stricter_dwell() -> None:
    strict = some_gates(hours(72))
    settled = some_gates(hours(48))

    early = diffed(
        a_definition(2, gates=strict), a_state(1, served=hours(72) - INSTANT, gates=settled), evidence=HEALTHY
    )
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
                reason="tier 1 -> 2 after 100d at tier 1, 1 of 100 exposed customers had an error",
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


def _promote(state: State, tier: int, *, reason: str) -> Promote:
    return Promote(
        feature=FEATURE,
        before=state,
        after=a_standing(tier),
        reason=reason,
        dwell=hours(48),
        verdict=Verdict.HEALTHY,
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
