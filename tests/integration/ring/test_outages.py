"""The database stops and comes back: nothing is lost by it, and a rollback is soon made up for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from reconciler.store.embedded import EmbeddedServer, ensure_running, stop
from reconciler.store.migrate import migrate
from tests.builders.clients import cut_off, let_in
from tests.builders.crash_table import LIVE
from tests.builders.crashes import passes, unsettled
from tests.builders.daemons import a_daemon, has_settled, order, stopped
from tests.builders.database import FORGETFUL, Database, a_database, a_quick_folder, a_server
from tests.builders.ring import Ring, a_ring


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[tuple[EmbeddedServer, Path]]:
    """A server for this test alone, to be stopped, and its folder."""
    folder = a_quick_folder(otherwise=tmp_path / "server")
    with a_server(folder) as server:
        yield server, folder


@pytest.mark.slow
def test_a_server_that_is_stopped_and_started_again(
    own_server: tuple[EmbeddedServer, Path], tmp_path: Path
) -> None:
    server, folder = own_server
    with a_database(server) as database:
        with psycopg.connect(database.dsn) as connection:
            migrate(connection, applied_by="tests")
        with a_ring(tmp_path, database, LIVE) as ring, a_daemon(ring, git="1s", watch="1s") as child:
            child.until(lambda: child.told("applied-create"))
            stop(folder)
            child.until(lambda: child.told("watch-failed"))
            child.until(lambda: child.told("tick-failed"))
            assert ensure_running(folder, settings=FORGETFUL).dsn == server.dsn
            ring.report("checkout", failing=12, healthy=10)
            child.until(lambda: has_settled(ring), 20)

            assert order(child, "rolled-back", "written-back") == ["rolled-back", "written-back"]
            stopped(child)


@pytest.mark.slow
def test_a_rollback_is_soon_made_up_for_after_an_outage(ring: Ring) -> None:
    """Nobody gets in for a while, in which the tries get rarer; what listens is the first to be back."""
    with a_daemon(ring) as child:
        cut_off(ring.database, refuse=True)
        time.sleep(7)
        let_in(ring.database)
        ring.report("checkout", failing=12, healthy=0)
        begun = time.monotonic()
        child.until(lambda: child.told("rolled-back"))
        assert time.monotonic() - begun < 5
        child.until(lambda: has_settled(ring))
        stopped(child)


def test_one_pass_without_a_database_fails_and_says_where_it_is(ring: Ring) -> None:
    dsn = "host=127.0.0.1 port=1 dbname=shop user=robot password=s3cr3t-canary"
    ended = ring.start("run", "--once", RECONCILER_DSN=dsn).ended()

    assert ended.code == 1
    assert "the database can't be reached" in ended.complained
    assert "s3cr3t-canary" not in ended.said + ended.complained


def test_one_pass_that_loses_the_database_within_goes_on(ring: Ring) -> None:
    ring.report("checkout", failing=12, healthy=10)
    child = ring.start("run", "--once", failpoints="write-back.built=sleep:1")
    child.until(lambda: child.reached)
    cut_off(ring.database)
    assert child.ended().code == 0
    passes(ring, "a")

    assert unsettled(ring) == []


def test_a_database_that_lets_nobody_in_any_more_leaves_a_pass_unfinished(ring: Ring) -> None:
    ring.report("checkout", failing=12, healthy=10)
    child = ring.start("run", "--once", failpoints="write-back.built=sleep:1")
    child.until(lambda: child.reached)
    cut_off(ring.database, refuse=True)
    ended = child.ended()
    let_in(ring.database)
    assert ended.code == 1
    ring.due_now()
    passes(ring, "b")

    assert unsettled(ring) == []


def test_a_rollback_by_hand_works_while_git_is_gone(ring: Ring, database: Database) -> None:
    away = ring.remote.path.with_name("away")
    ring.remote.path.rename(away)
    ended = ring.start("rollback", "checkout", "--reason", "double charges").ended()
    assert ended.code == 0
    assert "note: git could not be told: " in ended.complained
    assert ring.states()["checkout"].standing.rolled_back

    away.rename(ring.remote.path)
    ring.due_now()
    passes(ring, "a")
    assert unsettled(ring) == []
