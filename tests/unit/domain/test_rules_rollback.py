"""Rules 6 and 7: rollbacks that stand, and restarts."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Hold, Refusal, Restart, Update, WaitsFor
from reconciler.domain.state import State
from tests.builders.domain import (
    EARLIER,
    FEATURE,
    FROZEN,
    NOT_THE_TIP,
    OWNER,
    SOURCE,
    a_definition,
    a_plan,
    a_standing,
    diffed,
    rolled_back,
)

# 6. A rollback stands.


@pytest.mark.parametrize("tier", [0, 1, 2, 4])
def test_a_rollback_holds_while_git_has_not_heard_of_it(tier: int) -> None:
    state = rolled_back()

    assert diffed(a_definition(tier), state) == a_plan(
        holds=(
            Hold(
                feature=FEATURE,
                owner=OWNER,
                before=state,
                tier=Tier(tier),
                waits_for=WaitsFor.WRITE_BACK,
                reason="attempt 1 was rolled back (12 of 100 failed); its commit is on the way to git",
                remedy="wait for the rollback commit; to restart, build on it",
            ),
        )
    )


@pytest.mark.parametrize("tier", [1, 2, 4])
def test_a_rollback_that_git_knows_refuses_the_same_attempt(tier: int) -> None:
    state = rolled_back(in_git=True)

    assert diffed(a_definition(tier), state) == a_plan(
        refusals=(
            _refusal(
                state,
                tier,
                rule="rolled-back",
                reason=f"attempt 1 was rolled back ({EARLIER[:10]}: 12 of 100 failed)",
                remedy="to restart set `attempt: 2`, `rolled_back: 1`, `tier: 1`",
            ),
        )
    )


@pytest.mark.parametrize("in_git", [False, True])
def test_a_file_that_knows_of_the_rollback_keeps_its_content_up_to_date(*, in_git: bool) -> None:
    state = rolled_back(in_git=in_git)

    after = a_standing(0, rolled_back=True, description="mended")
    assert diffed(a_definition(0, rolled_back=1, description="mended"), state) == a_plan(
        changes=(Update(feature=FEATURE, before=state, after=after, reason="description"),)
    )


# 7. The next attempt.


@pytest.mark.parametrize("tier", [0, 1])
@pytest.mark.parametrize("in_git", [False, True], ids=["write-back under way", "git knows"])
def test_the_next_attempt_begins_at_tier_0_or_1(tier: int, *, in_git: bool) -> None:
    state = rolled_back(in_git=in_git)

    reason = "attempt 2 begins after the rollback of attempt 1"
    after = a_standing(tier, attempt=2)
    assert diffed(a_definition(tier, attempt=2, rolled_back=1), state) == a_plan(
        changes=(Restart(feature=FEATURE, before=state, after=after, reason=reason),)
    )


@pytest.mark.parametrize("tier", [2, 3, 4])
def test_the_next_attempt_does_not_begin_higher(tier: int) -> None:
    state = rolled_back(in_git=True)

    assert diffed(a_definition(tier, attempt=2, rolled_back=1), state) == a_plan(
        refusals=(
            _refusal(
                state,
                tier,
                rule="restarts-too-high",
                reason=f"attempt 2 begins at tier 0 or 1, not {tier}",
                remedy="set `tier: 1`",
            ),
        )
    )


@pytest.mark.parametrize("tier", [0, 1])
@pytest.mark.parametrize(
    ("circumstances", "paused", "waits_for"),
    [
        pytest.param({}, True, WaitsFor.RESUME, id="paused"),
        pytest.param({"policy": FROZEN}, False, WaitsFor.FREEZE, id="frozen"),
        pytest.param({"raises_held": NOT_THE_TIP}, False, WaitsFor.TIP, id="not the tip"),
    ],
)
def test_a_restart_is_a_raise(
    tier: int, circumstances: dict[str, Any], waits_for: WaitsFor, *, paused: bool
) -> None:
    definition = a_definition(tier, attempt=2, rolled_back=1, paused=paused)

    plan = diffed(definition, rolled_back(in_git=True), **circumstances)

    assert plan == a_plan(holds=plan.holds)
    assert [hold.waits_for for hold in plan.holds] == [waits_for]


def test_an_attempt_further_on_first_imports_the_rollback_between() -> None:
    state = rolled_back()

    plan = diffed(a_definition(1, attempt=3, rolled_back=2), state)

    assert [(change.kind, change.after.attempt) for change in plan.changes] == [("rollback", 2), ("restart", 3)]


def _refusal(state: State, tier: int, *, rule: str, reason: str, remedy: str) -> Refusal:
    return Refusal(
        feature=FEATURE,
        owner=OWNER,
        before=state,
        tier=Tier(tier),
        rule=rule,
        reason=reason,
        remedy=remedy,
        where=str(SOURCE),
    )
