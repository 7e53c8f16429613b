"""Plans that look like an accident."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.domain.desired import Desired
from reconciler.domain.guard import guard, permitted
from reconciler.domain.plan import Change, Demote, Plan, Retire, Rollback, Update
from reconciler.domain.policy import GuardLimits, Policy
from tests.builders.domain import EARLIER, a_definition, a_plan, a_problem, a_standing, a_state

SOME = Desired(definitions={"search": a_definition(1, feature="search")})


def demotions(count: int) -> tuple[Change, ...]:
    """Return so many demotions."""
    return tuple(
        Demote(
            feature=f"f{number}", before=a_state(2, feature=f"f{number}"), after=a_standing(1), reason="tier 2 -> 1"
        )
        for number in range(count)
    )


def retirements(count: int) -> tuple[Change, ...]:
    """Return so many retirements."""
    return tuple(
        Retire(
            feature=f"g{number}",
            before=a_state(4, feature=f"g{number}"),
            after=a_standing(4, retired=True),
            reason="its file is gone",
        )
        for number in range(count)
    )


ROLLBACK = Rollback(
    feature="checkout",
    before=a_state(2),
    after=a_standing(0, rolled_back=True),
    reason="git remembers",
    is_settled=False,
    commit=EARLIER,
)
UPDATE = Update(
    feature="search", before=a_state(1, feature="search"), after=a_standing(1, paused=True), reason="paused"
)


@pytest.mark.parametrize(
    ("changes", "live", "unsafe"),
    [
        pytest.param(demotions(3), 10, None, id="exactly 30 %"),
        pytest.param(
            demotions(4), 10, "4 of 10 rollouts would be lowered or retired at once, more than 30%", id="40 %"
        ),
        pytest.param(
            demotions(31), 100, "31 of 100 rollouts would be lowered or retired at once, more than 30%", id="31 %"
        ),
        pytest.param(demotions(30), 100, None, id="30 of 100"),
        pytest.param(demotions(9), 9, None, id="all of nine"),
        pytest.param(
            (*demotions(2), *retirements(2)),
            10,
            "4 of 10 rollouts would be lowered or retired at once, more than 30%",
            id="lowered and retired together",
        ),
        pytest.param((*demotions(3), UPDATE, ROLLBACK), 10, None, id="updates and rollbacks don't count"),
    ],
)
def test_too_many_rollouts_lowered_at_once_is_unsafe(
    changes: tuple[Change, ...], live: int, unsafe: str | None
) -> None:
    plan = a_plan(changes=changes)

    assert guard(plan, SOME, live=live, exposed=live) == replace(plan, unsafe=unsafe)


@pytest.mark.parametrize("limit", [0.07, 0.14, 0.28, 0.29, 0.56, 0.57, 0.58], ids=lambda limit: f"{limit:.0%}")
def test_exactly_the_limit_is_safe_and_one_more_is_not(limit: float) -> None:
    """0.29 * 100 is 28.999… in floating point: a product can't decide this."""
    desired = replace(SOME, policy=Policy(guard=GuardLimits(max_lowered=limit)))
    exactly = round(limit * 100)

    assert guard(a_plan(changes=demotions(exactly)), desired, live=100, exposed=100).unsafe is None
    assert guard(a_plan(changes=demotions(exactly + 1)), desired, live=100, exposed=100).unsafe is not None


def test_the_message_names_a_limit_as_it_was_written() -> None:
    desired = replace(SOME, policy=Policy(guard=GuardLimits(max_lowered=0.125)))

    unsafe = guard(a_plan(changes=demotions(2)), desired, live=10, exposed=10).unsafe

    assert unsafe == "2 of 10 rollouts would be lowered or retired at once, more than 12.5%"


def test_a_policy_that_allows_none_refuses_the_first() -> None:
    desired = replace(SOME, policy=Policy(guard=GuardLimits(max_lowered=0, min_rollouts=1)))

    unsafe = guard(a_plan(changes=demotions(1)), desired, live=1, exposed=1).unsafe

    assert unsafe == "1 of 1 rollouts would be lowered or retired at once, more than 0%"


def test_a_retired_rollout_that_comes_back_lower_is_not_one_of_the_live() -> None:
    desired = replace(SOME, policy=Policy(guard=GuardLimits(max_lowered=0, min_rollouts=1)))
    back = Demote(feature="checkout", before=a_state(4, retired=True), after=a_standing(1), reason="tier 4 -> 1")

    assert guard(a_plan(changes=(back,)), desired, live=1, exposed=1).unsafe is None


@pytest.mark.parametrize(
    ("desired", "unsafe"),
    [
        pytest.param(Desired(definitions={}), "the root holds no definition at all", id="empty"),
        pytest.param(SOME, None, id="one definition"),
        pytest.param(Desired(definitions={}, unchanged=frozenset({"search"})), None, id="all unchanged"),
        pytest.param(Desired(definitions={}, problems=(a_problem(),)), None, id="all broken"),
    ],
)
@pytest.mark.parametrize("live", [0, 1, 100])
def test_an_empty_root_is_unsafe_however_few_rollouts_there_are(
    desired: Desired, unsafe: str | None, live: int
) -> None:
    assert guard(a_plan(), desired, live=live, exposed=live) == a_plan(unsafe=unsafe)


def test_an_override_is_recorded_with_the_danger_it_allows() -> None:
    plan = guard(a_plan(changes=demotions(4)), SOME, live=10, exposed=10, allowed="end of season")

    assert (plan.is_blocked, plan.unsafe_allowed) == (False, "end of season")


def test_an_override_that_is_not_needed_is_not_recorded() -> None:
    assert guard(a_plan(), SOME, live=10, exposed=10, allowed="end of season") == a_plan()


@pytest.mark.parametrize(
    ("plan", "changes"),
    [
        pytest.param(a_plan(changes=(ROLLBACK, UPDATE)), (ROLLBACK, UPDATE), id="safe"),
        pytest.param(a_plan(changes=(ROLLBACK, UPDATE), unsafe="!"), (ROLLBACK,), id="unsafe"),
        pytest.param(
            a_plan(changes=(ROLLBACK, UPDATE), unsafe="!", unsafe_allowed="x"), (ROLLBACK, UPDATE), id="allowed"
        ),
    ],
)
def test_an_unsafe_plan_lets_its_rollbacks_through(plan: Plan, changes: tuple[Change, ...]) -> None:
    assert permitted(plan) == changes


def test_rollouts_at_tier_0_do_not_hide_that_all_others_are_lowered() -> None:
    plan = a_plan(changes=demotions(10))

    guarded = guard(plan, SOME, live=35, exposed=10)

    assert guarded.unsafe == "10 of 10 exposed rollouts would be lowered at once, more than 30%"
