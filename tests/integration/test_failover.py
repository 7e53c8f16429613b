"""A standby that lost the last commits is promoted: git's memory wins, and nothing is raised."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from reconciler.reconcile.apply import Applier
from reconciler.reconcile.observe import Request, prepare
from reconciler.store.migrate import migrate
from reconciler.store.postgres import PostgresStore
from tests.builders.chain import faults
from tests.builders.database import Database
from tests.builders.ring import Ring, a_ring
from tests.builders.scene import ROOT
from tests.builders.standby import Pair, a_pair

RECONCILER = "rollouts_reconciler"


@pytest.fixture
def pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="rr-") as folder, a_pair(Path(folder).resolve()) as pair:
        with psycopg.connect(pair.primary.dsn) as connection:
            migrate(connection, applied_by="tests")
        yield pair


@pytest.fixture
def ring(tmp_path: Path, pair: Pair) -> Iterator[Ring]:
    """`checkout` at tier 2 with whitelisted customers, on both servers; the standby gets nothing more."""
    with a_ring(tmp_path, Database(dsn=pair.primary.dsn), {"checkout": {"tier": 1}}) as ring:
        with ring.worker() as worker:
            worker.tick()
            ring.push({"checkout": {"tier": 2, "whitelist": ["ada"]}})
            worker.tick()
        pair.catch_up()
        pair.cut()
        yield ring


def failed_over(ring: Ring, pair: Pair) -> Ring:
    """Return the ring on the standby, which lost whatever came after the cut."""
    ring.store.close()
    pair.promote()
    database = Database(dsn=pair.standby_dsn)
    return replace(ring, database=database, store=PostgresStore.at(database.dsn_for(RECONCILER)))


def test_a_rollback_that_git_knows_is_imported(ring: Ring, pair: Pair) -> None:
    with ring.worker() as worker:
        ring.roll_back("checkout")
        worker.tick()
    told = ring.pull()
    ring = failed_over(ring, pair)
    with closing(ring.store), ring.worker("b") as worker:
        assert ring.states()["checkout"].standing.tier == 2, "the standby lost the rollback"
        worker.tick()
        worker.tick()

        standing = ring.states()["checkout"].standing
        assert (standing.tier, standing.attempt, standing.rolled_back) == (0, 1, True)
        assert ring.states()["checkout"].rollback is not None
        assert ring.pull() == told, "no second commit"
        with psycopg.connect(ring.database.dsn) as admin:
            assert faults(admin) == []
            assert admin.execute("select rollouts.rollout_enabled('checkout', 'ada')").fetchone() == (False,)


@pytest.mark.slow
def test_one_that_was_reverted_in_git_is_imported_all_the_same(ring: Ring, pair: Pair) -> None:
    with ring.worker() as worker:
        ring.roll_back("checkout")
        worker.tick()
    ring.push({"checkout": {"tier": 2, "whitelist": ["ada"]}}, message="Revert the rollback")
    ring = failed_over(ring, pair)
    with closing(ring.store), ring.worker("b") as worker:
        tick = worker.tick()

        assert ring.states()["checkout"].standing.rolled_back
        assert tick.outcome is not None
        assert [refusal.rule for refusal in tick.outcome.plan.refusals] == ["rolled-back"]


@pytest.mark.slow
def test_an_older_revision_raises_nothing_after_it(ring: Ring, pair: Pair) -> None:
    raised = ring.pull()
    with ring.worker() as worker:
        ring.roll_back("checkout")
        worker.tick()
    ring = failed_over(ring, pair)
    with closing(ring.store), ring.worker("b") as worker:
        worker.clone.fetch()
        request = Request(root=ROOT, local_now=datetime.now(UTC), revision=raised)
        old_job = Applier(
            store=ring.store,
            prepare=lambda: prepare(ring.store, worker.clone.repository, request),
            new_id=uuid4,
            actor="an old job",
        )
        old_job.run()
        # The revision of the tip, where git tells of the rollback, counts for the older one too.
        standing = ring.states()["checkout"].standing
        worker.tick()

        assert (standing.tier, standing.rolled_back) == (0, True)
        assert ring.states()["checkout"].standing == standing


@pytest.mark.slow
def test_one_that_nobody_remembers_comes_again_with_the_errors(ring: Ring, pair: Pair) -> None:
    ring.roll_back("checkout")  # neither the standby nor git hears of it
    ring = failed_over(ring, pair)
    with closing(ring.store), ring.worker("b") as worker:
        ring.report("checkout", failing=12, healthy=10)
        assert worker.look() == ["checkout"]
        worker.tick()

        assert ring.said("checkout") == {"tier": 0, "rolled_back": 1}
        assert len(ring.rollback_ids()) == 1
