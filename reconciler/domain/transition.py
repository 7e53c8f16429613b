"""What a feature's next row says: a definition in force, held back, or remembered as rolled back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from reconciler.domain.definition import Definition
from reconciler.domain.gates import stricter
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Change, Create, Restart, Rollback
from reconciler.domain.state import RollbackRecord, Standing, State


def settled(definition: Definition) -> Standing:
    """Return the standing with the whole definition in force."""
    return Standing(
        tier=definition.tier,
        attempt=definition.attempt,
        rolled_back=definition.is_rolled_back,
        target=definition.target,
        paused=definition.paused,
        description=definition.description,
        owner=definition.owner,
        whitelist=definition.whitelist,
        blacklist=definition.blacklist,
        gates=definition.gates,
        settled=definition.gates,
    )


def held_back(definition: Definition, observed: Standing) -> Standing:
    """Return the standing while the definition's raise is held: all of it but the tier and looser gates."""
    return replace(
        settled(definition),
        tier=observed.tier,
        attempt=observed.attempt,
        rolled_back=observed.rolled_back,
        target=max(definition.target, observed.tier),
        gates=stricter(observed.settled, definition.gates),
        settled=observed.settled,
    )


def rolled_back(observed: Standing, attempt: int) -> Standing:
    """Return the standing of a rollback: off for everybody, at the attempt that was rolled back."""
    return replace(observed, tier=Tier.DISABLED, attempt=attempt, rolled_back=True)


def succeed(change: Change, *, at: datetime, revision: str, transition: UUID) -> State:
    """Return the state after a change that `revision` caused, as the database derives it."""
    before, after = change.before, change.after
    at = at if before is None else max(at, before.changed_at)  # as in the chain: time never falls
    stays = before is not None and (before.standing.tier, before.standing.attempt) == (after.tier, after.attempt)
    return State(
        feature=change.feature,
        version=1 if before is None else before.version + 1,
        standing=after,
        epoch=_epoch(before, stays=stays),
        epoch_started_at=before.epoch_started_at if before is not None and stays else at,
        changed_at=at,
        settled_revision=_settled_revision(change, stays=stays, revision=revision),
        raised_by=(before.raised_by if before is not None else frozenset()) | _raised_by(change, revision),
        rollback=_rollback(change, at=at, revision=revision, transition=transition),
    )


def is_raise(change: Change) -> bool:
    """Tell whether a change exposes more customers by tier; a new attempt counts, as it lifts a rollback."""
    if isinstance(change, Restart):
        return True
    if isinstance(change, Create):
        return change.after.tier > Tier.DISABLED
    return change.before is not None and change.after.tier > change.before.standing.tier


def _epoch(before: State | None, *, stays: bool) -> int:
    if before is None:
        return 1
    return before.epoch if stays else before.epoch + 1


def _settled_revision(change: Change, *, stays: bool, revision: str) -> str | None:
    if change.is_settled:
        return revision
    return change.before.settled_revision if change.before is not None and stays else None


def _raised_by(change: Change, revision: str) -> frozenset[str]:
    return frozenset({revision}) if is_raise(change) else frozenset()


def _rollback(change: Change, *, at: datetime, revision: str, transition: UUID) -> RollbackRecord | None:
    before, after = change.before, change.after
    if not after.rolled_back:
        return None
    if before is not None and before.rollback is not None and before.standing.attempt == after.attempt:
        return before.rollback
    commit = change.commit if isinstance(change, Create | Rollback) else None
    return RollbackRecord(id=transition, at=at, reason=change.reason, in_git=commit or revision)
