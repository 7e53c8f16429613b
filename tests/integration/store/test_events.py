"""A batch lands whole and once: sent again, by six at once, over midnight, or when its backend is lost amid it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from reconciler.domain.events import Batch, Event, EventKind
from reconciler.errors import DatabaseDeniedError, DatabaseUnavailableError, ReconcilerError, RuleViolatedError
from reconciler.store.connection import Connection, connect
from reconciler.store.events import EventWriter, store_batch
from reconciler.store.failures import translated
from tests.builders.database import Database, set_clock
from tests.builders.days import days_of
from tests.builders.domain import NOW
from tests.builders.tallies import an_event

APPLICATION = "rollouts_application"
LATE = datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
EARLY = LATE + timedelta(seconds=2)


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """The superuser, one second before midnight."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("set timezone to 'UTC'")
        set_clock(connection, LATE)
        yield connection


@pytest.fixture
def application(database: Database, admin: psycopg.Connection[Any]) -> Iterator[Connection]:
    with connect(database.dsn_for(APPLICATION)) as connection:
        yield connection


def a_batch(*events: Event) -> Batch:
    return Batch(id=uuid4(), events=events or (an_event("ada"), an_event("bob", EventKind.ERROR)))


def a_chosen(event_id: UUID, customer: str = "ada") -> Event:
    """Return an event whose id its sender chose."""
    return replace(an_event(customer), id=event_id, is_claimed=True)


def customers(admin: psycopg.Connection[Any]) -> list[str]:
    rows = admin.execute("select customer_id from rollouts.rollout_events order by 1").fetchall()
    return [customer for (customer,) in rows]


def claims(admin: psycopg.Connection[Any]) -> tuple[int, int]:
    """Return how many batches and how many single events are claimed."""
    [(batches, events)] = admin.execute(
        "select (select count(*) from rollouts.event_batches), (select count(*) from rollouts.event_claims)"
    ).fetchall()
    return batches, events


def test_a_batch_is_stored_as_it_was_sent(application: Connection, admin: psycopg.Connection[Any]) -> None:
    event = replace(an_event("ada", EventKind.ERROR), metadata='{"page": "a\\tb\\\\N"}', sent_at=NOW)

    stored = store_batch(application, a_batch(event))

    [row] = admin.execute("select to_jsonb(stored) from rollouts.rollout_events stored").fetchall()
    assert stored == 1
    assert row[0] == {
        "feature_name": "checkout",
        "received_at": "2026-03-02T23:59:59+00:00",
        "customer_id": "ada",
        "id": str(event.id),
        "event": "error",
        "attempt": 1,
        "epoch": 1,
        "is_enabled": True,
        "timestamp": "2026-03-02T09:00:00+00:00",
        "metadata": {"page": "a\tb\\N"},
    }


def test_a_batch_that_is_sent_again_lands_once(application: Connection, admin: psycopg.Connection[Any]) -> None:
    batch = a_batch()

    assert [store_batch(application, batch) for _ in range(3)] == [2, 0, 0]
    assert customers(admin) == ["ada", "bob"]


def test_a_batch_that_six_send_at_once_lands_once(database: Database, admin: psycopg.Connection[Any]) -> None:
    batch, barrier = a_batch(*(an_event(f"customer-{number}") for number in range(500))), Barrier(6)

    def send(_number: int) -> int:
        with connect(database.dsn_for(APPLICATION)) as application:
            barrier.wait(30)
            return store_batch(application, batch)

    with ThreadPoolExecutor(6) as pool:
        stored = list(pool.map(send, range(6)))

    assert sorted(stored) == [0, 0, 0, 0, 0, 500]
    assert len(customers(admin)) == 500


def test_an_id_of_the_sender_lands_once_in_whatever_batch(
    application: Connection, admin: psycopg.Connection[Any]
) -> None:
    one, two = uuid4(), uuid4()

    stored = [
        store_batch(application, a_batch(a_chosen(one), an_event("bob"))),
        store_batch(application, a_batch(a_chosen(one), a_chosen(two, "cleo"), a_chosen(two, "cleo"))),
        store_batch(application, a_batch(a_chosen(two, "cleo"))),
    ]

    assert stored == [2, 1, 0]
    assert customers(admin) == ["ada", "bob", "cleo"]
    assert claims(admin) == (3, 2)


def test_ids_that_six_send_at_once_in_any_order_land_once(
    database: Database, admin: psycopg.Connection[Any]
) -> None:
    """Whoever claims in another order than the next one deadlocks with it."""
    chosen = [a_chosen(uuid4(), f"customer-{number:03}") for number in range(200)]
    barrier = Barrier(6)

    def send(number: int) -> int:
        with connect(database.dsn_for(APPLICATION)) as application:
            barrier.wait(30)
            turned = chosen[number * 30 :] + chosen[: number * 30]
            return store_batch(application, a_batch(*turned[:: -1 if number % 2 else 1]))

    with ThreadPoolExecutor(6) as pool:
        stored = list(pool.map(send, range(6)))

    assert sum(stored) == 200
    assert customers(admin) == [event.customer for event in chosen]


