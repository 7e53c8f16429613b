"""Random values of the domain, well-formed as the loader and the database leave them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from reconciler.domain.analysis import Cohort, Evidence, judge
from reconciler.domain.definition import Definition
from reconciler.domain.gates import Dwell, Gates, Thresholds, stricter
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import RaisesHeld, RememberedRollback
from reconciler.domain.policy import Policy
from reconciler.domain.problem import Problem
from reconciler.domain.state import State
from tests.builders.domain import (
    FEATURE,
    FROZEN,
    NOT_THE_TIP,
    NOW,
    UNREADABLE,
    a_definition,
    a_problem,
    a_state,
    remembered,
    rolled_back,
)

_HOURS = st.sampled_from([0, 1, 24, 48, 49, 168]).map(lambda count: timedelta(hours=count))
_CUSTOMERS = st.frozensets(st.sampled_from(["ada", "bob", "cleo"]))
_TIERS = st.sampled_from(list(Tier))
_ATTEMPTS = st.integers(1, 4)

all_gates: st.SearchStrategy[Gates] = st.builds(
    Gates,
    dwell=st.builds(Dwell, tier_1=_HOURS, tier_2=_HOURS, tier_3=_HOURS),
    thresholds=st.builds(
        Thresholds,
        error_rate=st.sampled_from([0.0, 0.01, 0.05, 0.5]),
        success_rate=st.sampled_from([0.5, 0.95, 1.0]),
        window=st.sampled_from([timedelta(minutes=30), timedelta(hours=1)]),
        min_exposed=st.sampled_from([0, 1, 100]),
        confidence=st.sampled_from([None, 0.5, 0.9, 0.999]),
    ),
)

_COHORTS = st.sampled_from([(0, 0), (3, 0), (100, 1), (100, 12), (200, 100)]).map(
    lambda counts: Cohort(customers=counts[0], failing=counts[1])
)


@st.composite
def _evidences(draw: st.DrawFn) -> Evidence:
    if draw(st.integers(0, 9)) == 9:
        return UNREADABLE
    return judge(draw(all_gates).thresholds, draw(_COHORTS), draw(_COHORTS))


evidences: st.SearchStrategy[Evidence] = _evidences()


@st.composite
def definitions(draw: st.DrawFn, feature: str = FEATURE) -> Definition:
    """Return a definition that is valid in itself."""
    attempt = draw(_ATTEMPTS)
    is_over = draw(st.booleans())
    target = draw(st.integers(1, 4))
    tier = 0 if is_over else draw(st.integers(0, target))
    white = draw(_CUSTOMERS)
    return a_definition(
        tier,
        feature=feature,
        target=target,
        attempt=attempt,
        rolled_back=attempt if is_over else attempt - 1,
        paused=draw(st.booleans()),
        whitelist=white,
        blacklist=draw(_CUSTOMERS) - white,
        gates=draw(all_gates),
    )


@st.composite
def states(draw: st.DrawFn, feature: str = FEATURE) -> State:
    """Return a state that the chain can hold; its epoch began up to 200 hours before or an hour after NOW."""
    served = timedelta(hours=draw(st.sampled_from([-1, 0, 1, 24, 48, 49, 168, 200])))
    attempt, target = draw(_ATTEMPTS), draw(_TIERS)
    paused, white = draw(st.booleans()), draw(_CUSTOMERS)
    settled = draw(all_gates)
    named: dict[str, Any] = {
        "feature": feature,
        "attempt": attempt,
        "target": max(target, Tier.INTERNAL),
        "paused": paused,
        "whitelist": white,
        "settled": settled,
        "gates": stricter(settled, draw(all_gates)),
        "served": served,
    }
    if draw(st.booleans()):
        return _maybe_retired(draw, rolled_back(in_git=draw(st.booleans()), **named))
    tier = draw(st.integers(0, max(target, Tier.INTERNAL)))
    return _maybe_retired(draw, a_state(tier, **named))


def _maybe_retired(draw: st.DrawFn, state: State) -> State:
    standing = state.standing
    may_retire = standing.rolled_back or standing.tier in {Tier.DISABLED, standing.target}
    retired = may_retire and draw(st.booleans())
    return replace(state, standing=replace(standing, retired=retired))


policies: st.SearchStrategy[Policy] = st.sampled_from([Policy(), FROZEN])
raises: st.SearchStrategy[RaisesHeld | None] = st.sampled_from([None, NOT_THE_TIP])
memories: st.SearchStrategy[RememberedRollback | None] = st.none() | _ATTEMPTS.map(remembered)
problems: st.SearchStrategy[tuple[Problem, ...]] = st.sampled_from(
    [(), (a_problem(),), (a_problem(FEATURE),), (a_problem("search"),)]
)
moments = st.sampled_from([-2, 0, 1, 48]).map(lambda count: NOW + timedelta(hours=count))
