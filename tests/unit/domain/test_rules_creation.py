"""Rules 1 and 2: files that can't be read, and features without a row."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Create, Hold, RaisesHeld, Refusal, WaitsFor
from reconciler.domain.state import State
from tests.builders.domain import (
    FEATURE,
    FREEZE,
    FROZEN,
    NOT_THE_TIP,
    OWNER,
    SOURCE,
    a_definition,
    a_plan,
    a_problem,
    a_standing,
    a_state,
    diffed,
    hours,
    rolled_back,
    some_gates,
)

# 1. A file that can't be read keeps the state.


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(None, id="new"),
        pytest.param(a_state(0), id="at tier 0"),
        pytest.param(a_state(2), id="live"),
        pytest.param(a_state(4), id="completed"),
        pytest.param(rolled_back(), id="rolled back"),
    ],
)
def test_an_unreadable_file_keeps_the_state(state: State | None) -> None:
    problems = (a_problem(FEATURE),)

    assert diffed(None, state, problems=problems) == a_plan(problems=problems)


# 2. No row yet.


@pytest.mark.parametrize("tier", [0, 1])
def test_a_new_rollout_begins_at_tier_0_or_1(tier: int) -> None:
    definition = a_definition(tier, whitelist=frozenset({"ada"}), gates=some_gates(hours(30)))

    after = a_standing(tier, whitelist=frozenset({"ada"}), gates=some_gates(hours(30)))
    assert diffed(definition, None) == a_plan(
        changes=(Create(feature=FEATURE, before=None, after=after, reason="a new rollout"),)
    )


@pytest.mark.parametrize("tier", [2, 3, 4])
def test_a_new_rollout_above_tier_1_is_refused_and_adoption_named(tier: int) -> None:
    assert diffed(a_definition(tier), None) == a_plan(
        refusals=(
            Refusal(
                feature=FEATURE,
                owner=OWNER,
                before=None,
                tier=Tier(tier),
                rule="starts-too-high",
                reason=f"a new rollout begins at tier 0 or 1, not {tier}",
                remedy="set `tier: 1`, or take over a feature that is live already with `reconciler apply --adopt`",
                where=str(SOURCE),
            ),
        )
    )


@pytest.mark.parametrize(
    ("circumstances", "waits_for"),
    [
        pytest.param({"policy": FROZEN}, WaitsFor.FREEZE, id="frozen"),
        pytest.param({"raises_held": NOT_THE_TIP}, WaitsFor.TIP, id="not the tip"),
    ],
)
def test_a_new_rollout_is_created_at_tier_0_while_raises_are_held(
    circumstances: dict[str, Any], waits_for: WaitsFor
) -> None:
    plan = diffed(a_definition(1), None, **circumstances)

    create = Create(feature=FEATURE, before=None, after=a_standing(0), reason="a new rollout", is_settled=False)
    assert plan == a_plan(changes=(create,), holds=plan.holds)
    assert [hold.waits_for for hold in plan.holds] == [waits_for]


def test_a_new_rollout_that_is_paused_is_created_at_tier_0() -> None:
    create = Create(
        feature=FEATURE, before=None, after=a_standing(0, paused=True), reason="a new rollout", is_settled=False
    )
    assert diffed(a_definition(1, paused=True), None) == a_plan(
        changes=(create,), holds=(_hold(1, WaitsFor.RESUME, "the rollout is paused", "set `paused: false`"),)
    )


@pytest.mark.parametrize(
    "circumstances", [{"policy": FROZEN}, {"raises_held": NOT_THE_TIP}, {}], ids=["frozen", "not the tip", "calm"]
)
def test_nothing_holds_a_new_rollout_at_tier_0(circumstances: dict[str, Any]) -> None:
    create = Create(feature=FEATURE, before=None, after=a_standing(0, paused=True), reason="a new rollout")

    assert diffed(a_definition(0, paused=True), None, **circumstances) == a_plan(changes=(create,))


def test_a_new_rollout_that_git_says_was_rolled_back_begins_as_such() -> None:
    after = a_standing(0, attempt=2, rolled_back=True)

    assert diffed(a_definition(0, attempt=2, rolled_back=2), None) == a_plan(
        changes=(
            Create(feature=FEATURE, before=None, after=after, reason="a new rollout, attempt 2 was rolled back"),
        )
    )


# 2, with --adopt.


@pytest.mark.parametrize("tier", [1, 2, 4])
@pytest.mark.parametrize(
    "circumstances",
    [
        pytest.param({}, id="calm"),
        pytest.param({"policy": FROZEN}, id="frozen"),
    ],
)
@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_adoption_takes_over_what_is_live_as_git_says(
    tier: int, circumstances: dict[str, Any], *, paused: bool
) -> None:
    """It raises nobody who hasn't the feature already, so neither a pause nor a freeze stops it."""
    definition = a_definition(tier, attempt=3, rolled_back=2, paused=paused)

    after = a_standing(tier, attempt=3, paused=paused)
    reason = f"taken over at tier {tier}, dwell begins now"
    assert diffed(definition, None, adopt=True, **circumstances) == a_plan(
        changes=(Create(feature=FEATURE, before=None, after=after, reason=reason, adopted=True),)
    )


def test_adoption_of_a_rollout_at_tier_0_is_a_plain_creation() -> None:
    assert diffed(a_definition(0), None, adopt=True) == diffed(a_definition(0), None)


def test_adoption_waits_for_the_tip_alone() -> None:
    held = RaisesHeld(waits_for=WaitsFor.TIP, reason="an older commit", remedy="apply the tip")

    assert diffed(a_definition(3, paused=True), None, adopt=True, raises_held=held) == a_plan(
        holds=(_hold(3, WaitsFor.TIP, "an older commit", "apply the tip"),)
    )


def test_adoption_changes_nothing_for_a_feature_that_has_a_row() -> None:
    definition, state = a_definition(3), a_state(1)

    assert diffed(definition, state, adopt=True) == diffed(definition, state)


def _hold(tier: int, waits_for: WaitsFor, reason: str, remedy: str) -> Hold:
    return Hold(
        feature=FEATURE,
        owner=OWNER,
        before=None,
        tier=Tier(tier),
        waits_for=waits_for,
        reason=reason,
        remedy=remedy,
        until=FREEZE.ends if waits_for is WaitsFor.FREEZE else None,
    )