def test_what_is_sent_again_after_midnight_lands_once(
    application: Connection, admin: psycopg.Connection[Any]
) -> None:
    """By then it belongs to another day, where no key of the first could catch it."""
    chosen = uuid4()
    batch = a_batch(an_event("bob"), a_chosen(chosen))
    first = store_batch(application, batch)
    set_clock(admin, EARLY)

    again = [store_batch(application, batch), store_batch(application, a_batch(a_chosen(chosen)))]

    assert (first, again) == (2, [0, 0])
    assert customers(admin) == ["ada", "bob"]


def test_a_day_that_is_missing_is_made_on_the_way(application: Connection, admin: psycopg.Connection[Any]) -> None:
    """Nobody looked after the events for a week."""
    store_batch(application, a_batch())
    set_clock(admin, LATE + timedelta(days=7))

    stored = store_batch(application, a_batch(an_event("cleo")))

    assert stored == 1
    assert customers(admin) == ["ada", "bob", "cleo"]
    assert days_of(admin) == [date(2026, 3, day) for day in (2, 3, 4, 9, 10, 11)]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param({"feature": "Check out"}, "event_names_its_feature", id="no name of a feature"),
        pytest.param({"customer": ""}, "event_names_its_customer", id="no customer"),
        pytest.param({"customer": "x" * 257}, "event_names_its_customer", id="too long a customer"),
        pytest.param({"customer": "a\0b"}, "text_is_unicode", id="NUL in a customer"),
        pytest.param({"customer": "a\udc80b"}, "text_is_unicode", id="half a character in a customer"),
        pytest.param({"is_enabled": False}, "event_says_what_was_on", id="enabled and off"),
        pytest.param({"attempt": 0}, "event_names_its_epoch", id="no attempt"),
        pytest.param({"attempt": 2**31}, "22003", id="too large an attempt"),
        pytest.param({"metadata": "[1]"}, "event_metadata_is_small", id="metadata is no object"),
        pytest.param({"metadata": '{"a": "%s"}' % ("x" * 9_000)}, "event_metadata_is_small", id="large metadata"),
        pytest.param({"metadata": "{"}, "22P02", id="metadata is no JSON"),
    ],
)
def test_a_row_that_is_refused_leaves_nothing_of_its_batch(
    application: Connection, admin: psycopg.Connection[Any], change: dict[str, Any], rule: str
) -> None:
    batch = a_batch(a_chosen(uuid4(), "bob"), replace(an_event("ada"), **change), an_event("cleo"))

    with pytest.raises(RuleViolatedError) as caught, translated():
        store_batch(application, batch)

    assert caught.value.rule == rule
    assert (customers(admin), claims(admin)) == ([], (0, 0))
    assert store_batch(application, replace(batch, events=(batch.events[0], batch.events[2]))) == 2


@pytest.mark.parametrize(
    ("role", "stored"), [("rollouts_application", 2), ("rollouts_reconciler", 2), ("rollouts_reader", None)]
)
def test_who_may_not_report_is_told(
    database: Database, admin: psycopg.Connection[Any], role: str, stored: int | None
) -> None:
    with connect(database.dsn_for(role)) as connection:
        if stored is None:
            with (
                pytest.raises(DatabaseDeniedError, match="permission denied for table event_batches"),
                translated(),
            ):
                store_batch(connection, a_batch())
        else:
            assert store_batch(connection, a_batch()) == stored

    assert len(customers(admin)) == (stored or 0)


Strike = Callable[[psycopg.Connection[Any]], object]


def lost_while_copying(moment: str, strike: Strike) -> type[psycopg.Cursor[Any]]:
    """Return a cursor whose connection is struck before, amid or after the rows of its COPY."""

    class Struck(psycopg.Cursor[Any]):
        @contextmanager
        def copy(self, *arguments: Any, **named: Any) -> Iterator[psycopg.Copy]:
            if moment == "before":
                strike(self.connection)
            with super().copy(*arguments, **named) as copy:
                yield copy
                if moment == "amid":
                    strike(self.connection)
            if moment == "after":
                strike(self.connection)

    return Struck


@pytest.mark.parametrize("moment", ["before", "amid", "after"])
def test_a_batch_whose_backend_is_lost_leaves_neither_claim_nor_rows(
    application: Connection, database: Database, admin: psycopg.Connection[Any], moment: str
) -> None:
    def end(connection: psycopg.Connection[Any]) -> None:
        admin.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])

    batch = a_batch(a_chosen(uuid4()), *(an_event(f"customer-{number}") for number in range(2_000)))
    application.cursor_factory = lost_while_copying(moment, end)

    with pytest.raises(DatabaseUnavailableError, match="try again when it is well"), translated():
        store_batch(application, batch)

    assert (customers(admin), claims(admin)) == ([], (0, 0))
    with connect(database.dsn_for(APPLICATION)) as another:
        assert [store_batch(another, batch) for _ in range(2)] == [2_001, 0]


def test_a_writer_that_lost_its_connection_goes_on_over_another(
    database: Database, admin: psycopg.Connection[Any]
) -> None:
    writer, batch = EventWriter(lambda: connect(database.dsn_for(APPLICATION))), a_batch()
    writer.store(a_batch(an_event("cleo")))
    assert writer.connection is not None
    admin.execute("select pg_terminate_backend(%s, 5000)", [writer.connection.info.backend_pid])

    with pytest.raises(ReconcilerError):
        writer.store(batch)

    assert writer.store(batch) == 2
    assert customers(admin) == ["ada", "bob", "cleo"]
    writer.close()
