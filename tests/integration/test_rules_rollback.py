"""Rules 4 to 7 against PostgreSQL: stale attempts, lost rollbacks, rollbacks that stand, restarts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.domain.plan import WaitsFor
from tests.builders.database import Database
from tests.builders.scene import ROOT, Scene, a_scene, summary
from tests.builders.trees import BROKEN, a_freeze

LIVE: dict[str, Any] = {"tier": 2}
SECOND: dict[str, Any] = {"tier": 2, "attempt": 2, "rolled_back": 1}


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        yield scene


def begin(scene: Scene, fields: dict[str, Any]) -> None:
    """Take a live feature over."""
    scene.commit({"checkout": fields})
    scene.apply(adopt=True)


# 4. Stale.


@pytest.mark.parametrize("tier", [0, 1, 2, 3])
def test_a_file_of_an_earlier_attempt_changes_nothing(scene: Scene, tier: int) -> None:
    begin(scene, SECOND)
    before = scene.rows()

    scene.commit({"checkout": {"tier": tier}})
    outcome = scene.apply()

    assert [refusal.rule for refusal in outcome.plan.refusals] == ["stale-attempt"]
    assert scene.rows() == before


def test_a_file_of_the_attempt_under_way_counts(scene: Scene) -> None:
    begin(scene, SECOND)

    scene.commit({"checkout": {**SECOND, "tier": 1}})
    scene.apply()

    assert scene.chain("checkout") == [("adopt", 2, 2), ("demote", 1, 2)]


# 5. Lost.


@pytest.mark.parametrize(
    ("said", "chain"),
    [
        pytest.param(1, [("adopt", 2, 2)], id="less"),
        pytest.param(2, [("adopt", 2, 2), ("rollback", 0, 2)], id="equal"),
        pytest.param(3, [("adopt", 2, 2), ("rollback", 0, 3)], id="greater"),
    ],
)
@pytest.mark.parametrize("by", ["file", "trailer"])
def test_a_rollback_that_only_git_remembers_is_stored(
    scene: Scene, said: int, chain: list[tuple[str, int, int]], by: str
) -> None:
    begin(scene, SECOND)

    if by == "trailer":
        commit = scene.commit({}, rollbacks={"checkout": said})
    else:
        tier = 0 if said > 1 else 2
        commit = scene.commit({"checkout": {"tier": tier, "attempt": max(said, 2), "rolled_back": said}})
    scene.apply()

    assert scene.chain("checkout") == chain
    state = scene.states()["checkout"]
    assert (None if state.rollback is None else state.rollback.in_git) == (commit if said > 1 else None)


def test_an_imported_rollback_is_off_for_everybody(scene: Scene) -> None:
    begin(scene, {**LIVE, "whitelist": ["ada"]})

    scene.commit({}, rollbacks={"checkout": 1})
    scene.apply()

    assert summary(scene, "checkout") == ("tier_0_disabled", 0, "rolled_back")


def test_a_trailer_counts_when_the_write_back_was_reverted_before_it_was_applied(scene: Scene) -> None:
    begin(scene, LIVE)

    scene.commit({"checkout": {"tier": 0, "rolled_back": 1}}, rollbacks={"checkout": 1})
    scene.commit({"checkout": {"tier": 3}})
    scene.pass_time(hours=100)
    outcome = scene.apply()

    assert scene.chain("checkout") == [("adopt", 2, 1), ("rollback", 0, 1)]
    assert [refusal.rule for refusal in outcome.plan.refusals] == ["rolled-back"]


@pytest.mark.parametrize("file", [None, BROKEN], ids=["gone", "unreadable"])
def test_a_trailer_counts_without_a_readable_file(scene: Scene, file: str | None) -> None:
    scene.commit({"zebra": {"tier": 0}})
    begin(scene, LIVE)

    scene.commit({"checkout": None})
    if file is not None:
        scene.files[f"{ROOT}/checkout.yaml"] = file
    scene.commit({}, rollbacks={"checkout": 1})
    scene.apply()

    assert scene.chain("checkout")[:2] == [("adopt", 2, 1), ("rollback", 0, 1)]
    assert scene.rows()["checkout"].retired is (file is None)


def test_a_trailer_counts_for_a_feature_whose_file_did_not_change(scene: Scene) -> None:
    """Its source key is in force, so nothing else would make the loop look at it."""
    begin(scene, LIVE)
    scene.commit({"zebra": {"tier": 0}}, rollbacks={"checkout": 1})

    scene.apply()

    assert scene.chain("checkout") == [("adopt", 2, 1), ("rollback", 0, 1)]


def test_a_trailer_of_another_feature_or_of_the_past_does_nothing(scene: Scene) -> None:
    begin(scene, SECOND)
    before = scene.rows()

    scene.commit({}, rollbacks={"search": 2, "checkout": 1})
    scene.apply()

    assert scene.rows() == before


def test_the_whole_history_is_asked_for_features_without_a_row_alone(scene: Scene) -> None:
    """It may tell of a rollback that a person answered before this database began."""
    scene.commit({"zebra": {"tier": 0}}, rollbacks={"checkout": 2})
    scene.apply()
    begin(scene, SECOND)
    before = scene.rows()["checkout"]

    scene.commit({"basket": {"tier": 0}})
    scene.apply()

    assert scene.rows()["checkout"] == before


def test_an_import_and_the_next_attempt_come_in_one_apply(scene: Scene) -> None:
    begin(scene, LIVE)

    scene.commit({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}})
    scene.apply()

    assert scene.chain("checkout") == [("adopt", 2, 1), ("rollback", 0, 1), ("restart", 1, 2)]


def test_an_import_passes_a_plan_that_the_guard_refuses(scene: Scene) -> None:
    begin(scene, LIVE)

    scene.commit_files({}, rollbacks={"checkout": 1})
    outcome = scene.apply()

    assert outcome.plan.unsafe == "the root holds no definition at all"
    assert scene.chain("checkout") == [("adopt", 2, 1), ("rollback", 0, 1)]


# 6. Stands.


@pytest.mark.parametrize("tier", [0, 1, 2, 3])
def test_a_rollback_stands_whatever_the_file_says(scene: Scene, tier: int) -> None:
    begin(scene, LIVE)
    scene.roll_back("checkout")
    before = scene.rows()

    scene.commit({"checkout": {"tier": tier, "owner": "team-a"}})
    scene.pass_time(hours=1000)
    outcome = scene.apply()

    assert [hold.waits_for for hold in outcome.plan.holds] == [WaitsFor.WRITE_BACK]
    assert scene.rows() == before


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_a_reverted_write_back_is_refused(scene: Scene, tier: int) -> None:
    begin(scene, LIVE)
    scene.commit({"checkout": {"tier": 0, "rolled_back": 1}})
    scene.apply()
    before = scene.rows()

    scene.commit({"checkout": {"tier": tier}})
    outcome = scene.apply()

    assert [refusal.rule for refusal in outcome.plan.refusals] == ["rolled-back"]
    assert scene.rows() == before


def test_the_write_back_itself_changes_nothing(scene: Scene) -> None:
    begin(scene, LIVE)
    scene.roll_back("checkout")
    before = scene.rows()

    scene.commit({"checkout": {"tier": 0, "rolled_back": 1}}, rollbacks={"checkout": 1})
    scene.apply()

    assert scene.rows() == before


# 7. Restarts.


@pytest.mark.parametrize(
    ("tier", "chain"),
    [
        pytest.param(0, [("rollback", 0, 1), ("restart", 0, 2)], id="at 0"),
        pytest.param(1, [("rollback", 0, 1), ("restart", 1, 2)], id="at 1"),
        pytest.param(2, [("rollback", 0, 1)], id="at 2, too high"),
    ],
)
def test_the_next_attempt_begins_low(scene: Scene, tier: int, chain: list[tuple[str, int, int]]) -> None:
    begin(scene, LIVE)
    scene.roll_back("checkout")

    scene.pass_time(hours=1)
    scene.commit({"checkout": {"tier": tier, "attempt": 2, "rolled_back": 1}})
    scene.apply()

    assert scene.chain("checkout")[1:] == chain
    assert (scene.rows()["checkout"].epoch_began == scene.now) is (tier < 2)


@pytest.mark.parametrize("held_by", ["pause", "freeze", "tip"])
def test_a_held_restart_changes_nothing_and_begins_when_it_may(scene: Scene, held_by: str) -> None:
    begin(scene, LIVE)
    scene.roll_back("checkout")
    before = scene.rows()
    again = {"tier": 1, "attempt": 2, "rolled_back": 1}
    if held_by == "freeze":
        ends = scene.now.replace(hour=scene.now.hour + 1)
        scene.policy({"min_dwell": "0s", "freezes": [a_freeze(scene.now, ends)]})
    commit = scene.commit({"checkout": {**again, "paused": held_by == "pause"}})
    if held_by == "tip":
        scene.commit({"zebra": {"tier": 0}})

    scene.apply(commit)
    held = scene.rows()["checkout"]
    scene.pass_time(hours=1)
    scene.commit({"checkout": again})
    scene.apply()

    assert held == before["checkout"]
    assert scene.chain("checkout")[1:] == [("rollback", 0, 1), ("restart", 1, 2)]


def test_a_rollback_without_a_row_names_the_commit_that_told_of_it(scene: Scene) -> None:
    told = scene.commit({"basket": {"tier": 1}}, rollbacks={"basket": 1})
    scene.commit({"zebra": {"tier": 0}})

    scene.apply()

    [row] = scene.store.history("basket")
    assert (row.rolled_back, row.rollback_commit) == (True, told)
