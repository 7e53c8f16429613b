"""Counts whom each change of a plan moves: the same evaluation as in applications, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice

from reconciler.domain.impact import Impact
from reconciler.domain.plan import Plan
from reconciler.domain.state import Standing
from reconciler.errors import UNANSWERED
from reconciler.evaluation.evaluator import has
from reconciler.evaluation.snapshot import Rollout
from reconciler.reconcile.ports import Store

MOST_CUSTOMERS = 100_000
"""No more customers of a feature are counted; they are a sample then."""

_MOST_TOGETHER = 500_000  # some seconds: a demotion waits for it
_MOST_FEATURES = 200  # each is a query


def impacts(store: Store, plan: Plan) -> Mapping[str, Impact]:
    """Return, by feature, whom the changes of a plan move; features that nobody was seen with are left out.

    It is told to people and decides nothing: what can't be read is left out as well.
    """
    found: dict[str, Impact] = {}
    counted = 0
    with suppress(*UNANSWERED):
        for feature, before, after in islice(_moved(plan), _MOST_FEATURES):
            impact = impact_of(store, feature, before, after)
            if impact.seen:
                found[feature] = impact
            counted += impact.seen
            if counted > _MOST_TOGETHER:
                break
    return found


def impact_of(store: Store, feature: str, before: Standing, after: Standing) -> Impact:
    """Return whom it moves when a feature that stands like this stands like that."""
    seen = store.seen_customers(feature, MOST_CUSTOMERS + 1)
    is_sample = len(seen) > MOST_CUSTOMERS
    counted = sorted(seen)[:MOST_CUSTOMERS] if is_sample else seen
    had = frozenset(_enabled(rollout_of(feature, before), counted))
    gets = frozenset(_enabled(rollout_of(feature, after), counted))
    return Impact(
        seen=len(counted),
        enabled=len(had),
        gained=len(gets - had),
        lost=len(had - gets),
        is_sample=is_sample,
    )


def rollout_of(feature: str, standing: Standing) -> Rollout:
    """Return a standing as evaluation takes it."""
    return Rollout(
        feature=feature,
        tier=int(standing.tier),
        exposure=standing.tier.exposure,
        attempt=standing.attempt,
        is_rolled_back=standing.rolled_back,
        whitelist=standing.whitelist,
        blacklist=standing.blacklist,
    )


def _enabled(rollout: Rollout, customers: Iterable[str]) -> Iterable[str]:
    return (customer for customer in customers if has(rollout, customer))


def _moved(plan: Plan) -> Iterator[tuple[str, Standing, Standing]]:
    for change in plan.changes:
        # Nobody was seen with what was never evaluated.
        if change.before is not None and _exposure(change.before.standing) != _exposure(change.after):
            yield change.feature, change.before.standing, change.after


def _exposure(standing: Standing) -> tuple[object, ...]:
    return standing.tier, standing.rolled_back, standing.whitelist, standing.blacklist
