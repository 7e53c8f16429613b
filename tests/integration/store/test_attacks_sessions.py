"""Sessions that wait for one another, and one that began long ago, win nothing by it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.builders.attacks import ALLOWED, prepare, refusal
from tests.builders.chain import Connection, Row, commit, faults, following, insert, insertion, some_gates, take
from tests.builders.database import Database, set_clock

STEP = {"kind": "promote", "gate_dwell_seconds": 0, "verdict": "healthy"}
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def people(database: Database) -> Iterator[tuple[Connection, Connection, ThreadPoolExecutor]]:
    """Two writers with a transaction of their own each, and a thread for the one that has to wait."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        writers = [stack.enter_context(psycopg.connect(database.dsn)) for _ in range(2)]
        for writer in writers:
            stack.callback(writer.close)
            writer.execute("set role rollouts_reconciler")
            writer.commit()
        yield writers[0], writers[1], pool


def begin(connection: Connection, situation: str) -> None:
    prepare(connection, situation)
    connection.commit()


def waiting(
    pool: ThreadPoolExecutor, writer: Connection, watcher: Connection, table: str, row: Row
) -> Future[None]:
    """Let the writer insert a row, and return when it waits for somebody's lock."""

    def write() -> None:
        insert(writer, table, row)
        writer.commit()

    future = pool.submit(write)
    for _ in range(500):
        blocked = watcher.execute("select cardinality(pg_blocking_pids(%s))", [writer.info.backend_pid]).fetchone()
        if blocked != (0,):
            return future
        time.sleep(0.01)
    raise AssertionError("the writer never had to wait")


def rule_of(future: Future[None]) -> str | None:
    error = future.exception(timeout=10)
    assert isinstance(error, psycopg.Error)
    return error.diag.constraint_name


def a_revision(number: int, revision: str) -> Row:
    return {
        "previous_number": number,
        "root": "rollouts.d",
        "revision": revision,
        "kind": "apply",
        "actor": "tests",
    }


def test_two_writers_of_one_version_leave_one_row(
    people: tuple[Connection, Connection, ThreadPoolExecutor],
) -> None:
    first, second, pool = people
    begin(first, "live")
    row, other = (following(first, **STEP, tier=2) for _ in range(2))
    insert(first, "rollout_transitions", row)
    waits = waiting(pool, second, first, "rollout_transitions", other)
    first.commit()

    assert rule_of(waits) == "one_row_a_version"
    assert faults(first) == []


def test_two_writers_that_create_one_feature_leave_one_row(
    people: tuple[Connection, Connection, ThreadPoolExecutor],
) -> None:
    first, second, pool = people
    begin(first, "nothing")
    row, other = (following(first, tier=1) for _ in range(2))
    insert(first, "rollout_transitions", row)
    waits = waiting(pool, second, first, "rollout_transitions", other)
    first.commit()

    assert rule_of(waits) == "one_row_a_version"
    assert faults(first) == []


def test_a_writer_goes_on_when_the_first_takes_its_row_back(
    people: tuple[Connection, Connection, ThreadPoolExecutor],
) -> None:
    first, second, pool = people
    begin(first, "live")
    row, other = (following(first, **STEP, tier=2) for _ in range(2))
    insert(first, "rollout_transitions", row)
    waits = waiting(pool, second, first, "rollout_transitions", other)
    first.rollback()

    assert waits.result(timeout=10) is None
    assert faults(first) == []


def test_two_jobs_take_one_number_once(people: tuple[Connection, Connection, ThreadPoolExecutor]) -> None:
    first, second, pool = people
    begin(first, "nothing")
    insert(first, "rollout_revisions", a_revision(1, commit(2)))
    waits = waiting(pool, second, first, "rollout_revisions", a_revision(1, commit(3)))
    first.commit()

    assert rule_of(waits) == "revision_conflict"
    assert faults(first) == []


