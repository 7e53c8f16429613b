"""One failure takes nothing else with it and is told once; what a person said for us is said again by us."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler.domain.watched import Watched
from reconciler.errors import StatementFailedError
from reconciler.reconcile.facts import Fact, unheard
from reconciler.reconcile.loop import Loop
from reconciler.reconcile.tick import Tick
from reconciler.reconcile.watch import Watch
from reconciler.store.postgres import PostgresStore
from tests.builders.database import Database
from tests.builders.ring import Ring, a_ring


@pytest.fixture
def ring(tmp_path: Path, database: Database) -> Iterator[Ring]:
    with a_ring(tmp_path, database, {"checkout": {"tier": 1}, "search": {"tier": 1}}) as ring:
        with ring.worker("first") as worker:
            worker.tick()
        yield ring


class SlowToCount(PostgresStore):
    """The real store, for which the events of `search` are too many to be counted in time."""

    def watched(self, features: Sequence[str] | None) -> Sequence[Watched]:
        if features is None or "search" in features:
            raise StatementFailedError("canceling statement due to statement timeout")
        return super().watched(features)


def test_a_count_that_takes_too_long_keeps_no_other_from_being_rolled_back(ring: Ring, database: Database) -> None:
    for feature in ("checkout", "search"):
        ring.report(feature, failing=12, healthy=10)
    told: list[Fact] = []
    store = SlowToCount.at(database.dsn_for("rollouts_reconciler"))
    watch = Watch(store=store, new_id=uuid4, tell=told.append)

    assert [done.feature for done in watch.look()] == ["checkout"]
    assert watch.failures == ["search"]
    assert [(fact.name, fact.fields["feature"]) for fact in told] == [
        ("events-unreadable", "search"),
        ("rolled-back", "checkout"),
    ]
    store.close()


def test_an_outage_is_told_when_it_begins_and_when_it_is_over(ring: Ring) -> None:
    away = ring.remote.path.with_name("away.git")
    with ring.worker() as worker:
        ring.roll_back("checkout")
        ring.remote.path.rename(away)
        for _ in range(3):
            assert worker.tick().failures
        away.rename(ring.remote.path)
        worker.tick()

    assert [len(worker.told(name)) for name in ("git-unreachable", "recovered")] == [1, 1]
    assert ring.said("checkout") == {"tier": 0, "rolled_back": 1}


def test_a_pass_that_fails_is_not_repeated_without_a_pause() -> None:
    passes: list[int] = []

    def tick() -> Tick:
        passes.append(1)
        return Tick(failures=("git is away",), pause=timedelta())

    loop = Loop(
        look=lambda _features: None,
        failing=lambda _span: (),
        tick=tick,
        tell=unheard,
        watch_every=timedelta(seconds=30),
        tick_every=timedelta(seconds=30),
    )
    end = threading.Timer(2.0, loop.stop)
    end.start()
    loop.run()
    end.join()

    assert 1 <= len(passes) <= 3


def test_a_rollback_that_only_the_file_told_of_is_told_when_it_is_taken_back(ring: Ring) -> None:
    ring.roll_back("checkout")
    ring.push({"checkout": {"tier": 0, "rolled_back": 1}}, message="Off, by hand")
    with ring.worker() as worker:
        worker.tick()
        assert ring.rollback_ids() == []
        ring.push({"checkout": {"tier": 1}}, message="And on again")
        worker.tick()
        worker.tick()

    assert ring.said("checkout") == {"tier": 0, "rolled_back": 1}
    assert ring.rollback_ids() == [str(each.id) for each in ring.write_backs()]


def test_a_file_that_contradicts_itself_tells_of_nothing(ring: Ring) -> None:
    ring.roll_back("checkout")
    ring.push({"checkout": {"tier": 1, "attempt": 1, "rolled_back": 7}}, message="Nonsense")
    with ring.worker() as worker:
        worker.tick()
        assert not ring.write_backs()[0].is_told
        ring.push({"checkout": {"tier": 1}}, message="Mend it")
        ring.due_now()
        worker.tick()

    assert ring.said("checkout") == {"tier": 0, "rolled_back": 1}


def test_commits_squashed_into_one_tell_of_all_their_rollbacks(ring: Ring) -> None:
    for feature in ("checkout", "search"):
        ring.roll_back(feature)
    first, second = ring.write_backs()
    blocks = [
        f"Rollback-Id: {each.id}\nRollout-Feature: {each.feature}\nRollout-Attempt: 1\nEnvironment: rollouts.d\n"
        for each in (first, second)
    ]
    both = {each.feature: {"tier": 0, "rolled_back": 1} for each in (first, second)}
    commit = ring.push(both, message="Roll both back\n\n" + "".join(blocks))
    with ring.worker() as worker:
        tip = worker.clone.fetch()
        found = worker.clone.repository.rollback_commits(None, tip, "rollouts.d")

    assert found == {first.id: commit, second.id: commit}
