"""The real store with something that happens in the middle of an apply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from reconciler.domain.analysis import Tallies
from reconciler.domain.history import Transition
from reconciler.domain.ledger import Cause, Index, RevisionRecord, Scope
from reconciler.domain.plan import Change
from reconciler.domain.state import State
from reconciler.reconcile.ports import Store


@dataclass
class Watched:
    """The real store, with something that happens once before a transition, and before a commit is taken."""

    real: Store
    before_transition: Callable[[], object] | None = None
    before_revision: Callable[[], object] | None = None
    before_each: Callable[[Change], object] = lambda _change: None
    before_remembering: Callable[[], object] = lambda: None
    before_tallies: Callable[[], object] = lambda: None

    def scope(self) -> Scope:
        return self.real.scope()

    def index(self) -> Index:
        return self.real.index()

    def states(self, features: Sequence[str] | None) -> Mapping[str, State]:
        return self.real.states(features)

    def history(self, feature: str) -> tuple[Transition, ...]:
        return self.real.history(feature)

    def tallies(self, features: Sequence[str] | None) -> Mapping[str, Tallies]:
        self.before_tallies()
        return self.real.tallies(features)

    def seen_customers(self, feature: str, limit: int) -> frozenset[str]:
        return self.real.seen_customers(feature, limit)

    def remember_sources(self, keys: Mapping[str, tuple[int, str]]) -> None:
        self.before_remembering()
        self.real.remember_sources(keys)

    def take_revision(self, record: RevisionRecord) -> None:
        happens, self.before_revision = self.before_revision, None
        if happens is not None:
            happens()
        self.real.take_revision(record)

    def transition(self, change: Change, *, transition_id: UUID, cause: Cause) -> None:
        happens, self.before_transition = self.before_transition, None
        if happens is not None:
            happens()
        self.before_each(change)
        self.real.transition(change, transition_id=transition_id, cause=cause)