def test_a_raise_waits_for_the_revision_that_is_being_taken_and_is_refused(
    people: tuple[Connection, Connection, ThreadPoolExecutor],
) -> None:
    first, second, pool = people
    begin(first, "live")
    row = following(first, **STEP, tier=2)
    insert(first, "rollout_revisions", a_revision(2, commit(3)))
    waits = waiting(pool, second, first, "rollout_transitions", row)
    first.commit()

    assert rule_of(waits) == "superseded_revision"
    assert faults(first) == []


def test_a_revision_waits_for_the_raise_that_is_under_way(
    people: tuple[Connection, Connection, ThreadPoolExecutor],
) -> None:
    first, second, pool = people
    begin(first, "live")
    insert(first, "rollout_transitions", following(first, **STEP, tier=2))
    waits = waiting(pool, second, first, "rollout_revisions", a_revision(2, commit(3)))
    first.commit()

    assert waits.result(timeout=10) is None
    assert faults(first) == []


@pytest.mark.parametrize("level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE])
@pytest.mark.parametrize("passed", ["a row", "a revision"])
def test_a_snapshot_from_before_does_not_pass_the_fence(
    people: tuple[Connection, Connection, ThreadPoolExecutor], level: psycopg.IsolationLevel, passed: str
) -> None:
    """The stale session sees neither the newer row nor the newer commit, and is refused all the same."""
    first, stale, _ = people
    begin(first, "live")
    row = following(first, **STEP, tier=2)
    stale.isolation_level = level
    stale.execute("select * from rollouts.rollout_transitions")
    if passed == "a row":
        insert(first, "rollout_transitions", following(first, paused=True))
    else:
        take(first, commit(3))
    first.commit()

    with pytest.raises((psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation)):
        insert(stale, "rollout_transitions", row)
    stale.rollback()
    assert faults(first) == []


def test_a_transaction_opened_long_before_is_stamped_when_it_writes(
    people: tuple[Connection, Connection, ThreadPoolExecutor],
) -> None:
    """With the start of the transaction as its time, the row would have served its dwell at once."""
    first, early, _ = people
    begin(first, "off")
    early.execute("select 1")
    time.sleep(1.1)
    gates = some_gates(dwell=1)
    insert(early, "rollout_transitions", following(early, **STEP, tier=1, gates=gates, settled_gates=gates))
    early.commit()
    with first.transaction():
        first.execute("reset role")
        take(first, commit(3))
    raised = following(first, **STEP | {"gate_dwell_seconds": 1}, tier=2)

    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        insert(first, "rollout_transitions", raised)
    first.rollback()
    assert refused.value.diag.constraint_name == "dwell_is_served"


@pytest.mark.parametrize(
    ("served", "rule"),
    [
        pytest.param(timedelta(seconds=3600), ALLOWED, id="at exactly the dwell"),
        pytest.param(timedelta(seconds=3600, microseconds=-1), "dwell_is_served", id="a microsecond before"),
        pytest.param(timedelta(days=-1), "dwell_is_served", id="by a clock that was set back"),
    ],
)
def test_serves_the_dwell_to_the_microsecond(database: Database, served: timedelta, rule: str) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        set_clock(connection, MONDAY)
        prepare(connection, "dwelling")
        set_clock(connection, MONDAY + served)
        row = following(connection, **STEP | {"gate_dwell_seconds": 3600}, tier=2)

        assert refusal(connection, "rollouts_reconciler", insertion("rollout_transitions", row), row) == rule


def test_time_stands_still_while_the_clock_is_set_back(database: Database) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        set_clock(connection, MONDAY)
        prepare(connection, "live")
        set_clock(connection, MONDAY - timedelta(days=1))
        insert(connection, "rollout_transitions", following(connection, paused=True))
        take(connection, commit(3))

        assert connection.execute("select distinct at from rollouts.rollout_transitions").fetchall() == [(MONDAY,)]
        assert connection.execute("select distinct at from rollouts.rollout_revisions").fetchall() == [(MONDAY,)]
        assert faults(connection) == []
