"""A database and a remote that nobody tampered with: whatever happened to a rollout, everything fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.auditing import verified
from tests.builders.database import Database
from tests.builders.ring import AT_ONCE, Ring, Worker, a_ring
from tests.builders.scene import ROOT, path_of, yaml_of

LIVE = {"tier": 1, "whitelist": ["ada"]}
HELD = {**AT_ONCE, "dwell": "48h"}


@pytest.fixture
def ring(tmp_path: Path, database: Database) -> Iterator[Ring]:
    with a_ring(tmp_path, database, {"checkout": LIVE}) as ring:
        yield ring


@pytest.fixture
def worker(ring: Ring) -> Iterator[Worker]:
    with ring.worker() as worker:
        worker.tick()
        yield worker


def step(ring: Ring, worker: Worker, **features: dict[str, object] | None) -> None:
    """Push definitions, and let the product apply them."""
    ring.push(features)
    worker.tick()


def kinds(ring: Ring, feature: str = "checkout") -> list[str]:
    return [transition.kind for transition in ring.store.history(feature)]


def test_a_rollout_that_climbs_waits_and_falls_fits(ring: Ring, worker: Worker) -> None:
    step(ring, worker, checkout={"tier": 2, "whitelist": ["ada"]})
    step(ring, worker, checkout={"tier": 2, "whitelist": ["ada", "bob"], "owner": "team-a"})
    step(ring, worker, checkout={"tier": 3, "dwell": "48h", "paused": True})
    step(ring, worker, checkout={"tier": 0}, search={"tier": 1, "paused": True}, basket={"tier": 0})

    assert kinds(ring) == ["create", "promote", "update", "update", "demote"]
    found = verified(ring.database, ring.remote.path)
    assert (found.findings, found.unchecked) == ((), ())
    assert found.counts == {
        "rollouts": 3,
        "transitions": 7,
        "revisions": 5,
        "write_backs": 0,
        "telling_commits": 0,
    }


def test_a_rollout_that_is_taken_over_finished_and_retired_fits(ring: Ring, worker: Worker) -> None:
    step(ring, worker, checkout={"tier": 1, "target": 1}, search={"tier": 0})
    step(ring, worker, checkout=None)
    step(ring, worker, checkout={"tier": 1, "target": 2})

    assert kinds(ring) == ["create", "update", "retire", "update"]
    assert verified(ring.database, ring.remote.path).fits


@pytest.mark.parametrize("by", ["errors", "a person"])
def test_a_rollback_that_git_is_told_of_and_a_restart_fit(ring: Ring, worker: Worker, by: str) -> None:
    if by == "errors":
        ring.report("checkout", failing=12, healthy=10)
        worker.look()
    else:
        ring.roll_back("checkout")
    pending = verified(ring.database, ring.remote.path)
    worker.tick()
    written = verified(ring.database, ring.remote.path)
    step(ring, worker, checkout={"tier": 1, "attempt": 2, "rolled_back": 1})
    restarted = verified(ring.database, ring.remote.path)

    assert kinds(ring)[-1] == "restart"
    assert (pending.findings, written.findings, restarted.findings) == ((), (), ())
    assert (written.counts["write_backs"], written.counts["telling_commits"]) == (1, 1)


def test_a_rollback_that_a_person_wrote_into_the_file_fits(ring: Ring, worker: Worker) -> None:
    ring.roll_back("checkout")
    step(ring, worker, checkout={"tier": 0, "rolled_back": 1})

    assert [write_back.status for write_back in ring.write_backs()] == ["written"]
    assert ring.rollback_ids() == []
    assert verified(ring.database, ring.remote.path).fits


def test_a_rollback_that_is_reverted_by_a_person_and_told_again_fits(ring: Ring, worker: Worker) -> None:
    ring.roll_back("checkout")
    worker.tick()
    told = ring.pull()
    step(ring, worker, checkout=LIVE)
    ring.pull()
    ring.person.git("cherry-pick", told)
    ring.person.git("push", "--quiet", "origin", "HEAD:main")
    worker.tick()

    assert len(ring.rollback_ids()) == 2
    assert verified(ring.database, ring.remote.path).findings == ()


@pytest.mark.parametrize("by", ["file", "trailer"])
def test_an_imported_rollback_fits(ring: Ring, worker: Worker, by: str) -> None:
    if by == "file":
        step(ring, worker, checkout={"tier": 0, "rolled_back": 1})
    else:
        trailers = "Rollback-Id: 6b1f7a0e-6d0c-4b6b-9a55-0d6f0c1d2e3f\nRollout-Feature: checkout\n"
        ring.push({}, message=f"Roll back\n\n{trailers}Rollout-Attempt: 1\nEnvironment: {ROOT}\n")
        worker.tick()

    assert kinds(ring)[:2] == ["create", "rollback"]
    assert verified(ring.database, ring.remote.path).fits


def test_moved_files_and_other_policies_fit(ring: Ring, worker: Worker) -> None:
    ring.pull()
    moved = {path_of("checkout", "team/"): yaml_of({"feature": "checkout", **LIVE})}
    ring.person.commit({**moved, f"{ROOT}/_policy.yaml": yaml_of(HELD)}, delete=[path_of("checkout")])
    ring.person.git("push", "--quiet", "origin", "HEAD:main")
    worker.tick()

    assert kinds(ring) == ["create", "update"]
    assert verified(ring.database, ring.remote.path).findings == ()
