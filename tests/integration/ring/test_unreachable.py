"""A remote that gives no answer: what is rolled back is off, nothing is raised, and git is told when it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.domain.write_back import WriteBackStatus
from tests.builders.between import interrupted
from tests.builders.crashes import unsettled
from tests.builders.http_git import Host, an_http_remote
from tests.builders.remotes import Conduct, a_server_that, drips, hangs, hangs_up
from tests.builders.ring import Ring, Worker

SHORT = timedelta(seconds=1)


def rolled_back_while(ring: Ring, worker: Worker) -> None:
    """Let errors come and a raise be merged, and make sure of what happens without git."""
    ring.push({"search": {"tier": 1}})
    ring.report("checkout", failing=12, healthy=10)
    assert worker.look() == ["checkout"]
    begun = time.monotonic()
    tick = worker.tick()

    assert time.monotonic() - begun < 10
    assert len(tick.failures) == 1
    assert "search" not in ring.states()
    assert [row.status for row in ring.write_backs()] == [WriteBackStatus.PENDING]


def well_again(ring: Ring, worker: Worker) -> None:
    """Make a pass, and make sure that all is made up for."""
    ring.due_now()
    worker.tick()
    worker.tick()
    assert unsettled(ring) == []
    assert ring.states()["search"].standing.tier == 1


@pytest.mark.parametrize("conduct", [hangs, drips, hangs_up], ids=["hangs", "a byte at a time", "hangs up"])
def test_a_remote_that_gives_no_answer_holds_nothing_up_but_git(ring: Ring, conduct: Conduct) -> None:
    with (
        a_server_that(conduct) as port,
        ring.worker(remote=f"http://127.0.0.1:{port}/shop.git", timeout=SHORT) as worker,
    ):
        rolled_back_while(ring, worker)
        assert [list(fields) for fields in worker.told("git-unreachable")] == [["error"]]
    with ring.worker() as worker:
        well_again(ring, worker)


def test_a_remote_that_is_gone_for_a_while(ring: Ring) -> None:
    away = ring.remote.path.with_name("away")
    with ring.worker() as worker:
        worker.tick()
        ring.report("checkout", failing=12, healthy=10)
        ring.push({"search": {"tier": 1}})
        ring.remote.path.rename(away)
        assert worker.look() == ["checkout"]
        worker.tick()
        assert "search" not in ring.states()
        assert worker.told("git-unreachable")
        away.rename(ring.remote.path)
        well_again(ring, worker)


def test_a_remote_that_goes_before_the_push_is_waited_for(ring: Ring) -> None:
    away = ring.remote.path.with_name("away")
    ring.roll_back("checkout")
    ring.push({"search": {"tier": 1}})
    with ring.worker() as worker:
        worker.writing.clone = interrupted(worker.clone, lambda: ring.remote.path.rename(away))
        tick = worker.tick()
        [row] = ring.write_backs()
        assert (row.status, row.refusals) == (WriteBackStatus.PENDING, 0)
        assert row.note.startswith("git can't be reached: ")
        assert len(tick.failures) == 1
        assert tick.pause is not None
        assert timedelta(seconds=25) < tick.pause < timedelta(seconds=30)
        away.rename(ring.remote.path)
        well_again(ring, worker)


@contextmanager
def served(ring: Ring) -> Iterator[Host]:
    with an_http_remote(ring.remote) as host:
        yield host


def test_a_remote_that_may_only_be_read_is_read(ring: Ring) -> None:
    """What is merged is in force; git is told as soon as the key may write."""
    ring.push({"search": {"tier": 1}})
    with served(ring) as host, ring.worker(remote=host.url) as worker:
        host.is_read_only = True
        ring.report("checkout", failing=12, healthy=10)
        worker.look()
        for _ in range(4):
            ring.due_now()
            worker.tick()
        [row] = ring.write_backs()
        assert (row.status, row.refusals) == (WriteBackStatus.PENDING, 4)
        assert ring.states()["search"].standing.tier == 1
        assert worker.told("write-back-refused")
        host.is_read_only = False
        well_again(ring, worker)


def test_a_key_that_is_taken_away_is_said_and_shown_to_nobody(ring: Ring) -> None:
    with an_http_remote(ring.remote, token="s3cr3t-canary") as host, ring.worker(remote=host.url) as worker:
        rolled_back_while(ring, worker)
        assert "s3cr3t-canary" not in str(worker.facts)
    with ring.worker() as worker:
        well_again(ring, worker)


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "HEAD.lock"])
def test_a_branch_that_is_locked_is_written_when_it_is_free(off: Ring, lock: str) -> None:
    (off.remote.path / lock).touch()
    with off.worker() as worker:
        worker.tick()
        (off.remote.path / lock).unlink()
        off.due_now()
        worker.tick()
        worker.tick()

    assert unsettled(off) == []


def test_a_push_that_takes_too_long_and_lands_all_the_same_is_found(off: Ring) -> None:
    """The hook goes on when we are gone: a host works on after its client hung up."""
    off.hook("pre-receive", "setsid sh -c 'sleep 3' >/dev/null 2>&1 </dev/null; exit 0")
    with off.worker(timeout=timedelta(seconds=2)) as worker:
        worker.tick()
        assert [row.status for row in off.write_backs()] == [WriteBackStatus.PENDING]
        off.unhook("pre-receive")
        off.due_now()
        worker.tick()
        worker.tick()

    assert unsettled(off) == []


def test_a_push_that_lands_long_after_its_sender_was_killed_is_found(off: Ring, tmp_path: Path) -> None:
    mark = tmp_path / "begun"
    off.hook("pre-receive", f"touch {mark}; sleep 2")
    child = off.start("run", "--once")
    child.until(mark.exists)
    child.kill()
    off.unhook("pre-receive")
    off.due_now()
    with off.worker("b") as worker:
        worker.tick()
        time.sleep(3)
        worker.tick()
        worker.tick()

    assert unsettled(off) == []
