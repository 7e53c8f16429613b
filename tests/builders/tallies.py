"""Events for tests, stored as applications store them, and the counts that a plain loop over them gives.

counted.report(an_event("ada"), an_event("bob", EventKind.ERROR))
assert counted.tallies()["checkout"].window == a_tally(customers=2, exposed=(2, 1))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from reconciler.domain.analysis import Cohort, Tallies, Tally
from reconciler.domain.events import Batch, Event, EventKind, ReceivedEvent
from reconciler.store.connection import Connection, connect
from reconciler.store.events import store_batch
from reconciler.store.statistics import read_tallies
from tests.builders.chain import insertion
from tests.builders.database import Database
from tests.builders.domain import NOW
from tests.builders.scene import Scene, a_scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A scene whose features are reported about, and a session each for who reports and who counts."""

    scene: Scene
    application: Connection
    reconciler: Connection

    def report(self, *events: Event) -> int:
        """Store events as an application does, received now, and return how many were new."""
        return store_batch(self.application, Batch(id=uuid4(), events=events))

    def receive(self, *received: ReceivedEvent) -> None:
        """Store events as if they had been received when they say; their day has to be there."""
        row = _row_of(received[0])
        with self.scene.admin.cursor() as cursor:
            cursor.executemany(insertion("rollout_events", row), [_row_of(one) for one in received])

    def tallies(self, features: Sequence[str] | None = None) -> Mapping[str, Tallies]:
        """Return the counts, as the product reads them."""
        return read_tallies(self.reconciler, features)


@contextmanager
def a_counted_scene(database: Database) -> Iterator[Counted]:
    """Open a scene with a session for an application and one for the reconciler."""
    with (
        a_scene(database) as scene,
        connect(database.dsn_for("rollouts_application")) as application,
        connect(database.dsn_for("rollouts_reconciler")) as reconciler,
    ):
        yield Counted(scene=scene, application=application, reconciler=reconciler)


def an_event(
    customer: str = "ada",
    kind: EventKind = EventKind.ENABLED,
    *,
    feature: str = "checkout",
    attempt: int = 1,
    epoch: int = 1,
    is_enabled: bool | None = None,
) -> Event:
    """Return an event of a customer who has the feature, but for one that is disabled or a rollback."""
    has_it = kind in {EventKind.ENABLED, EventKind.ERROR} if is_enabled is None else is_enabled
    return Event(
        id=uuid4(),
        feature=feature,
        customer=customer,
        kind=kind,
        attempt=attempt,
        epoch=epoch,
        is_enabled=has_it,
        sent_at=NOW,
    )


def a_tally(*, customers: int, exposed: tuple[int, int] = (0, 0), unexposed: tuple[int, int] = (0, 0)) -> Tally:
    """Return a tally; each cohort is its customers and those of them with an error."""
    return Tally(
        customers=customers,
        exposed=Cohort(customers=exposed[0], failing=exposed[1]),
        unexposed=Cohort(customers=unexposed[0], failing=unexposed[1]),
    )


def counted_by_hand(events: Iterable[Event]) -> Tally:
    """Count distinct customers of some events in plain Python."""
    seen = [event for event in events if event.kind is not EventKind.ROLLBACK]
    return a_tally(
        customers=len({event.customer for event in seen}),
        exposed=_cohort(event for event in seen if event.is_enabled),
        unexposed=_cohort(event for event in seen if not event.is_enabled),
    )


def received(event: Event, at: datetime) -> ReceivedEvent:
    """Return the event as the database would have received it."""
    return ReceivedEvent(received_at=at, event=event)


def _cohort(events: Iterable[Event]) -> tuple[int, int]:
    cohort = list(events)
    failing = {event.customer for event in cohort if event.kind is EventKind.ERROR}
    return len({event.customer for event in cohort}), len(failing)


def _row_of(one: ReceivedEvent) -> dict[str, object]:
    event = one.event
    return {
        "feature_name": event.feature,
        "received_at": one.received_at,
        "customer_id": event.customer,
        "id": event.id,
        "event": event.kind.value,
        "attempt": event.attempt,
        "epoch": event.epoch,
        "is_enabled": event.is_enabled,
        "timestamp": event.sent_at,
    }
