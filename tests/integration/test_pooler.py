"""Behind a pooler that hands each transaction to another session: nothing breaks, is raised or gets lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from reconciler.client import RolloutClient
from reconciler.errors import ReconcilerError
from reconciler.reconcile.override import Grounds, roll_back
from reconciler.store.postgres import PostgresStore
from tests.builders.chain import faults
from tests.builders.clients import until
from tests.builders.database import Database
from tests.builders.pooler import Pooled, a_pooled, needs_pooler
from tests.builders.ring import Ring, a_ring

pytestmark = needs_pooler
RECONCILER = "rollouts_reconciler"


@pytest.fixture
def pooled(tmp_path: Path, database: Database) -> Iterator[Pooled]:
    with a_pooled(tmp_path, database) as behind:
        yield behind


@pytest.fixture
def ring(tmp_path: Path, pooled: Pooled) -> Iterator[Ring]:
    with a_ring(tmp_path, pooled, {"checkout": {"tier": 1, "whitelist": ["ada"]}}) as ring:
        yield ring


def test_the_ring_closes_through_a_pooler(ring: Ring) -> None:
    with ring.worker() as worker:
        worker.tick()
        ring.push({"checkout": {"tier": 2, "whitelist": ["ada"]}})
        worker.tick()
        assert ring.states()["checkout"].standing.tier == 2
        ring.report("checkout", failing=12, healthy=10)
        assert worker.look() == ["checkout"]
        worker.tick()

    assert ring.said("checkout") == {"tier": 0, "rolled_back": 1}
    assert len(ring.rollback_ids()) == 1


def test_clients_and_recorders_live_behind_it(ring: Ring, pooled: Pooled) -> None:
    with ring.worker() as worker:
        worker.tick()
    with RolloutClient(pooled.dsn_for("rollouts_application"), poll=0.5, handle_sigterm=False) as rollouts:
        assert rollouts.is_enabled("checkout", "ada")
        rollouts.record_error("checkout", "ada")
        assert rollouts.flush(10)
        ring.roll_back("checkout")
        until(lambda: not rollouts.is_enabled("checkout", "ada"))
    with psycopg.connect(pooled.dsn) as admin:
        events = admin.execute("select event from rollouts.rollout_events order by 1").fetchall()
    assert events == [("disabled",), ("enabled",), ("error",)]


def test_many_at_once_share_few_sessions_and_leave_one_valid_chain(ring: Ring, pooled: Pooled) -> None:
    with ring.worker() as worker:
        worker.tick()

    def struck(_number: int) -> bool:
        store = PostgresStore.at(pooled.dsn_for(RECONCILER))
        try:
            return roll_back(store, "checkout", Grounds(reason="errors", actor="ada"), uuid4).is_new
        except ReconcilerError:
            return False
        finally:
            store.close()

    with ThreadPoolExecutor(24) as threads:
        assert sum(threads.map(struck, range(24))) == 1
    with psycopg.connect(pooled.dsn) as admin:
        assert faults(admin) == []


def test_no_session_keeps_what_one_of_us_set(ring: Ring, pooled: Pooled) -> None:
    with ring.worker() as worker:
        worker.tick()
        ring.roll_back("checkout")
        worker.tick()
    with psycopg.connect(pooled.dsn_for(RECONCILER), autocommit=True) as other:
        for _ in range(10):
            kept = other.execute("select current_setting('lock_timeout'), current_setting('synchronous_commit')")
            assert kept.fetchall() == [("0", "off")]
            assert other.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone() == (0,)
