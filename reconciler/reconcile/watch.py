"""Judges everything that anybody has, and rolls back what is over its threshold; it needs the database alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from reconciler import failpoints
from reconciler.domain.breach import Breach
from reconciler.domain.watched import Watched
from reconciler.errors import UNANSWERED, ConflictError, ReconcilerError
from reconciler.reconcile.facts import Fact, Tell, Value
from reconciler.reconcile.override import Grounds, RolledBack, made_way, roll_back
from reconciler.reconcile.ports import WatchedStore

ACTOR = "analysis"

_PATIENCE = 5.0  # seconds, for all that others keep locked together


@dataclass(slots=True, kw_only=True)
class Watch:
    """Looks at the windows of rollouts; `tell` hears of each rollback, and of what keeps it from looking.

    `failures` are the features that the last look could not judge or roll back, "" for all of them.
    """

    store: WatchedStore
    new_id: Callable[[], UUID]
    tell: Tell
    failures: list[str] = field(default_factory=list)

    def look(self, features: Sequence[str] | None = None) -> Sequence[RolledBack]:
        """Judge the named rollouts, every one for None, and return what was rolled back.

        A failing question about events is not zero errors and no breach either: it is told, and nothing is done.
        Features don't share a fate: one that can't be counted or is locked keeps no other from being rolled back.
        """
        self.failures = []
        watched = list(self._watched(features))
        failpoints.reach("watch.judged")
        struck = [(rollout, breach) for rollout in watched if (breach := rollout.breach) is not None]
        done: list[RolledBack] = []
        locked = [each for each in struck if not self._strike(*each, done, patience=0.0, is_last=False)]
        for number, each in enumerate(locked):
            self._strike(*each, done, patience=_PATIENCE / (len(locked) - number), is_last=True)
        return done

    def _watched(self, features: Sequence[str] | None) -> Iterator[Watched]:
        try:
            yield from self._counted(features)
        except UNANSWERED as error:
            names = features if features is not None else self._names(error)
            if names is None or len(names) == 1:
                self._blind(names[0] if names else "", error)
                return
            for name in names:
                yield from self._watched([name])

    def _counted(self, features: Sequence[str] | None) -> Sequence[Watched]:
        try:
            return self.store.watched(features)
        except ConflictError:
            if not made_way(self.store):
                raise
        return self.store.watched(features)

    def _names(self, error: ReconcilerError) -> Sequence[str] | None:
        """Return every feature there is, to be asked for one by one; None when that can't be told either."""
        if isinstance(error, ConflictError):
            return None  # a lock, which all of them would wait for
        try:
            return sorted(self.store.exposed())
        except UNANSWERED:
            return None

    def _blind(self, feature: str, error: ReconcilerError) -> None:
        self.failures.append(feature)
        fields: dict[str, Value] = {"feature": feature or None, "error": str(error)}
        self.tell(Fact(name="events-unreadable", is_alarm=True, fields=fields))

    def _strike(
        self, rollout: Watched, breach: Breach, done: list[RolledBack], *, patience: float, is_last: bool
    ) -> bool:
        grounds = Grounds(reason=str(breach), actor=ACTOR, breach=breach, attempt=rollout.attempt)
        try:
            rolled = roll_back(self.store, rollout.feature, grounds, self.new_id, patience=patience)
        except ReconcilerError as error:
            if is_last or not isinstance(error, ConflictError):
                # The next look tries this one again.
                self.failures.append(rollout.feature)
                fields = {"feature": rollout.feature, "reason": str(breach), "error": str(error)}
                self.tell(Fact(name="rollback-failed", is_alarm=True, fields=fields))
            return not isinstance(error, ConflictError)
        if rolled.is_new:
            done.append(rolled)
            self.tell(rollback_fact(rolled, grounds))
        return True


def rollback_fact(done: RolledBack, grounds: Grounds) -> Fact:
    """Return what is said of a rollback that was carried out."""
    standing = done.before.standing
    fields: dict[str, Value] = {
        "feature": done.feature,
        "attempt": standing.attempt,
        "from_tier": int(standing.tier),
        "reason": grounds.reason,
        "actor": grounds.actor,
        "id": str(done.id),
    }
    return Fact(name="rolled-back", is_alarm=True, fields=fields)
