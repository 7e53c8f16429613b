"""An error of a customer who has the feature wakes whoever watches; nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from reconciler.domain.events import Batch, Event, EventKind
from reconciler.store.events import store_batch
from tests.builders.chain import Connection
from tests.builders.database import Database
from tests.builders.tallies import Counted, a_counted_scene, an_event

ENABLED, DISABLED, ERROR = EventKind.ENABLED, EventKind.DISABLED, EventKind.ERROR


@pytest.fixture
def counted(database: Database) -> Iterator[Counted]:
    """`checkout` and `search` are on for `ada` and off for `bob`."""
    with a_counted_scene(database) as counted:
        lists = {"tier": 1, "whitelist": ["ada"], "blacklist": ["bob"]}
        counted.scene.commit({"checkout": lists, "search": lists})
        counted.scene.apply()
        yield counted


@pytest.fixture
def listener(database: Database, counted: Counted) -> Iterator[Connection]:
    with psycopg.connect(database.dsn_for("rollouts_reconciler"), autocommit=True) as connection:
        connection.execute("listen rollout_errors")
        yield connection


def heard(listener: Connection) -> list[str]:
    """Return what was announced until now."""
    return [notice.payload for notice in listener.notifies(timeout=0.05)]


@pytest.mark.parametrize(
    ("events", "names"),
    [
        pytest.param([an_event(kind=ERROR)], ["checkout"], id="an error"),
        pytest.param([an_event(f"c{n}", ERROR) for n in range(50)], ["checkout"], id="many errors"),
        pytest.param(
            [an_event(kind=ERROR, feature=feature) for feature in ("search", "checkout", "search")],
            ["checkout", "search"],
            id="errors of two features",
        ),
        pytest.param([an_event(), an_event(kind=ERROR), an_event("c2")], ["checkout"], id="among others"),
        pytest.param([an_event(kind=ERROR, is_enabled=False)], [], id="an error while it is off"),
        pytest.param([an_event(), an_event("bob", DISABLED)], [], id="exposures"),
        pytest.param([an_event("", EventKind.ROLLBACK)], [], id="a rollback"),
    ],
)
def test_a_batch_announces_each_feature_with_errors_once(
    counted: Counted, listener: Connection, events: list[Event], names: list[str]
) -> None:
    counted.report(*events)

    assert heard(listener) == names


def test_a_batch_that_is_sent_again_announces_nothing(counted: Counted, listener: Connection) -> None:
    batch = Batch(id=uuid4(), events=(an_event(kind=ERROR),))
    stored = [store_batch(counted.application, batch) for _ in range(3)]

    assert (stored, heard(listener)) == ([1, 0, 0], ["checkout"])


def test_a_batch_that_fails_announces_nothing(counted: Counted, listener: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        counted.report(an_event(kind=ERROR), an_event("", ERROR))

    assert heard(listener) == []


def test_each_batch_announces_by_itself(counted: Counted, listener: Connection) -> None:
    for customer in ("c1", "c2"):
        counted.report(an_event(customer, ERROR))

    assert heard(listener) == ["checkout", "checkout"]


@pytest.mark.parametrize(
    ("customer", "event", "names"),
    [
        pytest.param("ada", "error", ["checkout"], id="an error of who has it"),
        pytest.param("bob", "error", [], id="an error of who has it not"),
        pytest.param("ada", "enabled", [], id="an exposure"),
    ],
)
def test_an_error_reported_by_sql_is_found_without_being_announced(
    counted: Counted, listener: Connection, customer: str, event: str, names: list[str]
) -> None:
    """Whoever announces holds a lock of the whole database until its commit is over."""
    counted.application.execute("select rollouts.record_event('checkout', %s, %s)", [customer, event])

    assert heard(listener) == []
    assert counted.scene.store.failing(timedelta(seconds=4)) == names


def test_an_older_error_is_not_found_again(counted: Counted) -> None:
    counted.application.execute("select rollouts.record_event('checkout', 'ada', 'error')")
    counted.scene.pass_time(seconds=5)

    assert counted.scene.store.failing(timedelta(seconds=4)) == []


def test_a_rollback_is_no_error(counted: Counted, listener: Connection) -> None:
    counted.scene.roll_back("checkout")
    counted.scene.store.record_rollbacks()

    assert heard(listener) == []
