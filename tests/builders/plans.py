"""Plans of every kind for the renderers: fixed moments, only what matters is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from reconciler.domain.analysis import Verdict
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import (
    Change,
    Create,
    Demote,
    Hold,
    Plan,
    Promote,
    Refusal,
    Restart,
    Retire,
    Rollback,
    Update,
    WaitsFor,
)
from reconciler.domain.problem import Problem
from reconciler.domain.state import RollbackRecord, Standing, State
from reconciler.render.view import PlanView

NOW = datetime(2026, 1, 9, 7, 48, tzinfo=UTC)
ZONE = timezone(timedelta(hours=1), "CET")
TIP = "3f2a91c1d2e4b5a6978877665544332211ffeedd"
IN_FORCE = "9b8c7d6e5f4a3b2c1d0e0f1a2b3c4d5e6f708192"


def a_standing(tier: int = 1, **facts: Any) -> Standing:
    """Return a standing; `facts` are its other fields."""
    gates = facts.pop("gates", Gates())
    return Standing(tier=Tier(tier), **{"owner": "team-web", "gates": gates, "settled": gates, **facts})


def a_state(feature: str, tier: int = 1, *, since: timedelta = timedelta(hours=50), **facts: Any) -> State:
    """Return a state that has been at its tier for some time."""
    rolled_back = facts.get("rolled_back", False)
    return State(
        feature=feature,
        version=3,
        standing=a_standing(tier, **facts),
        epoch=2,
        epoch_started_at=NOW - since,
        changed_at=NOW - since,
        settled_revision=IN_FORCE,
        rollback=RollbackRecord(id=UUID(int=7), at=NOW - since, reason="6 % errors") if rolled_back else None,
    )


def a_creation(feature: str = "beta-export", tier: int = 0, **facts: Any) -> Create:
    """Return the first row of a feature."""
    named = {name: facts.pop(name) for name in ("adopted", "is_settled", "reason") if name in facts}
    return Create(
        feature=feature, before=None, after=a_standing(tier, **facts), **{"reason": "a new rollout", **named}
    )


def an_update(feature: str = "new-search", before: dict[str, Any] | None = None, **after: Any) -> Update:
    """Return new content at tier 2."""
    return Update(
        feature=feature,
        before=a_state(feature, 2, **(before or {})),
        after=a_standing(2, **after),
        reason="gates settled",
    )


def a_promotion(feature: str = "dark-mode", tier: int = 2, **facts: Any) -> Promote:
    """Return one rung up."""
    return Promote(
        feature=feature,
        before=a_state(feature, tier - 1, **facts),
        after=a_standing(tier, **facts),
        reason=f"tier {tier - 1} -> {tier} after 50h at tier {tier - 1}",
        dwell=timedelta(hours=48),
        verdict=Verdict.HEALTHY,
    )


def a_demotion(feature: str = "legacy-sync", before: int = 3, after: int = 1) -> Demote:
    """Return some rungs down."""
    return Demote(
        feature=feature,
        before=a_state(feature, before),
        after=a_standing(after),
        reason=f"tier {before} -> {after}",
    )


def a_rollback(feature: str = "quick-pay") -> Rollback:
    """Return a rollback that git remembers."""
    return Rollback(
        feature=feature,
        before=a_state(feature, 3),
        after=a_standing(0, rolled_back=True),
        reason="git tells of the rollback of attempt 1, which the database did not know",
        is_settled=False,
        commit=TIP,
    )


def a_restart(feature: str = "retry-queue") -> Restart:
    """Return the next attempt."""
    return Restart(
        feature=feature,
        before=a_state(feature, 0, rolled_back=True),
        after=a_standing(1, attempt=2),
        reason="attempt 2 begins after the rollback of attempt 1",
    )


def a_retirement(feature: str = "old-banner") -> Retire:
    """Return the end of a finished rollout."""
    return Retire(
        feature=feature, before=a_state(feature, 4), after=a_standing(4, retired=True), reason="its file is gone"
    )


def a_hold(feature: str = "new-search", waits_for: WaitsFor = WaitsFor.DWELL, **facts: Any) -> Hold:
    """Return a promotion to tier 2 that waits."""
    return Hold(
        **{
            "feature": feature,
            "owner": "team-search",
            "before": a_state(feature, 1),
            "tier": Tier.EARLY_ADOPTERS,
            "waits_for": waits_for,
            "reason": "at tier 1 for 42h 48m of 48h",
            "remedy": "nothing to do: the first apply after that raises it",
            **facts,
        }
    )


def a_refusal(feature: str = "quick-pay", **facts: Any) -> Refusal:
    """Return a skipped tier."""
    return Refusal(
        **{
            "feature": feature,
            "owner": "team-payments",
            "before": a_state(feature, 1),
            "tier": Tier.GENERAL,
            "rule": "no-skip",
            "reason": "tier 1 -> 3 skips tier 2",
            "remedy": "set `tier: 2` now, and `tier: 3` when its dwell is served",
            "where": f"rollouts.d/payments/{feature}.yaml:4:7",
            **facts,
        }
    )


def a_problem(path: str = "rollouts.d/web/broken.yaml", line: int = 3, **facts: Any) -> Problem:
    """Return a fault of a file."""
    return Problem(
        **{
            "path": path,
            "line": line,
            "column": 7,
            "rule": "type",
            "message": 'tier is "two", a whole number is needed',
            "remedy": "write 0 to 4",
            "features": frozenset({"broken"}),
            **facts,
        }
    )


def a_view(*changes: Change, **facts: Any) -> PlanView:
    """Return the view of a plan at the tip; `facts` are fields of the plan or of the view."""
    around = {name: facts.pop(name) for name in ("root", "in_force", "permission") if name in facts}
    plan = Plan(revision=facts.pop("revision", TIP), observed_at=NOW, changes=changes, **facts)
    return PlanView(plan=plan, **{"root": "rollouts.d", "in_force": IN_FORCE, **around})


STRICT = Gates(dwell=Dwell(tier_1=timedelta(hours=72)), thresholds=Thresholds(min_exposed=100, confidence=0.99))
