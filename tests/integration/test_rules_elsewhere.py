"""What was decided on one database, branch or history holds there alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler.domain.ledger import Cause, RevisionRecord
from reconciler.errors import ConflictError
from reconciler.reconcile.observe import Prospect
from tests.builders.between import interrupted
from tests.builders.database import Database
from tests.builders.ring import a_ring
from tests.builders.scene import ROOT, Scene, a_scene


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        yield scene


def test_a_first_row_that_forgets_a_rollback_is_put_right(scene: Scene) -> None:
    """An old job creates the feature between the plan of the tip and its commit in force."""
    older = scene.commit({"checkout": {"tier": 0}})
    scene.commit({"checkout": {"tier": 0, "attempt": 1, "rolled_back": 1}}, rollbacks={"checkout": 1})
    scene.commit({"checkout": {"tier": 0}})
    old_job = scene.prepare(older)
    scene.store.take_revision(RevisionRecord(previous_number=0, root=ROOT, revision=older, actor="old job"))
    late = [old_job.plan.changes[0]]

    def planned() -> Prospect:
        prospect = scene.prepare()
        while late:
            cause = Cause(revision=older, actor="old job")
            scene.store.transition(late.pop(), transition_id=uuid4(), cause=cause)
        return prospect

    scene.apply(prepare=planned)
    scene.commit({"checkout": {"tier": 1}})
    scene.apply()

    row = scene.rows()["checkout"]
    assert (row.tier, row.attempt, row.rolled_back) == (0, 1, True)


def test_a_first_row_that_remembers_leaves_nothing_to_look_back_for(scene: Scene) -> None:
    scene.commit({"checkout": {"tier": 0, "attempt": 1, "rolled_back": 1}}, rollbacks={"checkout": 1})
    scene.apply()
    written = scene.counts()
    scene.apply()

    assert (scene.store.scope().looks_back, scene.counts()) == (False, written)


def test_a_raise_is_not_written_in_another_database_than_it_was_decided_on(scene: Scene) -> None:
    scene.commit({"checkout": {"tier": 0}})
    scene.apply()
    scene.commit({"checkout": {"tier": 1}})
    prospect = scene.prepare()
    scene.store.take_revision(
        RevisionRecord(previous_number=prospect.scope.number, root=ROOT, revision=prospect.plan.revision, actor="t")
    )
    [change] = prospect.plan.changes
    place = prospect.scope.place
    cause = Cause(revision=prospect.plan.revision, actor="t", place=f"{place} another")

    with pytest.raises(ConflictError):
        scene.store.transition(change, transition_id=uuid4(), cause=cause)

    assert scene.rows()["checkout"].tier == 0
    scene.store.transition(change, transition_id=uuid4(), cause=replace(cause, place=place))
    assert scene.rows()["checkout"].tier == 1


def test_a_push_brings_nothing_back_that_people_dropped(tmp_path: Path, database: Database) -> None:
    with a_ring(tmp_path, database, {"checkout": {"tier": 1}}) as ring, ring.worker() as worker:
        worker.tick()
        kept = ring.pull()
        dropped = ring.push({"search": {"tier": 1}}, message="Release search")
        ring.roll_back("checkout")
        force = lambda: ring.person.git("push", "--quiet", "--force", "origin", f"{kept}:main")  # noqa: E731
        worker.writing.clone = interrupted(worker.clone, force)
        worker.tick()

        assert dropped not in ring.remote.git("rev-list", "main").split()
        assert ring.said("checkout") == {"tier": 0, "rolled_back": 1}
