"""A branch that loses its past: nothing is raised on it, and what it no longer tells is written again, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.domain.ledger import RevisionRecord
from reconciler.domain.write_back import WriteBack, WriteBackStatus
from tests.builders.crashes import unsettled
from tests.builders.ring import Ring, Worker
from tests.builders.scene import ROOT, path_of


@pytest.fixture
def worker(off: Ring) -> Iterator[Worker]:
    """A replica that has told git."""
    with off.worker() as worker:
        worker.tick()
        worker.tick()
        worker.facts.clear()
        yield worker


def row_of(ring: Ring) -> WriteBack:
    [row] = ring.write_backs()
    return row


def force(ring: Ring, revision: str) -> None:
    """Let a person set the branch to a commit of theirs."""
    ring.person.git("push", "--quiet", "--force", "origin", f"{revision}:refs/heads/main")


def lose_the_write_back(ring: Ring) -> str:
    """Force the branch back to before the rollback, with a raise of another feature on top, and return its tip."""
    ring.pull()
    ring.person.reset("HEAD^")
    raised = "feature: search\ntier: 1\n"
    tip = ring.person.commit({path_of("search"): raised})
    ring.by_people.add(tip)
    force(ring, tip)
    return tip


def reanchor(worker: Worker, revision: str) -> None:
    """Unlock rewritten history as a person does with `db reanchor`."""
    scope = worker.store.scope()
    record = RevisionRecord(
        previous_number=scope.number, root=ROOT, revision=revision, actor="ada", kind="reanchor", reason="mended"
    )
    worker.store.take_revision(record)


def test_a_lost_write_back_is_said_and_written_again_once(off: Ring, worker: Worker) -> None:
    before = row_of(off).revision
    lose_the_write_back(off)
    tick = worker.tick()

    assert worker.told("write-back-lost") == [{"feature": "checkout", "attempt": 1, "commit": before}]
    assert len(tick.failures) == 1
    assert "search" not in off.states()
    assert unsettled(off) == []
    assert row_of(off).revision == off.remote.tip("main") != before

    worker.tick()
    worker.tick()
    assert len(off.rollback_ids()) == 1
    assert len(worker.told("write-back-lost")) == 1


def test_raises_go_on_when_a_person_says_that_it_is_well(off: Ring, worker: Worker) -> None:
    lose_the_write_back(off)
    worker.tick()
    reanchor(worker, off.pull())
    worker.tick()

    assert unsettled(off) == []
    off.push({"search": {"tier": 1, "owner": "shop"}})
    worker.tick()
    assert off.states()["search"].standing.tier == 1


def test_two_replicas_find_it_lost_and_write_it_once(off: Ring, worker: Worker) -> None:
    lose_the_write_back(off)
    with off.worker("b") as other:
        other.clone.fetch()
        worker.clone.fetch()
        tip = off.remote.tip("main")
        worker.writing.work(tip)
        other.writing.work(tip)

    assert unsettled(off) == []


def test_a_write_back_that_a_person_reverts_is_not_written_again(off: Ring, worker: Worker) -> None:
    commit = row_of(off).revision
    off.pull()
    off.person.git("revert", "--no-edit", str(commit))
    off.by_people.add(off.person.tip())
    off.person.git("push", "--quiet", "origin", "HEAD:main")
    tick = worker.tick()
    worker.tick()

    assert off.said("checkout") == {"tier": 1}
    assert (row_of(off).status, row_of(off).revision) == (WriteBackStatus.WRITTEN, commit)
    assert worker.told("written-back") == []
    assert tick.outcome is not None
    [refusal] = tick.outcome.plan.refusals
    assert "attempt 1 was rolled back" in refusal.reason
    assert "`attempt: 2`" in f"{refusal.reason} {refusal.remedy}"
    assert off.states()["checkout"].standing.tier == 0


def test_an_unrelated_history_lowers_and_retires_nothing(off: Ring, worker: Worker) -> None:
    off.person.git("checkout", "--quiet", "--orphan", "other")
    off.person.git("rm", "-r", "--quiet", "--force", ".")
    tip = off.person.commit({path_of("pages"): "feature: pages\ntier: 1\n"})
    force(off, tip)
    before = off.states()["checkout"].version
    tick = worker.tick()

    assert len(tick.failures) == 1
    assert {feature: state.version for feature, state in off.states().items()} == {"checkout": before}
    assert worker.told("write-back-lost")
    assert row_of(off).note == "its file is gone; git is told when the file comes back"
    assert off.remote.tip("main") == tip


@pytest.mark.parametrize("name", ["deleted", "renamed"])
def test_a_branch_that_is_gone_lowers_and_retires_nothing(off: Ring, worker: Worker, name: str) -> None:
    tip = off.remote.tip("main")
    if name == "renamed":
        off.remote.git("update-ref", "refs/heads/trunk", "main")
    off.remote.git("update-ref", "-d", "refs/heads/main")
    before = off.states()
    tick = worker.tick()

    assert len(tick.failures) == 1
    assert "has no branch main" in tick.failures[0]
    assert off.states() == before
    assert row_of(off).status is WriteBackStatus.WRITTEN

    off.remote.git("update-ref", "refs/heads/main", tip)
    worker.tick()
    assert unsettled(off) == []


def test_a_rollback_while_the_branch_is_gone_is_told_when_it_is_back(ring: Ring) -> None:
    tip = ring.remote.tip("main")
    with ring.worker() as worker:
        worker.tick()
        ring.remote.git("update-ref", "-d", "refs/heads/main")
        ring.report("checkout", failing=12, healthy=10)
        assert worker.look() == ["checkout"]
        worker.tick()
        ring.remote.git("update-ref", "refs/heads/main", tip)
        ring.due_now()
        worker.tick()
        worker.tick()

    assert unsettled(ring) == []


def test_a_remote_without_all_of_its_history_is_told_and_raises_nothing(off: Ring) -> None:
    for number in range(3):
        off.edit("notes.md", lambda text, number=number: f"{text}{number}\n")  # type: ignore[misc]
    off.push({"search": {"tier": 1}})
    shallow = off.remote.clone(off.folder / "shallow.git", depth=1, bare=True)
    with off.worker(remote=str(shallow.path)) as worker:
        tick = worker.tick()

    assert len(tick.failures) == 1
    assert "search" not in off.states()
    assert row_of(off).status is WriteBackStatus.WRITTEN
    assert shallow.git("log", "-1", "--format=%s", "main") == "Roll back checkout: tier 1 -> 0"
