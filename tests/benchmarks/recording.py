"""What events cost: the caller, the database, and a request while the database is away.

Goals: recording an event costs the caller at most five times `deque.append` of the same facts; a batch is stored at
no less than 30 % of the rows a second of a binary COPY that was rendered before (a ratio of 3.33 in time), and 1.5
times as fast as `executemany` (0.67); `is_enabled` never waits for the network.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from reconciler.client import RolloutClient
from reconciler.client.live import Live
from reconciler.domain.events import Batch, Event, EventKind
from reconciler.domain.ladder import Tier
from reconciler.evaluation.snapshot import Rollout
from reconciler.store.connection import connect
from reconciler.store.embedded import stop
from reconciler.store.events import extend_events, store_batch
from reconciler.store.rollouts import Mark, MarkedRollout
from tests.benchmarks.databases import a_migrated_database, create_rollouts
from tests.benchmarks.evaluating import CUSTOMERS
from tests.benchmarks.measure import Cost, least, report

BATCHES, SIZE = 40, 1_000
_COLUMNS = 'feature_name, customer_id, id, event, attempt, epoch, is_enabled, "timestamp", metadata'
_TYPES = ("text", "text", "uuid", "text", "int4", "int4", "bool", "timestamptz", "jsonb")
_NOWHERE = "host=127.0.0.1 port=9 connect_timeout=1"


def main() -> None:
    """Print what recording costs."""
    _caller()
    with a_migrated_database() as dsn:
        _database(dsn)
        create_rollouts(dsn, ["checkout"], Tier.GENERAL)
        _outage(dsn)


def _caller() -> None:
    client = _detached()
    rollout, queue = client._engine.lives["checkout"].rollout, client._engine.recorder.errors
    plain: deque[object] = deque()

    def appended() -> None:
        for customer in CUSTOMERS:
            plain.append((rollout, customer, EventKind.ERROR, time.time_ns(), None, None, None))

    def recorded() -> None:
        for customer in CUSTOMERS:
            client.record_error("checkout", customer)

    floor = least(appended, runs=7, before=plain.clear)
    report("record_error / deque.append, 100,000 times", least(recorded, runs=7, before=queue.clear), floor, "5.00")


def _database(dsn: str) -> None:
    with closing(connect(dsn)) as connection:
        extend_events(connection)
        batches = [_batch() for _ in range(BATCHES)]
        prepared = [_rendered(connection, batch) for batch in batches]
        copied = _timed(connection, lambda: _copy(connection, prepared))
        many = _timed(connection, lambda: _executemany(connection, batches))
        ours = _timed(connection, lambda: _ours(connection))
        rows = BATCHES * SIZE
        rates = ", ".join(f"{name} {rows / cost.wall:,.0f}" for name, cost in _named(copied, many, ours))
        print(f"rows a second, batches of {SIZE:,}: {rates}")
        report("storing 40 batches / binary COPY rendered before", ours, copied, "3.33", by_wall=True)
        report("storing 40 batches / executemany", ours, many, "0.67", by_wall=True)


def _outage(dsn: str) -> None:
    """Stop the server under a client that is connected, ask on, and say how long the slowest answers took."""
    client = RolloutClient(dsn, handle_sigterm=False)
    stop(Path(str(conninfo_to_dict(dsn)["host"])).parent)
    takes: list[float] = []
    for number in range(200_000):
        begun = time.perf_counter()
        client.is_enabled("checkout", CUSTOMERS[number % len(CUSTOMERS)])
        takes.append(time.perf_counter() - begun)
    client.close(0)
    cuts = quantiles(takes, n=1_000)
    print(
        f"is_enabled without a database: median {1e6 * cuts[499]:.1f}, p99 {1e6 * cuts[989]:.1f}, "
        f"p99.9 {1e6 * cuts[998]:.1f}, slowest {1e3 * max(takes):.1f} ms (microseconds but for the last)"
    )


def _detached() -> RolloutClient:
    """Return a client that knows `checkout`, and whose threads take nothing out of its queue."""
    client = RolloutClient(_NOWHERE, patience=0, capacity=10**7, handle_sigterm=False)
    client.close(0)
    client._engine.recorder.reset()  # takes events again
    rollout = Rollout(feature="checkout", tier=3, exposure=50)
    marked = MarkedRollout(mark=Mark(chain=UUID(int=0), version=1), rollout=rollout, window=3600)
    client._engine.lives = {"checkout": Live(marked, is_telling=True, now=time.monotonic())}
    return client


def _batch() -> Batch:
    sent = datetime.now(UTC)
    return Batch(
        id=uuid4(),
        events=tuple(
            Event(
                id=uuid4(),
                feature=f"feature-{number % 50}",
                customer=CUSTOMERS[number],
                kind=EventKind.ENABLED,
                attempt=1,
                epoch=1,
                is_enabled=True,
                sent_at=sent,
                metadata='{"path": "/checkout/pay", "status": 200}',
            )
            for number in range(SIZE)
        ),
    )


def _rows(batch: Batch) -> Iterable[Sequence[object]]:
    for each in batch.events:
        metadata = Jsonb({"path": "/checkout/pay", "status": 200})
        yield (
            *(each.feature, each.customer, each.id, each.kind.value, each.attempt, each.epoch, True),
            *(each.sent_at, metadata),
        )


def _rendered(connection: psycopg.Connection[dict[str, object]], batch: Batch) -> bytes:
    """Have the server write the very bytes that a binary COPY of the batch takes."""
    with connection.transaction(force_rollback=True), connection.cursor() as cursor:
        cursor.execute(f"create temp table rendered as select {_COLUMNS} from rollouts.rollout_events limit 0")
        with cursor.copy("copy rendered from stdin (format binary)") as copy:
            copy.set_types(_TYPES)
            for row in _rows(batch):
                copy.write_row(row)
        with cursor.copy("copy rendered to stdout (format binary)") as copy:
            return b"".join(bytes(chunk) for chunk in copy)


def _copy(connection: psycopg.Connection[dict[str, object]], prepared: Sequence[bytes]) -> None:
    for content in prepared:
        with connection.cursor() as cursor:
            into = f"copy rollouts.rollout_events ({_COLUMNS}) from stdin (format binary)"
            with cursor.copy(into) as copy:
                copy.write(content)


def _executemany(connection: psycopg.Connection[dict[str, object]], batches: Sequence[Batch]) -> None:
    values = ", ".join(["%s"] * len(_TYPES))
    for batch in batches:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(
                f"insert into rollouts.rollout_events ({_COLUMNS}) values ({values})".encode(), list(_rows(batch))
            )


def _ours(connection: psycopg.Connection[dict[str, object]]) -> None:
    for batch in [_batch() for _ in range(BATCHES)]:
        store_batch(connection, batch)


def _timed(connection: psycopg.Connection[dict[str, object]], work: Callable[[], None]) -> Cost:
    return least(work, runs=5, before=lambda: connection.execute("truncate rollouts.rollout_events"))


def _named(*costs: Cost) -> list[tuple[str, Cost]]:
    return list(zip(("COPY rendered before", "executemany", "ours"), costs, strict=True))
