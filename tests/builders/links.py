"""Chains as values: a first row, and rows that follow as the server would have filled them in.

first = a_link(tier=1)
second = after(first, kind="promote", tier=2, verdict="healthy", gate_dwell=0)
assert list(chain_faults([first, second])) == []
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.ladder import Tier
from reconciler.domain.record import Link, Previous
from reconciler.domain.state import Standing
from tests.builders.domain import NOW

OPEN = Gates(
    dwell=Dwell(tier_1=timedelta(), tier_2=timedelta(), tier_3=timedelta()), thresholds=Thresholds(min_exposed=0)
)
_STANDING = frozenset(Standing.__dataclass_fields__)


def commit(number: int) -> str:
    """Return the id of the n-th commit."""
    return f"{number:040x}"


def a_link(**changes: Any) -> Link:
    """Return the first row of `checkout`, by the first commit, at NOW; `changes` are of the row or its standing."""
    row, standing = _apart(changes)
    gates = standing.get("gates", OPEN)
    stands = Standing(**{"tier": Tier.INTERNAL, "gates": gates, "settled": gates, **standing})
    tier, at = stands.tier, row.get("at", NOW)
    said: dict[str, Any] = {
        "id": UUID(int=1),
        "feature": "checkout",
        "version": 1,
        "kind": "create",
        "standing": stands,
        "is_settled": True,
        "gate_dwell": None,
        "verdict": None,
        "revision": commit(1),
        "rollback_commit": None,
        "reason": "a new rollout",
        "actor": "ada",
        "recorded_by": "deploy",
    }
    filled: dict[str, Any] = {
        "at": at,
        "clocked_at": at,
        "epoch": 1,
        "epoch_started_at": at,
        "settled_revision": commit(1),
        "rollout_id": UUID(int=1),
        "rollback_id": UUID(int=1) if stands.rolled_back else None,
        "started_at": at if tier else None,
        "previous": None,
        "completed_at": _completed(stands, at),
    }
    return _generated(Link(**{**said, **filled, **_GENERATED, **row}))


def after(before: Link, **changes: Any) -> Link:
    """Return the row that follows, an hour and a commit later: an update but for `changes`."""
    row, standing = _apart(changes)
    stands = replace(before.standing, **standing)
    at = row.get("at", before.at + timedelta(hours=1))
    number = before.version + 1
    stays = (stands.tier, stands.attempt) == (before.standing.tier, before.standing.attempt)
    goes_on = before.standing.rolled_back and before.standing.attempt == stands.attempt
    climbs_on = before.started_at is not None and before.standing.attempt == stands.attempt
    was_complete = before.standing.tier == before.standing.target == stands.target
    completed = _completed(stands, at)
    said: dict[str, Any] = {
        "id": UUID(int=number),
        "version": number,
        "kind": "update",
        "standing": stands,
        "verdict": None,
        "revision": commit(number),
        "gate_dwell": None,
        "at": at,
        "clocked_at": at,
        "is_settled": True,
    }
    revision = row.get("revision", commit(number))
    settled = revision or "" if row.get("is_settled", True) else before.settled_revision if stays else ""
    filled: dict[str, Any] = {
        "epoch": before.epoch if stays else before.epoch + 1,
        "epoch_started_at": before.epoch_started_at if stays else at,
        "settled_revision": settled,
        "rollback_id": None if not stands.rolled_back else before.rollback_id if goes_on else UUID(int=number),
        "started_at": before.started_at if climbs_on else at if stands.tier else None,
        "completed_at": before.completed_at if was_complete and completed is not None else completed,
        "previous": _previous(before),
    }
    return _generated(replace(before, **{**said, **filled, **row}))


_GENERATED: dict[str, Any] = {"percentage": 0, "is_raise": False, "settled_dwell": 0, "settled_exposed": 0}


def _apart(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    standing = {name: value for name, value in changes.items() if name in _STANDING}
    laddered = {name: Tier(value) if name in {"tier", "target"} else value for name, value in standing.items()}
    return {name: value for name, value in changes.items() if name not in standing}, laddered


def _completed(standing: Standing, at: Any) -> Any:
    return at if standing.tier == standing.target and not standing.rolled_back else None


def _generated(link: Link) -> Link:
    standing, settled = link.standing, link.standing.settled
    begins = link.kind in {"create", "adopt"} and standing.tier > 0
    return replace(
        link,
        percentage=standing.tier.exposure,
        is_raise=begins or link.kind in {"promote", "restart"},
        settled_dwell=int(settled.dwell.at(standing.tier).total_seconds()),
        settled_exposed=settled.thresholds.min_exposed,
    )


def _previous(link: Link) -> Previous:
    standing = link.standing
    return Previous(
        version=link.version,
        tier=int(standing.tier),
        target=int(standing.target),
        attempt=standing.attempt,
        rolled_back=standing.rolled_back,
        retired=standing.retired,
        at=link.at,
        epoch=link.epoch,
        epoch_started_at=link.epoch_started_at,
        settled_revision=link.settled_revision,
        settled_dwell=link.settled_dwell,
        settled_exposed=link.settled_exposed,
    )
