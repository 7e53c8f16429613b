"""The client of applications: answers from memory, reports in the background, and lives through every outage."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from reconciler.client.engine import ConnectionListener, Engine, Listener
from reconciler.client.lifecycle import leave, watch_over
from reconciler.client.live import Live
from reconciler.client.recorder import Counts
from reconciler.client.reports import CustomerEvent, json_of, report_of
from reconciler.domain.events import LONGEST_CUSTOMER, EventKind, fault_of_customer
from reconciler.domain.statistics import Statistics
from reconciler.errors import UsageError
from reconciler.evaluation.evaluator import Evaluation, Reason, explain, has
from reconciler.store.connection import SILENCE, Connection, answered_within, connect, place_of
from reconciler.store.failures import translated
from reconciler.store.statistics import read_statistics

LONGEST_POLL = 300.0  # seconds
_LONGEST_REMEMBERED = 1_024  # characters; without a limit strangers' ids would fill the memory

logger = logging.getLogger("reconciler.client")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a client stands: `age` are the seconds since it last saw the database, None when it never did.

    `waiting` events are not stored yet; `last_error` is why, or why the rollouts are not watched.
    """

    age: float | None
    is_connected: bool
    rollouts: int
    waiting: int
    counts: Counts
    last_error: str


class RolloutClient:
    """Who has which feature, from a snapshot in memory; share one in a process, among threads and coroutines.

    `record_exposures` tells the database who was asked for; `poll` are the seconds between two looks if no
    notification comes; `capacity` bounds the events that wait; `patience` are the seconds to wait for the first
    rollouts; `handle_sigterm` stores what waits at SIGTERM, where the application handles none itself. Without a
    database the client answers with defaults, or with what it saw last, and goes on trying. `dsn` is libpq's.
    """

    def __init__(
        self,
        dsn: str,
        *,
        record_exposures: bool = True,
        poll: float = 30.0,
        capacity: int = 50_000,
        patience: float = 5.0,
        handle_sigterm: bool = True,
    ) -> None:
        if not 0 < poll <= LONGEST_POLL:
            raise UsageError(f"poll is {poll} s, more than 0 and at most {LONGEST_POLL:.0f} are possible")
        if capacity < 1:
            raise UsageError(f"capacity is {capacity}, the least is 1; 50,000 events take some 20 MB")
        self._dsn, self._place = dsn, place_of(dsn)
        self._engine = Engine(self._open, is_telling=record_exposures, poll=poll, capacity=capacity)
        self._engine.start()
        watch_over(self, handles_sigterm=handle_sigterm)
        if patience > 0 and not self.wait_until_ready(patience):
            reason = self._engine.watcher.last_error or f"no answer within {patience:g} s"
            logger.warning("no rollouts yet, answering with defaults: %s", reason, extra={"error": reason})

    def is_enabled(self, feature: str, customer: str, default: bool = False) -> bool:
        """Tell whether a customer has a feature; never waits and never raises.

        `default` is the answer where nobody knows the feature, and for what is no text.
        """
        try:
            live = self._engine.lives.get(feature)
            if live is None:
                return default
            is_on = has(live.rollout, customer)
            seen = live.on if is_on else live.off
            if seen is not None and customer not in seen:
                self._see(live, seen, customer, is_on)
        except Exception:  # noqa: BLE001 - an id of a strange type fails in any way
            self._engine.recorder.reject()
            return default
        return is_on

    def evaluate(self, feature: str, customer: str, default: bool = False) -> Evaluation:
        """Return the answer of `is_enabled` with its reason and rollout; UsageError for what is no customer id."""
        answer = self.explain(feature, customer, default)
        if answer.rollout is not None:
            self.is_enabled(feature, customer)
        return answer

    def explain(self, feature: str, customer: str, default: bool = False) -> Evaluation:
        """Return the same and report nothing."""
        if (fault := fault_of_customer(customer)) is not None:
            raise UsageError(fault)
        live = self._engine.lives.get(feature)
        if live is None:
            return Evaluation(default, Reason.UNKNOWN_FEATURE)
        return explain({feature: live.rollout}, feature, customer, default=default)

    def record_error(
        self,
        feature: str,
        customer: str,
        metadata: Mapping[str, Any] | None = None,
        event_id: UUID | None = None,
    ) -> None:
        """Report that something went wrong for a customer; whether the feature was on for them is added.

        `metadata` is a small JSON object, whose long texts are cut; an error reported again with the same
        `event_id` counts once. UsageError for an unknown feature, what is no customer id and what is no JSON.
        """
        live = self._engine.lives.get(feature)
        if live is None:
            self._reject_unknown(feature)
            return
        if not _is_plain(customer) and (fault := fault_of_customer(customer)) is not None:
            raise UsageError(fault)
        written = None if metadata is None else json_of(metadata)
        report = (live.rollout, customer, EventKind.ERROR, time.time_ns(), None, written, event_id)
        self._engine.recorder.fail(report)

    def record(self, event: CustomerEvent) -> None:
        """Report an event of any kind; UsageError as in `record_error`."""
        live = self._engine.lives.get(event.feature)
        if live is None:
            self._reject_unknown(event.feature)
            return
        report = report_of(event, live.rollout)
        if report[2] is EventKind.ERROR:
            self._engine.recorder.fail(report)
        else:
            self._engine.recorder.expose(report)

    def stats(self, feature: str) -> Statistics:
        """Ask the database how a feature fares; in a coroutine call it by `asyncio.to_thread`.

        DatabaseUnavailableError when it can't be asked, DatabaseDeniedError without the right to, UsageError for an
        unknown feature.
        """
        with closing(self._open()) as connection, translated(), answered_within(connection, SILENCE):
            found = read_statistics(connection, [feature])
        if feature not in found:
            raise UsageError(f"feature {feature!r} is unknown in {self._place}; is its definition applied?")
        return found[feature]

    def health(self) -> Health:
        """Say how old the rollouts are and what waits; for a health check and for metrics."""
        watcher, recorder = self._engine.watcher, self._engine.recorder
        return Health(
            age=None if watcher.looked_at is None else time.monotonic() - watcher.looked_at,
            is_connected=watcher.connection is not None,
            rollouts=len(self._engine.lives),
            waiting=recorder.waiting,
            counts=recorder.counts,
            last_error=watcher.last_error or recorder.last_error,
        )

    def wait_until_ready(self, timeout: float) -> bool:
        """Wait for the first rollouts, so many seconds at most; tell whether they are here."""
        return self._engine.wait_for_rollouts(timeout)

    def on_change(self, listener: Listener) -> None:
        """Have `listener` called with the names of the features that changed, on the thread that watches them."""
        self._engine.listeners.append(listener)

    def on_connection(self, listener: ConnectionListener) -> None:
        """Have `listener` called after each look at the database: True when it was seen, False when it wasn't."""
        self._engine.connection_listeners.append(listener)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until no event waits any more, so many seconds at most; tell whether that is so."""
        until = time.monotonic() + timeout
        self._engine.recorder.try_now()
        self._engine.hurry()
        while self._engine.recorder.waiting and time.monotonic() < until:
            time.sleep(0.01)
        return not self._engine.recorder.waiting

    def close(self, timeout: float = 5.0) -> None:
        """Store what waits, so many seconds at most, and stop; answers go on coming from what is known."""
        self._engine.stop(timeout)
        # Not sooner: when this is interrupted, what still waits is stored as the process ends.
        leave(self)

    def forked(self) -> list[object]:
        """Begin anew in the child of a fork; called by the process itself."""
        return self._engine.forked()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> Connection:
        return connect(self._dsn, patience=0)

    def _see(self, live: Live, seen: set[str], customer: str, is_on: bool) -> None:
        if not _is_plain(customer) and fault_of_customer(customer) is not None:
            self._engine.recorder.reject()
            if len(customer) <= _LONGEST_REMEMBERED:
                seen.add(customer)
            return
        kind = EventKind.ENABLED if is_on else EventKind.DISABLED
        # Who could not be queued is told of at the next question.
        if self._engine.recorder.expose((live.rollout, customer, kind, time.time_ns(), is_on, None, None)):
            seen.add(customer)

    def _reject_unknown(self, feature: str) -> None:
        if self._engine.watcher.looked_at is not None:
            raise UsageError(f"feature {feature!r} is unknown in {self._place}; is its definition applied?")
        # Nothing was ever read: an application must not fail because its database does.
        self._engine.recorder.leave_out()


def _is_plain(customer: str) -> bool:
    """Tell whether this is certainly a good customer id; what isn't plain has to be looked at closely."""
    return (
        customer.__class__ is str
        and customer.isascii()
        and 0 < len(customer) <= LONGEST_CUSTOMER
        and "\0" not in customer
    )
