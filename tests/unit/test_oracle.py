"""The model that other tests trust: known stories end as they must, and it agrees with the product's decisions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.analysis import Evidence
from reconciler.domain.desired import Desired
from reconciler.domain.diff import Circumstances, Observed, diff
from reconciler.domain.guard import guard, permitted
from reconciler.domain.plan import Plan
from reconciler.domain.policy import GuardLimits, Policy
from reconciler.domain.state import State
from reconciler.domain.transition import succeed
from tests import oracle
from tests.builders import strategies
from tests.builders.domain import (
    FEATURE,
    FROZEN,
    NOT_THE_TIP,
    NOW,
    REVISION,
    a_definition,
    a_problem,
    hours,
    remembered,
    row_of,
    some_gates,
)
from tests.oracle import Asked, Expected, Feature, Model

EASY = some_gates(hours(24), min_exposed=0)


def applied(model: Model, tier: int | None, *, at: timedelta = timedelta(), **named: Any) -> Expected:
    """Apply a file of `checkout` that says this tier, or no file but another's."""
    file = {} if tier is None else {FEATURE: a_definition(tier, gates=EASY, **named)}
    other = {"zebra": a_definition(0, feature="zebra", owner="")}
    return oracle.apply(model, Asked(revision=REVISION, now=NOW + at, files={**file, **other}))


@pytest.mark.parametrize(
    ("story", "answer", "tier"),
    [
        pytest.param([(1, 0)], oracle.DONE, 1, id="a new rollout"),
        pytest.param([(2, 0)], oracle.REFUSED, None, id="a new rollout, too high"),
        pytest.param([(1, 0), (2, 23)], oracle.HELD, 1, id="a raise, an hour early"),
        pytest.param([(1, 0), (2, 24)], oracle.DONE, 2, id="a raise, in time"),
        pytest.param([(1, 0), (3, 99)], oracle.REFUSED, 1, id="a skip"),
        pytest.param([(1, 0), (2, 24), (0, 25)], oracle.DONE, 0, id="a demotion"),
        pytest.param([(1, 0), (2, 24), (1, 25), (2, 48)], oracle.HELD, 1, id="up again, an hour early"),
        pytest.param([(1, 0), (None, 1)], oracle.REFUSED, 1, id="a live file gone"),
        pytest.param([(0, 0), (None, 1)], oracle.DONE, 0, id="a disabled file gone"),
        pytest.param([(0, 0), (None, 1), (1, 2)], oracle.REFUSED, 0, id="back, higher"),
        pytest.param([(0, 0), (None, 1), (0, 2), (1, 3)], oracle.DONE, 1, id="back, then higher"),
    ],
)
def test_a_story_ends_as_it_must(story: list[tuple[int | None, int]], answer: str, tier: int | None) -> None:
    model, expected = Model(), None
    for asked, hour in story:
        expected = applied(model, asked, at=hours(hour))
        model = expected.model

    assert expected is not None
    row = model.features.get(FEATURE)
    assert (expected.answers[FEATURE], None if row is None else row.tier) == (answer, tier)


def test_a_rollback_ends_with_the_next_attempt_alone() -> None:
    model = oracle.roll_back(applied(Model(), 1).model, FEATURE, NOW)

    assert applied(model, 1, at=hours(99)).answers[FEATURE] == oracle.HELD
    assert applied(model, 2, at=hours(99), attempt=2, rolled_back=1).answers[FEATURE] == oracle.REFUSED
    row = applied(model, 1, at=hours(99), attempt=2, rolled_back=1).model.features[FEATURE]
    assert (row.tier, row.attempt, row.rolled_back, row.epoch) == (1, 2, False, 3)


def test_applying_twice_writes_nothing() -> None:
    once = applied(Model(), 1).model

    assert applied(once, 1, at=hours(1)).model == once


@pytest.mark.parametrize(
    ("relation", "on_branch", "outcome"),
    [("behind", True, oracle.STALE), ("diverged", True, oracle.FORBIDDEN), ("ahead", False, oracle.FORBIDDEN)],
)
def test_stale_and_foreign_commits_change_nothing(relation: str, outcome: str, *, on_branch: bool) -> None:
    asked = Asked(
        revision=REVISION, now=NOW, files={FEATURE: a_definition(1)}, relation=relation, on_branch=on_branch
    )

    assert oracle.apply(Model(), asked) == Expected(model=Model(), outcome=outcome)


@pytest.mark.parametrize(("count", "outcome"), [(3, oracle.APPLIED), (4, oracle.UNSAFE)])
def test_too_many_at_once_is_unsafe(count: int, outcome: str) -> None:
    model = Model(features={f"f{number}": Feature(tier=1) for number in range(10)})
    files = {name: a_definition(int(number >= count), feature=name) for number, name in enumerate(model.features)}

    assert oracle.apply(model, Asked(revision=REVISION, now=NOW, files=files)).outcome == outcome


