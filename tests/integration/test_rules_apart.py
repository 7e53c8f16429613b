"""Features don't share a fate: whatever stops one of them, in PostgreSQL or in an apply, the others go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.domain.plan import Change, WaitsFor
from reconciler.errors import ConflictError, DatabaseUnavailableError, StatementFailedError
from reconciler.reconcile.observe import Prospect
from tests.builders.database import Database
from tests.builders.scene import EASY_POLICY, Scene, a_scene
from tests.builders.watched import Watched


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        scene.commit({"a": {"tier": 3}, "b": {"tier": 3}, "c": {"tier": 3}})
        scene.apply(adopt=True)
        yield scene


def tiers(scene: Scene) -> dict[str, int]:
    return {feature: row.tier for feature, row in scene.rows().items()}


def failing(scene: Scene, feature: str) -> Watched:
    """Return the real store, whose statements fail for one feature."""

    def fail(change: Change) -> None:
        if change.feature == feature:
            raise StatementFailedError("statement timeout")

    return Watched(scene.store, before_each=fail)


def test_an_import_that_fails_stops_no_other_feature_and_is_told_of_again(scene: Scene) -> None:
    scene.commit({"b": {"tier": 0}}, rollbacks={"a": 1})

    outcome = scene.apply(store=failing(scene, "a"))
    once = tiers(scene)
    again = scene.apply()

    assert (outcome.failures, once) == (("a: statement timeout",), {"a": 3, "b": 0, "c": 3})
    assert [(change.kind, change.feature) for change in again.done] == [("rollback", "a")]
    assert not scene.store.scope().looks_back


def test_an_import_that_failed_is_told_of_again_under_a_later_commit(scene: Scene) -> None:
    scene.commit({"b": {"tier": 0}}, rollbacks={"a": 1})
    scene.apply(store=failing(scene, "a"))
    scene.commit({"c": {"tier": 1}})

    scene.apply()

    assert tiers(scene) == {"a": 0, "b": 0, "c": 1}


def test_an_import_that_others_keep_in_the_way_of_stops_no_other_feature(scene: Scene) -> None:
    scene.commit({"b": {"tier": 0}}, rollbacks={"a": 1})

    def conflict(change: Change) -> None:
        if change.feature == "a":
            raise ConflictError("canceling statement due to lock timeout")

    outcome = scene.apply(store=Watched(scene.store, before_each=conflict))

    assert (outcome.is_settled, tiers(scene)) == (False, {"a": 3, "b": 0, "c": 3})


def test_a_feature_lost_to_another_writer_is_decided_anew_beside_one_that_failed(scene: Scene) -> None:
    scene.commit({"a": {"tier": 0}, "b": {"tier": 0}, "c": {"tier": 0}})
    met: list[str] = []

    def interfere(change: Change) -> None:
        met.append(change.feature)
        if change.feature == "a":
            raise StatementFailedError("statement timeout")
        if change.feature == "b" and met.count("b") == 1:
            raise ConflictError("b is at another version")

    scene.apply(store=Watched(scene.store, before_each=interfere))

    assert tiers(scene) == {"a": 3, "b": 0, "c": 0}


@pytest.mark.parametrize("error", [ConflictError("lock timeout"), StatementFailedError("statement timeout")])
def test_what_only_saves_work_fails_nothing(scene: Scene, error: Exception) -> None:
    scene.commit({"a": {"tier": 0}})

    def fail() -> None:
        raise error

    outcome = scene.apply(store=Watched(scene.store, before_remembering=fail))

    assert ([change.feature for change in outcome.done], outcome.failures) == (["a"], ())


def test_what_was_done_is_told_when_the_server_is_lost_before_the_rest_is_decided(scene: Scene) -> None:
    scene.commit({"a": {"tier": 0}, "b": {"tier": 0}})
    rounds: list[Prospect] = []

    def prepare() -> Prospect:
        if rounds:
            raise DatabaseUnavailableError("the database can't be reached")
        rounds.append(scene.prepare())
        return rounds[-1]

    def conflict(change: Change) -> None:
        if change.feature == "b":
            raise ConflictError("b is at another version")

    outcome = scene.apply(store=Watched(scene.store, before_each=conflict), prepare=prepare)

    assert [change.feature for change in outcome.done] == ["a"]
    assert outcome.failures == ("the database can't be reached",)


def test_a_freeze_that_begins_under_an_apply_stops_its_raises(scene: Scene) -> None:
    begins = scene.now.replace(minute=scene.now.minute + 1)
    freeze = {
        "from": f"{begins:%Y-%m-%dT%H:%M}",
        "until": f"{begins:%Y-%m-%d}T23:59",
        "timezone": "UTC",
        "reason": "sale",
    }
    scene.policy({**EASY_POLICY, "freezes": [freeze]})
    scene.commit({"a": {"tier": 2}, "d": {"tier": 1}, "e": {"tier": 1}})

    def turn(change: Change) -> None:
        if change.feature == "e":
            scene.at(begins)

    outcome = scene.apply(store=Watched(scene.store, before_each=turn))

    assert tiers(scene) == {"a": 2, "b": 3, "c": 3, "d": 1, "e": 0}
    assert [(hold.feature, hold.waits_for) for hold in outcome.plan.holds] == [("e", WaitsFor.FREEZE)]


def test_a_feature_that_is_live_already_is_taken_over_in_a_freeze(scene: Scene) -> None:
    closed = {"timezone": "UTC", "days": ["sun"], "from": "00:00", "until": "00:15"}
    scene.policy({**EASY_POLICY, "allowed_hours": closed})
    scene.commit({"d": {"tier": 4}})

    scene.apply(adopt=True)

    assert tiers(scene)["d"] == 4
