"""Rules 1 to 3: files that can't be read, features without a row, features without a file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Create, Demote, Hold, RaisesHeld, Refusal, Restart, Retire, Update, WaitsFor
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
    remembered,
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
        changes=(Create(feature=FEATURE, before=None, after=after, reason="a new rollout"),)
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


# 3. No file.


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(a_state(0), id="at tier 0"),
        pytest.param(a_state(4), id="completed"),
        pytest.param(a_state(2, target=2), id="completed at tier 2"),
        pytest.param(a_state(4, paused=True), id="completed and paused"),
        pytest.param(rolled_back(), id="rolled back"),
    ],
)
def test_a_finished_rollout_is_retired_with_its_file(state: State) -> None:
    after = replace(state.standing, retired=True)

    assert diffed(None, state) == a_plan(
        changes=(Retire(feature=FEATURE, before=state, after=after, reason="its file is gone"),)
    )


@pytest.mark.parametrize(
    ("state", "exposure"),
    [
        pytest.param(a_state(1), 1, id="at tier 1"),
        pytest.param(a_state(3), 50, id="one below its target"),
        pytest.param(a_state(1, target=2), 1, id="one below a lower target"),
        pytest.param(a_state(2, paused=True), 10, id="paused"),
    ],
)
def test_a_live_rollout_does_not_end_with_its_file(state: State, exposure: int) -> None:
    assert diffed(None, state) == a_plan(
        refusals=(
            Refusal(
                feature=FEATURE,
                owner=OWNER,
                before=state,
                tier=state.standing.tier,
                rule="live-without-file",
                reason=f"its file is gone while it is live at {exposure} %",
                remedy="restore the file and set `tier: 0`, or finish the rollout, before removing it",
            ),
        )
    )


@pytest.mark.parametrize("state", [a_state(0), a_state(2)], ids=["at tier 0", "live"])
def test_a_file_that_may_hide_in_what_is_unreadable_is_not_gone(state: State) -> None:
    problems = (a_problem(),)

    assert diffed(None, state, problems=problems) == a_plan(
        problems=problems,
        holds=(
            Hold(
                feature=FEATURE,
                owner=OWNER,
                before=state,
                tier=state.standing.tier,
                waits_for=WaitsFor.READABLE_FILES,
                reason="its file is gone, but part of the folder can't be read and may hold it",
                remedy="mend the problems named above; then it is retired",
            ),
        ),
    )


def test_a_fault_of_another_feature_does_not_keep_a_file_from_being_gone() -> None:
    problems, state = (a_problem("search"),), a_state(0)

    assert diffed(None, state, problems=problems) == replace(diffed(None, state), problems=problems)


@pytest.mark.parametrize("tier", [0, 4])
def test_a_retired_rollout_stays_as_it_is(tier: int) -> None:
    assert diffed(None, a_state(tier, retired=True)) == a_plan()


# 3. A file comes back.


def test_a_file_that_comes_back_as_it_went_ends_the_retirement() -> None:
    state = a_state(2, target=2, retired=True)

    reason = "its file came back"
    assert diffed(a_definition(2, target=2), state) == a_plan(
        changes=(Update(feature=FEATURE, before=state, after=a_standing(2, target=2), reason=reason),)
    )


def test_a_file_that_comes_back_lower_demotes() -> None:
    state = a_state(4, retired=True)

    assert diffed(a_definition(1), state) == a_plan(
        changes=(Demote(feature=FEATURE, before=state, after=a_standing(1), reason="tier 4 -> 1"),)
    )


@pytest.mark.parametrize(
    ("state", "definition"),
    [
        pytest.param(a_state(0, retired=True), a_definition(1), id="one rung"),
        pytest.param(a_state(0, retired=True), a_definition(2), id="two rungs"),
        pytest.param(a_state(2, target=2, retired=True), a_definition(3), id="a higher target"),
        pytest.param(rolled_back(retired=True), a_definition(1, attempt=2, rolled_back=1), id="a new attempt"),
    ],
)
def test_a_file_that_comes_back_higher_is_refused(state: State, definition: Any) -> None:
    was, now = int(state.standing.tier), int(definition.tier)

    assert diffed(definition, state) == a_plan(
        refusals=(
            Refusal(
                feature=FEATURE,
                owner=OWNER,
                before=state,
                tier=Tier(now),
                rule="returned-too-high",
                reason=f"the rollout was retired at tier {was} and returns at {now}",
                remedy=f"set `tier: {was}` first, then climb",
                where=str(SOURCE),
            ),
        )
    )


def test_a_file_that_comes_back_with_the_next_attempt_at_tier_0_restarts() -> None:
    state = rolled_back(retired=True)

    reason = "attempt 2 begins after the rollback of attempt 1"
    assert diffed(a_definition(0, attempt=2, rolled_back=1), state) == a_plan(
        changes=(Restart(feature=FEATURE, before=state, after=a_standing(0, attempt=2), reason=reason),)
    )


def test_a_retired_rollout_still_learns_of_a_lost_rollback() -> None:
    plan = diffed(None, a_state(4, retired=True), memory=remembered(1))

    assert [(change.kind, change.after.rolled_back, change.after.retired) for change in plan.changes] == [
        ("rollback", True, True)
    ]


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