# The product against the model: what one plan makes of three random features.

NAMES = ("basket", FEATURE, "search")
SETTINGS = settings(max_examples=300, deadline=None)


@st.composite
def _worlds(draw: st.DrawFn) -> tuple[Desired, dict[str, State], dict[str, Any]]:
    files, states, verdicts, trailers = {}, {}, {}, {}
    unreadable: set[str] = set()
    for name in NAMES:
        kind = draw(st.sampled_from(["file", "file", "file", "broken", "gone"]))
        if kind == "file":
            files[name] = draw(strategies.definitions(name))
        if kind == "broken":
            unreadable.add(name)
        if draw(st.integers(0, 3)):
            states[name] = draw(strategies.states(name))
        verdicts[name] = draw(strategies.evidences)
        if not draw(st.integers(0, 5)):
            trailers[name] = draw(st.integers(1, 4))
    hidden = draw(st.integers(0, 5)) == 0
    problems = (*([a_problem(*unreadable)] if unreadable else []), *([a_problem()] if hidden else []))
    limits = draw(st.sampled_from([GuardLimits(), GuardLimits(max_lowered=0.4, min_rollouts=2)]))
    policy = Policy(freezes=draw(st.sampled_from([(), FROZEN.freezes])), guard=limits)
    return (
        Desired(definitions=files, policy=policy, problems=problems),
        states,
        {
            "now": draw(strategies.moments),
            "may_raise": draw(st.integers(0, 4)) > 0,
            "trailers": trailers,
            "verdicts": verdicts,
            "adopt": draw(st.integers(0, 3)) == 0,
            "override": draw(st.booleans()),
            "hidden": hidden,
            "unreadable": unreadable,
        },
    )


@given(_worlds())
@SETTINGS
def test_the_product_decides_as_the_model_says(world: tuple[Desired, dict[str, State], dict[str, Any]]) -> None:
    desired, states, named = world
    plan = _planned(desired, states, named)

    expected = oracle.apply(
        Model(features={name: row_of(state) for name, state in states.items()}, in_force="b"),
        Asked(
            revision=REVISION,
            now=named["now"],
            files={**desired.definitions, **dict.fromkeys(named["unreadable"])},
            policy=desired.policy,
            hidden=named["hidden"],
            relation="ahead",
            may_raise=named["may_raise"],
            trailers=named["trailers"],
            verdicts={name: _in_a_word(evidence) for name, evidence in named["verdicts"].items()},
            adopt=named["adopt"],
            override=named["override"],
        ),
    )

    assert (expected.outcome == oracle.UNSAFE) == plan.is_blocked
    assert _carried_out(plan, states, named["now"]) == dict(expected.model.features)
    if not plan.is_blocked:
        assert _named(expected, oracle.HELD) == {hold.feature for hold in plan.holds}
        assert _named(expected, oracle.REFUSED) == {refusal.feature for refusal in plan.refusals}


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(_worlds())
@settings(max_examples=5_000, deadline=None)
def test_the_product_decides_as_the_model_says_in_many_worlds(
    world: tuple[Desired, dict[str, State], dict[str, Any]],
) -> None:
    test_the_product_decides_as_the_model_says.hypothesis.inner_test(world)  # type: ignore[attr-defined]


def _in_a_word(evidence: Evidence) -> str:
    return "unreadable" if evidence.unreadable else evidence.verdict.value


def _planned(desired: Desired, states: dict[str, State], named: dict[str, Any]) -> Plan:
    circumstances = Circumstances(
        revision=REVISION,
        raises_held=None if named["may_raise"] else NOT_THE_TIP,
        remembered={name: remembered(attempt) for name, attempt in named["trailers"].items()},
        adopt=named["adopt"],
    )
    plan = diff(desired, Observed(now=named["now"], states=states, evidence=named["verdicts"]), circumstances)
    live = sum(1 for state in states.values() if not state.standing.retired)
    exposed = sum(1 for state in states.values() if not state.standing.retired and state.standing.tier)
    return guard(plan, desired, live=live, exposed=exposed, allowed="meant" if named["override"] else None)


def _carried_out(plan: Plan, states: dict[str, State], now: Any) -> dict[str, Feature]:
    after = dict(states)
    for change in permitted(plan):
        after[change.feature] = succeed(change, at=now, revision=REVISION, transition=UUID(int=1))
    return {name: row_of(state) for name, state in after.items()}


def _named(expected: Expected, answer: str) -> set[str]:
    return {name for name, given_answer in expected.answers.items() if given_answer == answer}
