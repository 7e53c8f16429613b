"""Values of the domain for tests: each builder has a plain default for everything that the test doesn't name.

diffed(a_definition(2), a_state(1, served=hours(48)), evidence=HEALTHY) == a_plan(...)
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from reconciler.domain.analysis import NO_EVIDENCE, Cohort, Evidence, Tallies, Tally, Verdict
from reconciler.domain.definition import Definition, Source
from reconciler.domain.desired import Desired
from reconciler.domain.diff import Circumstances, Observed, diff
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Plan, RaisesHeld, RememberedRollback, WaitsFor
from reconciler.domain.policy import Freeze, Policy
from reconciler.domain.problem import Problem
from reconciler.domain.state import RollbackRecord, Standing, State
from reconciler.domain.statistics import Statistics
from tests.oracle import Feature

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday
FEATURE = "checkout"
OWNER = "team-payments"
REVISION = "c" * 40  # the commit that is planned
EARLIER = "b" * 40  # the commit that settled what is there
INSTANT = timedelta(microseconds=1)
SOURCE = Source(path=f"rollouts.d/{FEATURE}.yaml", key="0" * 40, line=2, column=7)
ROLLBACK = RollbackRecord(id=UUID(int=0xAB << 120), at=NOW - timedelta(hours=1), reason="12 of 100 failed")

HEALTHY = Evidence(verdict=Verdict.HEALTHY, epoch=Cohort(customers=100, failing=1))
UNHEALTHY = Evidence(verdict=Verdict.UNHEALTHY, window=Cohort(customers=100, failing=12), is_tripped=True)
AILING = Evidence(verdict=Verdict.UNHEALTHY, epoch=Cohort(customers=200, failing=30))
UNREADABLE = Evidence(verdict=Verdict.INSUFFICIENT, unreadable="canceling statement due to timeout")

NOT_THE_TIP = RaisesHeld(waits_for=WaitsFor.TIP, reason="an older commit", remedy="apply the tip")
FREEZE = Freeze(begins=NOW - timedelta(hours=1), ends=NOW + timedelta(hours=1), reason="sale")
FROZEN = Policy(freezes=(FREEZE,))


def hours(count: float) -> timedelta:
    """Return so many hours."""
    return timedelta(hours=count)


def some_gates(dwell: timedelta | None = None, **thresholds: Any) -> Gates:
    """Return gates with one dwell for every tier; `thresholds` are fields of `Thresholds`."""
    everywhere = Gates().dwell if dwell is None else Dwell(tier_1=dwell, tier_2=dwell, tier_3=dwell)
    return Gates(dwell=everywhere, thresholds=Thresholds(**thresholds))


def some_statistics(
    feature: str = FEATURE,
    tier: int = 1,
    *,
    exposed: tuple[int, int] = (0, 0),
    unexposed: tuple[int, int] = (0, 0),
    **thresholds: Any,
) -> Statistics:
    """Return how a feature fares; a cohort is its customers and those with an error, in window and epoch alike."""
    one, other = (Cohort(customers=customers, failing=failing) for customers, failing in (exposed, unexposed))
    tally = Tally(customers=exposed[0] + unexposed[0], exposed=one, unexposed=other)
    return Statistics(
        feature=feature,
        tier=Tier(tier),
        attempt=1,
        status="in_progress",
        thresholds=Thresholds(**thresholds),
        tallies=Tallies(window=tally, epoch=tally),
    )


def a_definition(tier: int = 1, **named: Any) -> Definition:
    """Return the file of `checkout`; `target` may be a plain number."""
    plain = Definition(feature=FEATURE, tier=Tier(tier), source=SOURCE, owner=OWNER)
    return replace(plain, **_laddered(named))


def a_standing(tier: int = 1, **named: Any) -> Standing:
    """Return what a row says; `gates` are settled too unless `settled` is named."""
    if "gates" in named:
        named.setdefault("settled", named["gates"])
    return replace(Standing(tier=Tier(tier), owner=OWNER), **_laddered(named))


def a_state(
    tier: int = 1,
    *,
    served: timedelta | None = None,
    feature: str = FEATURE,
    version: int = 3,
    rollback: RollbackRecord | None = None,
    **named: Any,
) -> State:
    """Return the last row of a chain, `served` long at its tier (100 days unless named)."""
    began = NOW - (timedelta(days=100) if served is None else served)
    standing = a_standing(tier, **named)
    return State(
        feature=feature,
        version=version,
        standing=standing,
        epoch=2,
        epoch_started_at=began,
        changed_at=began,
        settled_revision=EARLIER,
        rollback=(rollback or ROLLBACK) if standing.rolled_back else None,
    )


def rolled_back(*, in_git: bool = False, **named: Any) -> State:
    """Return a state under a rollback that git knows of, or doesn't yet."""
    record = replace(ROLLBACK, in_git=EARLIER) if in_git else ROLLBACK
    return a_state(0, rolled_back=True, rollback=record, **named)


def a_problem(*features: str) -> Problem:
    """Return a fault of a file that speaks for these features, of none for an unknown one."""
    return Problem(
        path="rollouts.d/broken.yaml",
        line=1,
        column=1,
        rule="syntax",
        message="this is no YAML",
        remedy="mend it",
        features=frozenset(features),
    )


def remembered(attempt: int, revision: str = EARLIER) -> RememberedRollback:
    """Return a rollback that the trailer of a commit tells of."""
    return RememberedRollback(attempt=attempt, revision=revision)


def a_plan(**named: Any) -> Plan:
    """Return a plan at NOW for REVISION, empty but for what is named."""
    return Plan(revision=REVISION, observed_at=NOW, **named)


def diffed(
    definition: Definition | None,
    state: State | None,
    *,
    now: datetime = NOW,
    evidence: Evidence = NO_EVIDENCE,
    policy: Policy | None = None,
    problems: tuple[Problem, ...] = (),
    raises_held: RaisesHeld | None = None,
    memory: RememberedRollback | None = None,
    adopt: bool = False,
) -> Plan:
    """Plan one feature."""
    return diff(
        Desired(
            definitions={} if definition is None else {definition.feature: definition},
            policy=policy or Policy(),
            problems=problems,
        ),
        Observed(now=now, states={} if state is None else {state.feature: state}, evidence={FEATURE: evidence}),
        Circumstances(
            revision=REVISION,
            raises_held=raises_held,
            remembered={} if memory is None else {FEATURE: memory},
            adopt=adopt,
        ),
    )


def row_of(state: State) -> Feature:
    """Return a state of the product in the words of the oracle."""
    standing = state.standing
    return Feature(
        tier=int(standing.tier),
        attempt=standing.attempt,
        rolled_back=standing.rolled_back,
        git_knows=state.rollback is not None and state.rollback.in_git is not None,
        retired=standing.retired,
        paused=standing.paused,
        target=int(standing.target),
        owner=standing.owner,
        whitelist=standing.whitelist,
        blacklist=standing.blacklist,
        gates=standing.gates,
        settled=standing.settled,
        version=state.version,
        epoch=state.epoch,
        epoch_began=state.epoch_started_at,
        at=state.changed_at,
    )


def _laddered(named: dict[str, Any]) -> dict[str, Any]:
    return named | {"target": Tier(named["target"])} if "target" in named else named
