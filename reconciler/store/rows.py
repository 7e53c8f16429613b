"""How values travel: states and transitions to and from the columns of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from reconciler.domain.analysis import Cohort
from reconciler.domain.answer import Passage
from reconciler.domain.breach import Breach
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.history import Transition
from reconciler.domain.ladder import Tier
from reconciler.domain.ledger import Cause
from reconciler.domain.plan import Change, Create, Promote, Rollback
from reconciler.domain.state import RollbackRecord, Standing, State
from reconciler.domain.transition import is_raise

Row = Mapping[str, Any]  # a row's columns are as varied as SQL's types; each reader names what it expects


def transition_parameters(change: Change, transition_id: UUID, *, cause: Cause) -> dict[str, object]:
    """Return what the writer of a transition says; the chain fills in the rest."""
    after = change.after
    promotion = change if isinstance(change, Promote) else None
    return {
        "id": transition_id,
        "feature": change.feature,
        "version": 1 if change.before is None else change.before.version + 1,
        "kind": "adopt" if isinstance(change, Create) and change.adopted else change.kind,
        "tier": int(after.tier),
        "target": int(after.target),
        "attempt": after.attempt,
        "rolled_back": after.rolled_back,
        "retired": after.retired,
        "paused": after.paused,
        "description": after.description,
        "owner": after.owner,
        "whitelist": sorted(after.whitelist),
        "blacklist": sorted(after.blacklist),
        "gates": gates_to_json(after.gates),
        "settled_gates": gates_to_json(after.settled),
        "is_settled": change.is_settled,
        "gate_dwell_seconds": None if promotion is None else _seconds(promotion.dwell),
        "verdict": None if promotion is None else promotion.verdict.value,
        "revision": cause.revision,
        "rollback_commit": change.commit if isinstance(change, Create | Rollback) else None,
        "reason": change.reason,
        "actor": cause.actor,
        "raises_end": cause.raises_end if _may_freeze(change) else None,
        "place": cause.place if is_raise(change) else None,
        "evidence": breach_to_json(change.breach) if isinstance(change, Rollback) else None,
    }


def state_of(row: Row) -> State:
    """Return the state that a row of `read_states` holds."""
    return State(
        feature=row["feature_name"],
        version=row["version"],
        standing=standing_of(row),
        epoch=row["epoch"],
        epoch_started_at=_utc(row["epoch_started_at"]),
        changed_at=_utc(row["updated_at"]),
        settled_revision=row["settled_revision"] or None,
        raised_by=frozenset(row["raised_by"]),
        rollback=_rollback_of(row),
    )


def transition_of(row: Row) -> Transition:
    """Return the transition that a row of `read_history` holds."""
    return Transition(
        version=row["version"],
        kind=row["kind"],
        tier=Tier(row["tier"]),
        attempt=row["attempt"],
        epoch=row["epoch"],
        rolled_back=row["rolled_back"],
        retired=row["retired"],
        at=_utc(row["at"]),
        revision=row["revision"],
        rollback_commit=row["rollback_commit"],
        reason=row["reason"],
        actor=row["actor"],
        unsafe_reason=row["unsafe_reason"],
    )


def passage_of(row: Row) -> Passage:
    """Return what a row of `read_passages` holds."""
    return Passage(transition=transition_of(row), standing=standing_of(row))


@lru_cache(maxsize=1_024)  # most rollouts of a root share their gates
def gates_to_json(gates: Gates) -> str:
    """Write gates as the schema's JSON: seconds, fractions and counts."""
    dwell, thresholds = gates.dwell, gates.thresholds
    return json.dumps(
        {
            "dwell": {
                "1": _seconds(dwell.tier_1),
                "2": _seconds(dwell.tier_2),
                "3": _seconds(dwell.tier_3),
            },
            "thresholds": {
                "error_rate": thresholds.error_rate,
                "success_rate": thresholds.success_rate,
                "window": _seconds(thresholds.window),
                "min_exposed": thresholds.min_exposed,
                "confidence": thresholds.confidence,
            },
        }
    )


def gates_from_json(value: Mapping[str, Any]) -> Gates:
    """Read gates from the schema's JSON."""
    dwell, thresholds = value["dwell"], value["thresholds"]
    return Gates(
        dwell=Dwell(
            tier_1=timedelta(seconds=dwell["1"]),
            tier_2=timedelta(seconds=dwell["2"]),
            tier_3=timedelta(seconds=dwell["3"]),
        ),
        thresholds=Thresholds(
            error_rate=thresholds["error_rate"],
            success_rate=thresholds["success_rate"],
            window=timedelta(seconds=thresholds["window"]),
            min_exposed=thresholds["min_exposed"],
            confidence=thresholds["confidence"],
        ),
    )


def breach_to_json(breach: Breach | None) -> str | None:
    """Write the evidence of a rollback; None for a person's."""
    if breach is None:
        return None
    thresholds = breach.thresholds
    return json.dumps(
        {
            "exposed": breach.cohort.customers,
            "failing": breach.cohort.failing,
            "error_rate": thresholds.error_rate,
            "window": int(thresholds.window.total_seconds()),
            "confidence": thresholds.confidence,
        }
    )


def breach_from_json(value: Mapping[str, Any] | None) -> Breach | None:
    """Read the evidence of a rollback."""
    if value is None:
        return None
    return Breach(
        cohort=Cohort(customers=value["exposed"], failing=value["failing"]),
        thresholds=Thresholds(
            error_rate=value["error_rate"],
            window=timedelta(seconds=value["window"]),
            confidence=value["confidence"],
        ),
    )


def _may_freeze(change: Change) -> bool:
    # Whoever is taken over is exposed already.
    return is_raise(change) and not (isinstance(change, Create) and change.adopted)


def standing_of(row: Row) -> Standing:
    """Return what a row says besides its place in the chain."""
    return Standing(
        tier=Tier(row["tier"]),
        attempt=row["attempt"],
        rolled_back=row["rolled_back"],
        retired=row["retired"],
        target=Tier(row["target"]),
        paused=row["paused"],
        description=row["description"],
        owner=row["owner"],
        whitelist=frozenset(row["whitelisted_customers"]),
        blacklist=frozenset(row["blacklisted_customers"]),
        gates=gates_from_json(row["gates"]),
        settled=gates_from_json(row["settled_gates"]),
    )


def _rollback_of(row: Row) -> RollbackRecord | None:
    if row["rollback_id"] is None:
        return None
    return RollbackRecord(
        id=row["rollback_id"],
        at=_utc(row["rollback_at"]),
        reason=row["rollback_reason"],
        in_git=row["rollback_in_git"],
    )


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
