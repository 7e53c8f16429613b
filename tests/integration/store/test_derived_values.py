"""What the chain fills in and what applications read: times, identities, status and thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import a_target, prepare
from tests.builders.chain import Connection, append, commit, some_gates, take

TARGET = "select {} from rollouts.feature_rollouts where feature_name = 'checkout'"


@pytest.fixture(scope="module")
def opened(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        yield connection


@pytest.fixture
def target(opened: Connection) -> Iterator[Connection]:
    with opened.transaction(force_rollback=True):
        yield opened


def now_so(connection: psycopg.Connection[Any], columns: str) -> tuple[Any, ...]:
    row = connection.execute(TARGET.format(columns).encode()).fetchone()
    assert row is not None
    return tuple(row.values()) if isinstance(row, dict) else tuple(row)


def test_a_row_names_the_login_that_wrote_it_and_not_the_role_it_took(target: Connection) -> None:
    prepare(target, "nothing")
    target.execute("set local role rollouts_reconciler")
    append(target)
    target.execute("reset role")

    rows = target.execute("select distinct recorded_by from rollouts.rollout_transitions").fetchall()

    assert [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in rows] == [("postgres",)]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"paused": True, "target": 1}, "paused", id="paused before completed"),
        pytest.param({"target": 1}, "completed", id="completed"),
        pytest.param({}, "in_progress", id="in progress"),
    ],
)
def test_the_first_status_that_fits_is_told(target: Connection, changes: dict[str, object], status: str) -> None:
    prepare(target, "live")
    append(target, **changes)

    assert now_so(target, "status") == (status,)


def test_applications_read_the_thresholds_in_force(target: Connection) -> None:
    prepare(target, "live")
    append(target, is_settled=False, gates=some_gates(error_rate=0.01))

    assert now_so(target, "rollback_threshold") == ({"errorRate": 0.01, "timeWindow": 3_600_000},)


def test_a_rollback_keeps_its_identity_until_the_next(target: Connection) -> None:
    prepare(target, "rolled back")
    first = now_so(target, "rollback_id")
    append(target, tier=0, rolled_back=True, owner="team-a")
    kept = now_so(target, "rollback_id")
    take(target, commit(3))
    append(target, kind="restart", tier=1, attempt=2, rolled_back=False)
    ended = now_so(target, "rollback_id")
    append(target, kind="rollback", tier=0, rolled_back=True, is_settled=False, revision=None)

    assert (first == kept, ended, now_so(target, "rollback_id") == first) == (True, (None,), False)


def test_each_attempt_starts_anew(target: Connection) -> None:
    prepare(target, "rolled back")
    first = now_so(target, "started_at")
    append(target, kind="restart", tier=0, attempt=2, rolled_back=False)
    waiting = now_so(target, "started_at")
    take(target, commit(3))
    append(target, kind="promote", tier=1, gate_dwell_seconds=0, verdict="insufficient")

    assert waiting == (None,)
    assert now_so(target, "started_at") > first


def test_a_rollout_whose_end_moved_is_completed_when_it_gets_there(target: Connection) -> None:
    prepare(target, "live")
    append(target, target=1)
    early = now_so(target, "completed_at")
    append(target, target=4)
    reopened = now_so(target, "completed_at")
    take(target, commit(3))
    append(target, kind="promote", tier=2, target=2, gate_dwell_seconds=0, verdict="insufficient")

    assert reopened == (None,)
    assert now_so(target, "completed_at") > early
