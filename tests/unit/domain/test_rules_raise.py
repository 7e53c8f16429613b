"""Rule 10: up by one rung, when nothing holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.domain.analysis import NO_EVIDENCE, Evidence, Verdict
from reconciler.domain.gates import Gates
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Hold, Promote, WaitsFor
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
    REVISION,
    UNHEALTHY,
    UNREADABLE,
    a_definition,
    a_plan,
    a_standing,
    a_state,
    diffed,
    hours,
    rolled_back,
)

EVERYTHING_HELD: dict[str, Any] = {"policy": FROZEN, "raises_held": NOT_THE_TIP, "evidence": UNHEALTHY}
WAIT = "nothing to do: the first apply after that raises it"

# 10. Up by one rung.


@pytest.mark.parametrize("tier", [1, 2, 3])
@pytest.mark.parametrize("served", [hours(48), hours(48) + INSTANT, hours(1000)], ids=["exactly", "over", "long"])
def test_promotes_when_the_dwell_is_served_and_the_evidence_is_there(tier: int, served: timedelta) -> None:
    state = a_state(tier, served=served)

    plan = diffed(a_definition(tier + 1), state, evidence=HEALTHY)

    assert plan == a_plan(changes=(_promote(state, tier + 1, reason=plan.changes[0].reason),))


def test_says_how_long_it_was_at_the_tier_and_how_it_fared() -> None:
    plan = diffed(a_definition(2), a_state(1, served=hours(50)), evidence=HEALTHY)

    assert plan.changes[0].reason == "tier 1 -> 2 after 50h at tier 1, 1 of 100 exposed customers had an error"


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


@pytest.mark.parametrize(
    "evidence",
    [HEALTHY, UNHEALTHY, NO_EVIDENCE, UNREADABLE],
    ids=["healthy", "unhealthy", "insufficient", "unreadable"],
)
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


@pytest.mark.parametrize("tier", [0, 1])
@pytest.mark.parametrize(
    ("circumstances", "named", "hold"),
    [
        pytest.param(
            {}, {"paused": True}, (WaitsFor.RESUME, "the rollout is paused", "set `paused: false`"), id="paused"
        ),
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
def test_a_freeze_begins_with_its_first_moment_and_ends_before_its_last(
    now: datetime, kinds: Sequence[str]
) -> None:
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


def test_a_commit_that_raised_it_before_does_not_do_so_again() -> None:
    state = replace(a_state(0), raised_by=frozenset({REVISION}))

    plan = diffed(a_definition(1), state)

    assert [(refusal.rule, refusal.remedy) for refusal in plan.refusals] == [
        ("raised-before", "ask for the raise with a new commit")
    ]
    assert plan.changes == ()


def test_a_restart_by_a_commit_that_raised_it_before_is_refused() -> None:
    state = replace(rolled_back(in_git=True), raised_by=frozenset({REVISION}))

    plan = diffed(a_definition(1, attempt=2, rolled_back=1), state)

    assert [refusal.rule for refusal in plan.refusals] == ["raised-before"]
