"""What other writers, crashes and old facts do to an apply that is under way: nothing that the rules don't say."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from reconciler.domain.ledger import Cause, RevisionRecord
from reconciler.errors import DatabaseUnavailableError, StatementFailedError
from tests.builders.database import Database
from tests.builders.scene import ROOT, Scene, a_scene
from tests.builders.watched import Watched


def time_out() -> None:
    raise StatementFailedError("the database failed: canceling statement due to statement timeout")


def lose_the_server() -> None:
    raise DatabaseUnavailableError("the database can't be reached")


class CrashError(Exception):
    """The process is gone."""


def crash() -> None:
    """Die here."""
    raise CrashError


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 1}, "search": {"tier": 1}})
        scene.apply()
        yield scene


def test_a_change_that_lost_against_another_writer_is_decided_anew(scene: Scene) -> None:
    scene.commit({"checkout": {"tier": 2}})
    scene.pass_time(hours=48)

    outcome = scene.apply(store=Watched(scene.store, before_transition=lambda: scene.roll_back("checkout")))

    assert scene.chain("checkout") == [("create", 1, 1), ("rollback", 0, 1)]
    assert (len(outcome.conflicts), outcome.done, outcome.is_settled) == (1, (), True)


def test_a_change_that_another_job_made_already_is_made_once(scene: Scene) -> None:
    scene.commit({"checkout": {"tier": 2}, "search": {"tier": 0}})
    scene.pass_time(hours=48)

    scene.apply(store=Watched(scene.store, before_transition=scene.apply))

    assert scene.chain("checkout") == [("create", 1, 1), ("promote", 2, 1)]
    assert scene.chain("search") == [("create", 1, 1), ("demote", 0, 1)]


@pytest.mark.parametrize("moment", ["before_revision", "before_transition"])
def test_an_apply_that_was_overtaken_by_a_newer_commit_changes_nothing_more(scene: Scene, moment: str) -> None:
    older = scene.commit({"checkout": {"tier": 0}})
    scene.commit({"checkout": {"tier": 1, "owner": "team-a"}})

    outcome = scene.apply(older, store=_overtaken(scene, moment))

    assert (outcome.is_stale, outcome.done) == (True, ())
    assert scene.chain("checkout") == [("create", 1, 1), ("update", 1, 1)]


def test_what_the_commit_before_did_last_is_not_taken_for_in_sync(scene: Scene) -> None:
    """A job of the commit before writes after we have looked, and before ours is in force."""
    raised = scene.commit({"checkout": {"tier": 2}})
    scene.pass_time(hours=48)
    [promotion] = scene.prepare().plan.changes
    number = scene.store.scope().number
    scene.store.take_revision(RevisionRecord(previous_number=number, root=ROOT, revision=raised, actor="old"))
    scene.commit({"checkout": {"tier": 1}})

    def promote() -> None:
        scene.store.transition(promotion, transition_id=uuid4(), cause=Cause(revision=raised, actor="old"))

    scene.apply(store=Watched(scene.store, before_revision=promote))

    assert scene.chain("checkout") == [("create", 1, 1), ("promote", 2, 1), ("demote", 1, 1)]


def test_an_apply_that_crashed_is_finished_by_the_next(scene: Scene) -> None:
    scene.commit({"checkout": {"tier": 2, "owner": "team-a"}, "search": {"tier": 0}, "basket": {"tier": 1}})
    scene.pass_time(hours=48)

    with pytest.raises(CrashError):
        scene.apply(store=Watched(scene.store, before_transition=crash))
    scene.apply()

    assert {name: row.tier for name, row in scene.rows().items()} == {"basket": 1, "checkout": 2, "search": 0}


def test_a_crash_does_not_forget_a_rollback_that_a_trailer_told_of(scene: Scene) -> None:
    """The commit is in force before the rollback is imported: its trailer must not be behind us then."""
    scene.commit({}, rollbacks={"checkout": 1})

    with pytest.raises(CrashError):
        scene.apply(store=Watched(scene.store, before_transition=crash))
    scene.apply()

    assert scene.chain("checkout") == [("create", 1, 1), ("rollback", 0, 1)]


def test_a_crash_between_taking_the_commit_and_creating_forgets_no_rollback(scene: Scene) -> None:
    """The database has never seen the feature: whatever is in force, the whole history tells of its rollback."""
    scene.commit({"basket": {"tier": 1}}, rollbacks={"basket": 1})
    scene.commit({})

    with pytest.raises(CrashError):
        scene.apply(store=Watched(scene.store, before_transition=crash))
    scene.apply()

    assert scene.chain("basket") == [("create", 0, 1)]
    assert scene.states()["basket"].standing.rolled_back


def test_a_lost_race_does_not_forget_a_rollback_that_a_trailer_told_of(scene: Scene) -> None:
    scene.commit({}, rollbacks={"checkout": 1})

    def update() -> None:
        change = scene.states()["checkout"]
        scene.admin.execute(
            """insert into rollouts.rollout_transitions (id, feature_name, version, kind, tier, target, attempt,
                   rolled_back, retired, paused, description, owner, whitelisted_customers, blacklisted_customers,
                   gates, settled_gates, is_settled, revision, reason, actor)
               select gen_random_uuid(), feature_name, version + 1, 'update', tier, target, attempt, rolled_back,
                   retired, paused, 'changed by another', owner, whitelisted_customers, blacklisted_customers,
                   gates, settled_gates, false, (select revision from rollouts.rollout_scope), 'test', 'test'
               from rollouts.feature_rollouts where feature_name = %s and version = %s""",
            ["checkout", change.version],
        )

    scene.apply(store=Watched(scene.store, before_transition=update))

    assert [kind for kind, _, _ in scene.chain("checkout")] == ["create", "update", "rollback"]


def test_of_an_unsafe_commit_nothing_but_its_rollbacks_is_taken(scene: Scene) -> None:
    before = scene.store.scope().revision
    scene.commit({"checkout": None, "search": None}, rollbacks={"checkout": 1})

    outcome = scene.apply()

    assert outcome.plan.unsafe == "the root holds no definition at all"
    assert scene.chain("checkout") == [("create", 1, 1), ("rollback", 0, 1)]
    assert scene.store.scope().revision == before


def test_a_statement_that_fails_takes_no_other_feature_with_it(scene: Scene) -> None:
    scene.commit({"basket": {"tier": 1}, "gifts": {"tier": 1}})

    outcome = scene.apply(store=Watched(scene.store, before_transition=time_out))
    again = scene.apply()

    assert outcome.failures == ("basket: the database failed: canceling statement due to statement timeout",)
    assert [change.feature for change in outcome.done] == ["gifts"]
    assert [change.feature for change in again.done] == ["basket"]


def test_what_was_done_before_the_server_was_lost_is_told(scene: Scene) -> None:
    scene.commit({"basket": {"tier": 1}, "gifts": {"tier": 1}})
    watched = Watched(scene.store)

    def once_more() -> None:
        watched.before_transition = lose_the_server

    watched.before_transition = once_more
    outcome = scene.apply(store=watched)

    assert [change.feature for change in outcome.done] == ["basket"]
    assert outcome.failures == ("the database can't be reached",)


def test_what_lies_behind_a_reanchored_commit_is_read_as_well(scene: Scene) -> None:
    """History was rewritten with a rollback in it, and put into force as it is: nobody has applied it yet."""
    scene.commit({}, rollbacks={"checkout": 1})
    tip = scene.commit({})
    scene.reanchor(tip)

    scene.apply()

    assert scene.chain("checkout") == [("create", 1, 1), ("rollback", 0, 1)]


def test_a_commit_raises_a_feature_once_even_when_history_is_rewritten_back_to_it(scene: Scene) -> None:
    raised = scene.commit({"checkout": {"tier": 2}, "search": {"tier": 1, "owner": "team-a"}})
    scene.pass_time(hours=48)
    scene.apply()
    scene.commit({"checkout": {"tier": 1}, "search": {"tier": 1}})
    scene.apply()
    scene.reanchor(raised)
    scene.commits.main = raised
    scene.pass_time(hours=48)

    outcome = scene.apply()

    assert [(refusal.feature, refusal.rule) for refusal in outcome.plan.refusals] == [("checkout", "raised-before")]
    assert outcome.broken == ()
    assert [change.feature for change in outcome.done] == ["search"]
    assert scene.rows()["checkout"].tier == 1


def test_the_limits_of_the_guard_count_when_every_other_file_is_known(scene: Scene) -> None:
    """Nothing but a retirement is left to decide, so no file had to be read: the policy has to be, nevertheless."""
    scene.policy({"min_dwell": "0s", "guard": {"max_lowered": 0, "min_rollouts": 1}})
    scene.commit({})
    scene.apply()
    scene.roll_back("checkout")

    scene.commit({"checkout": None})
    outcome = scene.apply()

    assert outcome.plan.unsafe == "1 of 2 rollouts would be lowered or retired at once, more than 0%"
    assert not scene.rows()["checkout"].retired


def _overtaken(scene: Scene, moment: str) -> Watched:
    if moment == "before_revision":
        return Watched(scene.store, before_revision=scene.apply)
    return Watched(scene.store, before_transition=scene.apply)
