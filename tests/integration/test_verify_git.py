"""What git says and the database doesn't, and the other way: forged commits, rewritten history, lesser clones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from reconciler.domain.ledger import RevisionRecord
from tests.builders.auditing import found, verified
from tests.builders.database import Database
from tests.builders.ring import Ring, Worker, a_ring
from tests.builders.scene import ROOT, path_of, yaml_of

LIVE: dict[str, Any] = {"tier": 1}


@pytest.fixture
def ring(tmp_path: Path, database: Database) -> Iterator[Ring]:
    with a_ring(tmp_path, database, {"checkout": LIVE, "search": {"tier": 0}}) as ring:
        yield ring


@pytest.fixture
def worker(ring: Ring) -> Iterator[Worker]:
    with ring.worker() as worker:
        worker.tick()
        yield worker


def trailers(identity: object, feature: str = "checkout", attempt: int = 1) -> str:
    return f"Rollback-Id: {identity}\nRollout-Feature: {feature}\nRollout-Attempt: {attempt}\nEnvironment: {ROOT}\n"


def force(ring: Ring) -> None:
    ring.person.git("push", "--quiet", "--force", "origin", "HEAD:main")


def reanchor(ring: Ring) -> None:
    record = RevisionRecord(
        previous_number=ring.store.scope().number,
        root=ROOT,
        revision=ring.remote.tip("main"),
        actor="ada",
        kind="reanchor",
        reason="split the repository",
    )
    ring.store.take_revision(record)


def test_a_rollback_that_only_git_knows_is_named_until_it_is_applied(ring: Ring, worker: Worker) -> None:
    commit = ring.push({}, message=f"Roll back\n\n{trailers(uuid4())}")

    [finding] = verified(ring.database, ring.remote.path).findings
    assert (finding.feature, finding.rule) == ("checkout", "unknown_rollback")
    assert finding.what == f"{commit[:10]} tells of a rollback of attempt 1 that the database doesn't know"
    assert finding.remedy.startswith("`reconciler apply` imports it")

    worker.tick()
    assert found(ring.database, ring.remote.path) == []


def test_another_rollback_of_an_attempt_that_is_over_is_named(ring: Ring, worker: Worker) -> None:
    ring.roll_back("checkout")
    worker.tick()
    ring.push({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}})
    worker.tick()
    ring.push({}, message=f"Roll back\n\n{trailers(uuid4())}")
    worker.tick()

    assert found(ring.database, ring.remote.path) == ["checkout unknown_rollback"]


def test_a_rollback_with_the_id_of_another_feature_is_named(ring: Ring, worker: Worker) -> None:
    ring.roll_back("checkout")
    worker.tick()
    [write_back] = ring.write_backs()
    ring.push({}, message=f"Roll back\n\n{trailers(write_back.id, 'search')}")

    [finding] = verified(ring.database, ring.remote.path).findings

    assert (finding.feature, finding.rule) == ("search", "unknown_rollback")
    assert finding.what.endswith(": the database knows it as that of checkout attempt 1")


def test_a_second_commit_for_one_rollback_is_named(ring: Ring, worker: Worker) -> None:
    ring.roll_back("checkout")
    worker.tick()
    [write_back] = ring.write_backs()
    again = ring.push({}, message=f"Roll back\n\n{trailers(write_back.id)}")

    [finding] = verified(ring.database, ring.remote.path).findings

    assert (finding.feature, finding.rule) == ("checkout", "one_commit_a_rollback")
    assert (
        finding.what == f"{(write_back.revision or '')[:10]} and {again[:10]} tell of one rollback, {write_back.id}"
    )


def test_a_commit_that_claims_to_tell_and_does_not_is_named(ring: Ring, worker: Worker) -> None:
    done = ring.roll_back("checkout")
    claim = ring.push({}, message=f"Roll back\n\n{trailers(done.id)}")
    worker.tick()

    [finding] = verified(ring.database, ring.remote.path).findings

    assert ring.said("checkout") == LIVE
    assert (finding.feature, finding.version, finding.rule) == ("checkout", 2, "git_is_told")
    assert finding.what == f"{claim[:10]} is said to tell git of it, and the file says `rolled_back: 0`"


def test_trailers_that_name_another_attempt_are_named(ring: Ring, worker: Worker) -> None:
    done = ring.roll_back("checkout")
    ring.push({"checkout": {"tier": 0, "rolled_back": 1}}, message=f"Roll back\n\n{trailers(done.id, attempt=3)}")
    with psycopg.connect(ring.database.dsn, autocommit=True) as admin:
        admin.execute(
            "update rollouts.rollout_write_backs set status = 'written', revision = %s", [ring.remote.tip("main")]
        )

    findings = verified(ring.database, ring.remote.path).findings

    assert [finding.rule for finding in findings] == ["unknown_rollback", "git_is_told"]
    assert findings[1].what.endswith("name checkout attempt 3, not checkout attempt 1")


def test_rewritten_history_names_the_commits_that_are_gone(ring: Ring, worker: Worker) -> None:
    ring.push({"checkout": {"tier": 2}})
    worker.tick()
    gone = ring.pull()
    ring.person.reset("HEAD~1")
    ring.person.commit({path_of("checkout"): yaml_of({"feature": "checkout", "tier": 2, "owner": "team-a"})})
    force(ring)
    fresh = ring.remote.clone(ring.folder / "fresh", bare=True)

    here, there = (verified(ring.database, path).findings for path in (ring.remote.path, fresh.path))

    caused = f"{gone[:10]}, which was in force and caused 1 transition of checkout, "
    assert [finding.what for finding in here] == [f"{caused}is not on main"]
    assert [finding.what for finding in there] == [f"{caused}is not in this clone"]
    assert "`reconciler db reanchor --reason TEXT`" in here[0].remedy


def test_history_that_was_rewritten_on_purpose_fits(ring: Ring, worker: Worker) -> None:
    ring.push({"checkout": {"tier": 2}})
    worker.tick()
    ring.pull()
    ring.person.reset("HEAD~1")
    ring.person.commit({path_of("checkout"): yaml_of({"feature": "checkout", "tier": 2, "owner": "team-a"})})
    force(ring)
    reanchor(ring)
    worker.tick()
    fresh = ring.remote.clone(ring.folder / "fresh", bare=True)

    here, there = (verified(ring.database, path) for path in (ring.remote.path, fresh.path))

    assert (here.findings, here.unchecked, there.findings) == ((), (), ())
    assert [unchecked.what for unchecked in there.unchecked] == [
        "1 commit of before history was rewritten (split the repository) can't be compared"
    ]


def test_a_rewritten_history_that_forgot_a_rollback_is_named(ring: Ring, worker: Worker) -> None:
    ring.roll_back("checkout")
    worker.tick()
    ring.pull()
    ring.person.reset("HEAD~1")
    force(ring)

    assert "checkout 2 git_is_told" in found(ring.database, ring.remote.path)


def test_a_shallow_clone_says_what_it_cannot_tell(ring: Ring, worker: Worker) -> None:
    for tier in (2, 3, 4):
        ring.push({"checkout": {"tier": tier}})
        worker.tick()
    shallow = ring.remote.clone(ring.folder / "shallow", depth=2, bare=True)

    told = verified(ring.database, shallow.path)

    assert told.findings == ()
    assert [unchecked.what for unchecked in told.unchecked] == [
        "2 commits can't be compared: this clone holds only a part of the history"
    ]


def test_a_clone_without_contents_says_so(ring: Ring, worker: Worker) -> None:
    ring.push({"checkout": {"tier": 2}})
    worker.tick()
    ring.remote.git("config", "uploadpack.allowFilter", "true")
    partial = ring.folder / "partial"
    ring.remote.git("clone", "--quiet", "--bare", "--filter=blob:none", ring.remote.path.as_uri(), str(partial))

    told = verified(ring.database, partial)

    assert told.findings == ()
    assert [unchecked.what.partition(":")[0] for unchecked in told.unchecked] == [
        "not all contents can be read in this clone"
    ]


def test_another_branch_is_told_from_the_one_that_is_applied(ring: Ring, worker: Worker) -> None:
    ring.person.git("push", "--quiet", "origin", "HEAD:old")
    ring.push({"checkout": {"tier": 2}})
    worker.tick()

    [finding] = verified(ring.database, ring.remote.path, branch="old").findings

    assert finding.what.endswith("is not on old")


def test_a_database_that_nothing_was_applied_to_fits(database: Database, ring: Ring) -> None:
    assert verified(database, ring.remote.path).fits
