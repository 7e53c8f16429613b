"""What holds for every definition, every state and all circumstances."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.domain.analysis import Evidence, Verdict
from reconciler.domain.definition import Definition
from reconciler.domain.gates import stricter
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Change, Create, Plan, Promote, RaisesHeld, RememberedRollback, Rollback
from reconciler.domain.policy import Policy
from reconciler.domain.problem import Problem
from reconciler.domain.state import State
from reconciler.domain.transition import is_raise, succeed
from tests.builders import strategies
from tests.builders.domain import FEATURE, REVISION, diffed


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that one feature's plan is made of."""

    definition: Definition | None
    state: State | None
    now: datetime
    evidence: Evidence
    policy: Policy
    problems: tuple[Problem, ...]
    raises_held: RaisesHeld | None
    memory: RememberedRollback | None
    adopt: bool

    def plan(self) -> Plan:
        """Return the plan."""
        return diffed(
            self.definition,
            self.state,
            now=self.now,
            evidence=self.evidence,
            policy=self.policy,
            problems=self.problems,
            raises_held=self.raises_held,
            memory=self.memory,
            adopt=self.adopt,
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return a world in which a feature has no readable definition and a problem, or one of both, or neither."""
    definition = draw(st.none() | strategies.definitions())
    problems = draw(strategies.problems)
    if definition is not None:
        problems = tuple(problem for problem in problems if FEATURE not in problem.features)
    return World(
        definition=definition,
        state=draw(st.none() | strategies.states()),
        now=draw(strategies.moments),
        evidence=draw(strategies.evidences),
        policy=draw(strategies.policies),
        problems=problems,
        raises_held=draw(strategies.raises),
        memory=draw(strategies.memories),
        adopt=draw(st.booleans()),
    )


def after(world: World, plan: Plan) -> World:
    """Return the world in which the plan was carried out."""
    state = world.state
    for change in plan.changes:
        state = succeed(_based_on(change, state), at=world.now, revision=REVISION, transition=UUID(int=7))
    return replace(world, state=state)


@given(worlds())
def test_every_feature_has_an_answer(world: World) -> None:
    plan = world.plan()

    answers = [bool(plan.changes), bool(plan.holds), bool(plan.refusals), bool(plan.in_sync)]
    kept = world.definition is None
    assert any(answers) or kept
    assert not (plan.holds and plan.refusals)


@given(worlds())
def test_no_plan_raises_by_more_than_one_rung(world: World) -> None:
    for change in world.plan().changes:
        if not (isinstance(change, Create) and change.adopted):
            assert change.after.tier <= (_tier_before(change) + 1)


@given(worlds())
def test_a_rolled_back_attempt_never_rises_again(world: World) -> None:
    if world.state is None or not world.state.standing.rolled_back:
        return
    over = world.state.standing.attempt

    for change in world.plan().changes:
        assert change.after.attempt >= over
        assert change.after.attempt > over or (change.after.rolled_back and change.after.tier is Tier.DISABLED)


@given(worlds())
def test_applying_a_plan_leaves_holds_and_refusals_and_nothing_to_do(world: World) -> None:
    first = world.plan()

    second = after(world, first).plan()

    assert second.changes == ()
    assert [(hold.waits_for, hold.until) for hold in second.holds] == [
        (hold.waits_for, hold.until) for hold in first.holds
    ]
    assert [refusal.rule for refusal in second.refusals] == [refusal.rule for refusal in first.refusals]


@given(worlds())
def test_while_raises_are_held_nothing_rises(world: World) -> None:
    assume(world.raises_held is not None)

    assert not any(is_raise(change) for change in world.plan().changes)


@given(worlds())
def test_a_promotion_has_served_the_dwell_and_has_the_evidence_of_both_sets_of_gates(world: World) -> None:
    for change in world.plan().changes:
        if isinstance(change, Promote) and _tier_before(change) and world.state and world.definition:
            asked, settled = world.definition.gates, world.state.standing.settled
            served = world.now - world.state.epoch_started_at
            tier = world.state.standing.tier
            assert served >= max(asked.dwell.at(tier), settled.dwell.at(tier))
            needed = max(asked.thresholds.min_exposed, settled.thresholds.min_exposed)
            assert change.verdict is Verdict.HEALTHY or (change.verdict is Verdict.INSUFFICIENT and not needed)
            assert not world.evidence.unreadable


@given(worlds())
def test_what_is_in_force_is_never_looser_than_what_is_settled(world: World) -> None:
    for change in world.plan().changes:
        standing = change.after
        assert stricter(standing.settled, standing.gates) == standing.gates


@given(worlds())
def test_a_held_raise_never_loosens_its_own_gates(world: World) -> None:
    plan = world.plan()
    if world.state is None or not plan.holds:
        return

    for change in plan.changes:
        assert isinstance(change, Rollback) or change.after.settled == world.state.standing.settled
        assert stricter(world.state.standing.settled, change.after.gates) == change.after.gates


@given(worlds())
def test_an_absent_file_never_changes_the_tier_of_anything_but_a_rollback(world: World) -> None:
    for change in replace(world, definition=None).plan().changes:
        assert isinstance(change, Rollback) or change.after.tier == _tier_before(change)


@given(worlds())
def test_every_change_names_its_version_and_a_reason(world: World) -> None:
    version = 0 if world.state is None else world.state.version
    for number, change in enumerate(world.plan().changes):
        assert (0 if change.before is None else change.before.version) == version + number
        assert change.reason
        assert change.before is None or change.before.standing != change.after


def _tier_before(change: Change) -> int:
    return 0 if change.before is None else int(change.before.standing.tier)


def _based_on(change: Change, state: State | None) -> Change:
    return replace(change, before=state)
