"""Rule 3: features without a file, and files that come back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Demote, Hold, Refusal, Restart, Retire, Update, WaitsFor
from reconciler.domain.state import State
from tests.builders.domain import (
    FEATURE,
    OWNER,
    SOURCE,
    a_definition,
    a_plan,
    a_problem,
    a_standing,
    a_state,
    diffed,
    remembered,
    rolled_back,
)

RESTART_LOW = "`attempt: 2`, `rolled_back: 1`, `tier: 0`"

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
                remedy="restore the file (`git log -- '*/checkout.yaml'` finds it) and set `tier: 0`, "
                "or finish the rollout, before removing it",
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


def test_a_file_that_is_gone_under_a_broken_policy_is_no_deletion_either() -> None:
    policy = replace(a_problem("search"), is_of_policy=True)

    plan = diffed(None, a_state(0), problems=(policy,))

    assert [hold.waits_for for hold in plan.holds] == [WaitsFor.READABLE_FILES]
    assert plan.changes == ()


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
    ("state", "definition", "fields"),
    [
        pytest.param(a_state(0, retired=True), a_definition(1), "`tier: 0`", id="one rung"),
        pytest.param(a_state(0, retired=True), a_definition(2), "`tier: 0`", id="two rungs"),
        pytest.param(a_state(2, target=2, retired=True), a_definition(3), "`tier: 2`", id="a higher target"),
        pytest.param(rolled_back(retired=True), a_definition(1), RESTART_LOW, id="the attempt rolled back"),
        pytest.param(
            rolled_back(retired=True), a_definition(1, attempt=2, rolled_back=1), RESTART_LOW, id="a new attempt"
        ),
    ],
)
def test_a_file_that_comes_back_higher_is_refused(state: State, definition: Any, fields: str) -> None:
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
                remedy=f"set {fields} first, then climb",
                where=str(SOURCE),
            ),
        )
    )


def test_a_file_that_comes_back_at_tier_0_is_told_how_the_next_attempt_begins() -> None:
    state = rolled_back(retired=True, in_git=True)

    plan = diffed(a_definition(0), state)

    assert [(refusal.rule, refusal.remedy) for refusal in plan.refusals] == [
        ("rolled-back", f"to restart set {RESTART_LOW}, and `tier: 1` once that is applied")
    ]


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
