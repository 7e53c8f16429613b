"""Rollback: off for everybody at once, decided by errors or by a person, with or without git."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from reconciler import failpoints
from reconciler.domain.breach import Breach
from reconciler.domain.ledger import Cause
from reconciler.domain.plan import Rollback
from reconciler.domain.state import State
from reconciler.domain.transition import rolled_back
from reconciler.errors import UNANSWERED, ConflictError, UsageError
from reconciler.reconcile.ports import WatchedStore

PATIENCE = 120.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Why and by whom something is rolled back; `breach` None means by a person.

    With `attempt`, only while that attempt is under way: errors of an earlier one say nothing of the next.
    """

    reason: str
    actor: str
    breach: Breach | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """A rollback that was carried out, or the standing in which there was nothing to do."""

    feature: str
    before: State
    id: UUID | None

    @property
    def is_new(self) -> bool:
        """Whether this call rolled it back."""
        return self.id is not None


def roll_back(
    store: WatchedStore, feature: str, grounds: Grounds, new_id: Callable[[], UUID], *, patience: float = PATIENCE
) -> RolledBack:
    """Roll a feature back whatever others do meanwhile; twice is as good as once.

    UsageError for a feature that the database doesn't know, ConflictError when it stays locked for so many seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return _rolled_back(store, feature, grounds, new_id())
        except ConflictError as error:
            if not made_way(store) and time.monotonic() >= deadline:
                raise ConflictError(
                    f"{feature} could not be rolled back, {error}; end the sessions that hold its row "
                    "(pg_stat_activity shows them), then try again"
                ) from error


def made_way(store: WatchedStore) -> bool:
    """End whoever holds something that is needed and does nothing with it; tell whether there was anybody."""
    with suppress(*UNANSWERED):
        return store.make_way() > 0
    return False


def _rolled_back(store: WatchedStore, feature: str, grounds: Grounds, identity: UUID) -> RolledBack:
    state = store.states([feature]).get(feature)
    if state is None:
        raise UsageError(f"feature {feature} is not in this database")
    if state.standing.rolled_back or grounds.attempt not in (None, state.standing.attempt):
        return RolledBack(feature=feature, before=state, id=None)
    failpoints.reach("rollback.decided")
    cause = Cause(revision=None, actor=grounds.actor)
    store.transition(_change(state, grounds), transition_id=identity, cause=cause)
    failpoints.reach("rollback.committed")
    return RolledBack(feature=feature, before=state, id=identity)


def _change(state: State, grounds: Grounds) -> Rollback:
    return Rollback(
        feature=state.feature,
        before=state,
        after=rolled_back(state.standing, state.standing.attempt),
        reason=grounds.reason,
        is_settled=False,
        breach=grounds.breach,
    )
