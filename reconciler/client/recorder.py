"""Reports events without ever waiting: a bounded queue, and a thread that stores it in batches.

A batch keeps its id and its events through every retry, so that an unknown outcome is settled by sending it again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias
from uuid import UUID, uuid4

from reconciler import failpoints
from reconciler.domain.events import Batch, Event, EventKind
from reconciler.errors import ReconcilerError, RuleViolatedError
from reconciler.evaluation.evaluator import has
from reconciler.evaluation.snapshot import Rollout

BATCH = 1_000  # events
_MOST_BATCHES = 50
PAUSE = 0.5  # seconds between two looks at the queue
LONGEST_BACKOFF = 30.0  # seconds
GIVEN_UP_AFTER = 24 * 3_600.0  # seconds: before the claim of its id is forgotten
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

logger = logging.getLogger("reconciler.client")


Report: TypeAlias = tuple[Rollout, str, EventKind, int, bool | None, str | None, UUID | None]
"""One event as it waits: rollout, customer, kind, nanoseconds since 1970, whether the feature was on (None: to be
evaluated by the rollout), metadata, and an id that the sender chose.

A bare tuple, as it is made for each request; everything that takes time is done when it is stored.
"""


class Writer(Protocol):
    """What stores events."""

    def store(self, batch: Batch) -> int:
        """Store a batch once and return how many events were new; ReconcilerError when it can't be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the events since the client began.

    Dropped are those that had no room, that came after the client was closed, or that waited for a day; `rejected`
    can't be stored, as their customer id is none or the database refuses them; `unattributed` came before any
    rollout was known.
    """

    stored: int = 0
    dropped_exposures: int = 0
    dropped_errors: int = 0
    rejected: int = 0
    unattributed: int = 0


class Recorder:
    """A queue of at most `capacity` reports and what stores them; errors are never dropped before exposures."""

    def __init__(
        self,
        writer: Writer,
        *,
        capacity: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._room = capacity
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Begin with an empty queue, as the child of a fork does: its parent stores what was there."""
        self._capacity = self._room
        self.exposures: deque[Report] = deque()
        self.errors: deque[Report] = deque()
        self._full = threading.RLock()  # a handler of a signal may report as well
        self._batches: deque[Batch] = deque()
        self._is_taking = False
        self._begun_at = self._retry_at = self._clock()
        self._failures = 0
        self._stored = self._dropped_exposures = self._dropped_errors = self._rejected = self._unattributed = 0
        self.last_error = ""

    @property
    def counts(self) -> Counts:
        """What became of the events so far."""
        return Counts(
            stored=self._stored,
            dropped_exposures=self._dropped_exposures,
            dropped_errors=self._dropped_errors,
            rejected=self._rejected,
            unattributed=self._unattributed,
        )

    @property
    def waiting(self) -> int:
        """How many events are not stored yet."""
        # In this order, so that what moves from the queue into a batch meanwhile is counted at least once.
        queued = len(self.exposures) + len(self.errors) + self._is_taking
        return queued + sum(len(batch.events) for batch in tuple(self._batches))

    def expose(self, report: Report) -> bool:
        """Queue an exposure; False when the queue is full, which counts it as dropped."""
        exposures = self.exposures
        if len(exposures) + len(self.errors) < self._capacity:
            exposures.append(report)
            return True
        with self._full:
            self._dropped_exposures += 1
        return False

    def fail(self, report: Report) -> None:
        """Queue an error; in a full queue the oldest exposure goes for it, and without one the oldest error."""
        errors = self.errors
        if len(errors) + len(self.exposures) < self._capacity:
            errors.append(report)
            return
        with self._full:
            if self._make_room():
                errors.append(report)

    def reject(self, count: int = 1) -> None:
        """Count events that can't be stored."""
        with self._full:
            self._rejected += count

    def leave_out(self) -> None:
        """Count an event whose rollout nobody knows yet."""
        with self._full:
            self._unattributed += 1

    def end(self) -> None:
        """Take no more events from now on: they count as dropped."""
        self._capacity = 0

    def try_now(self) -> None:
        """Wait no longer for a database that failed."""
        self._retry_at = self._clock()

    def tick(self) -> None:
        """Store what waits, batch by batch, until the queue is empty or the database fails; 50 at most."""
        for _ in range(_MOST_BATCHES):
            if self._clock() < self._retry_at or not self._next_batch() or not self._deliver():
                return

    def drain(self, until: float) -> None:
        """Store what waits now, trying again until a moment of the clock."""
        while self.waiting and self._clock() < until:
            self._retry_at = self._clock()
            self.tick()
            if self.waiting:
                time.sleep(min(0.1, max(0.0, until - self._clock())))

    def _make_room(self) -> bool:
        """Drop the oldest exposure, or the oldest error; False after the end, which drops the new one."""
        if not self._capacity:
            self._dropped_errors += 1
            return False
        try:
            self.exposures.popleft()
            self._dropped_exposures += 1
        except IndexError:
            with suppress(IndexError):  # stored meanwhile
                self.errors.popleft()
                self._dropped_errors += 1
        return True

    def _next_batch(self) -> bool:
        if self._batches:
            return True
        self._is_taking = True
        reports = _taken(self.errors, BATCH)
        reports += _taken(self.exposures, BATCH - len(reports))
        if events := tuple(self._made(reports)):
            self._batches.append(Batch(id=uuid4(), events=events))
            self._begun_at = self._clock()
        self._is_taking = False
        return bool(events)

    def _made(self, reports: list[Report]) -> Iterator[Event]:
        for report in reports:
            try:
                yield _event(report)
            except Exception:  # whatever it is, the others must not go with it
                self.reject()
                logger.exception("event refused")

    def _deliver(self) -> bool:
        batch = self._batches[0]
        failpoints.reach("recorder.sending")
        try:
            stored = self._writer.store(batch)
        except (ReconcilerError, OSError) as error:
            return self._failed(batch, error)
        failpoints.reach("recorder.stored")
        # Of a batch that is sent again nothing is stored when an earlier try was, without our hearing of it.
        self._stored += stored or (len(batch.events) if self._failures else 0)
        self._batches.popleft()
        self._failures, self.last_error = 0, ""
        return True

    def _failed(self, batch: Batch, error: Exception) -> bool:
        self.last_error = " ".join(str(error).split())
        if isinstance(error, RuleViolatedError):
            self._part(batch)
            return True
        self._failures += 1
        if self._failures == 1:
            told = {"waiting": self.waiting, "error": self.last_error}
            logger.warning("%d events wait: %s", self.waiting, self.last_error, extra=told)
        if self._clock() - self._begun_at > GIVEN_UP_AFTER:
            self._give_up(batch)
        # Spread, so that a thousand clients don't come back in the same moment.
        backoff = min(LONGEST_BACKOFF, 0.2 * 2 ** min(self._failures, 16)) * random.uniform(0.5, 1)  # noqa: S311
        self._retry_at = self._clock() + backoff
        return False

    def _part(self, batch: Batch) -> None:
        """Find the event that is refused; nothing of the batch was stored, so that its halves may have new ids."""
        self._batches.popleft()
        if len(batch.events) == 1:
            self.reject()
            told = {"feature": batch.events[0].feature, "error": self.last_error}
            logger.error("an event of %s was refused: %s", told["feature"], self.last_error, extra=told)
            return
        middle = len(batch.events) // 2
        for events in (batch.events[middle:], batch.events[:middle]):
            self._batches.appendleft(Batch(id=uuid4(), events=events))

    def _give_up(self, batch: Batch) -> None:
        self._batches.popleft()
        errors = sum(1 for event in batch.events if event.kind is EventKind.ERROR)
        with self._full:
            self._dropped_errors += errors
            self._dropped_exposures += len(batch.events) - errors


def _taken(queue: deque[Report], most: int) -> list[Report]:
    taken: list[Report] = []
    try:
        while len(taken) < most:
            taken.append(queue.popleft())
    except IndexError:
        pass
    return taken


def _event(report: Report) -> Event:
    rollout, customer, kind, nanoseconds, is_enabled, metadata, identity = report
    return Event(
        id=identity or uuid4(),
        feature=rollout.feature,
        customer=customer,
        kind=kind,
        attempt=rollout.attempt,
        epoch=rollout.epoch,
        is_enabled=has(rollout, customer) if is_enabled is None else is_enabled,
        sent_at=UNIX_EPOCH + timedelta(microseconds=nanoseconds // 1_000),
        metadata=metadata or "{}",
        is_claimed=identity is not None,
    )
