"""Rules 1 to 3 against PostgreSQL: what is stored after files that break, appear, vanish and come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.domain.plan import WaitsFor
from tests.builders.database import Database
from tests.builders.scene import ROOT, Scene, a_scene, summary
from tests.builders.trees import BROKEN, a_freeze


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        scene.commit({"zebra": {"tier": 0}})
        scene.apply()
        yield scene


# 1. Unreadable.


@pytest.mark.parametrize("tier", [0, 1])
def test_an_unreadable_file_keeps_the_state(scene: Scene, tier: int) -> None:
    scene.commit({"checkout": {"tier": tier}})
    scene.apply()
    before = scene.rows()

    scene.files[f"{ROOT}/checkout.yaml"] = BROKEN
    scene.commit({"zebra": {"tier": 0, "owner": "team-z"}})
    outcome = scene.apply()

    assert scene.rows()["checkout"] == before["checkout"]
    assert scene.rows()["zebra"].owner == "team-z"
    assert [problem.features for problem in outcome.plan.problems] == [frozenset({"checkout"})]


def test_a_broken_policy_keeps_every_state(scene: Scene) -> None:
    before = scene.rows()
    scene.files[f"{ROOT}/_policy.yaml"] = BROKEN
    scene.commit({"zebra": {"tier": 1}, "checkout": {"tier": 1}})

    scene.apply()

    assert scene.rows() == before


# 2. New.


@pytest.mark.parametrize("tier", [0, 1])
def test_a_new_rollout_is_stored_at_tier_0_or_1(scene: Scene, tier: int) -> None:
    scene.commit({"checkout": {"tier": tier}})

    scene.apply()

    assert scene.chain("checkout") == [("create", tier, 1)]
    assert (
        summary(scene, "checkout")
        == (("tier_0_disabled", 0, "planned"), ("tier_1_internal", 1, "in_progress"))[tier]
    )


@pytest.mark.parametrize("tier", [2, 3, 4])
def test_a_new_rollout_above_tier_1_is_not_stored(scene: Scene, tier: int) -> None:
    scene.commit({"checkout": {"tier": tier}})

    outcome = scene.apply()

    assert [refusal.rule for refusal in outcome.plan.refusals] == ["starts-too-high"]
    assert "checkout" not in scene.rows()


@pytest.mark.parametrize(
    ("fields", "options", "waits_for"),
    [
        pytest.param({"paused": True}, {}, WaitsFor.RESUME, id="paused"),
        pytest.param({}, {"frozen": True}, WaitsFor.FREEZE, id="frozen"),
        pytest.param({}, {"behind_the_tip": True}, WaitsFor.TIP, id="not the tip"),
    ],
)
def test_a_held_creation_is_stored_at_tier_0_and_rises_when_it_may(
    scene: Scene, fields: dict[str, Any], options: dict[str, bool], waits_for: WaitsFor
) -> None:
    if options.get("frozen"):
        _freeze(scene, hours=1)
    commit = scene.commit({"checkout": {"tier": 1, **fields}})
    if options.get("behind_the_tip"):
        scene.commit({"zebra": {"tier": 0, "owner": "team-z"}})

    outcome = scene.apply(commit)
    held = scene.chain("checkout")
    scene.pass_time(hours=1)
    scene.commit({"checkout": {"tier": 1}})
    scene.apply()

    assert ([hold.waits_for for hold in outcome.plan.holds], held) == ([waits_for], [("create", 0, 1)])
    assert scene.chain("checkout") == [("create", 0, 1), ("promote", 1, 1)]


def test_a_creation_that_a_freeze_held_rises_by_the_same_commit(scene: Scene) -> None:
    _freeze(scene, hours=1)
    scene.commit({"checkout": {"tier": 1}})
    scene.apply()
    scene.pass_time(hours=1)

    outcome = scene.apply()

    assert (scene.chain("checkout"), outcome.broken) == ([("create", 0, 1), ("promote", 1, 1)], ())


@pytest.mark.parametrize(
    ("named", "waits_for"),
    [
        pytest.param({"revision": "older"}, WaitsFor.TIP, id="an older commit"),
        pytest.param({"skew": timedelta(seconds=31)}, WaitsFor.CLOCK, id="clocks apart"),
    ],
)
def test_nobody_is_taken_over_where_nobody_is_raised(
    scene: Scene, named: dict[str, Any], waits_for: WaitsFor
) -> None:
    older = scene.commit({"checkout": {"tier": 3}})
    scene.commit({"zebra": {"tier": 0}})
    if "revision" in named:
        named = {"revision": older}

    outcome = scene.apply(adopt=True, **named)

    assert [hold.waits_for for hold in outcome.plan.holds if hold.feature == "checkout"] == [waits_for]
    assert "checkout" not in scene.rows()


@pytest.mark.parametrize("tier", [1, 2, 4])
@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_adoption_is_stored_as_git_says(scene: Scene, tier: int, *, paused: bool) -> None:
    _freeze(scene, hours=1)
    scene.commit({"checkout": {"tier": tier, "attempt": 3, "rolled_back": 2, "paused": paused}})

    scene.apply(adopt=True)

    row = scene.rows()["checkout"]
    assert (row.tier, row.attempt, row.paused, row.epoch_began) == (tier, 3, paused, scene.now)
    assert scene.chain("checkout") == [("adopt", tier, 3)]


def test_adoption_serves_the_whole_dwell(scene: Scene) -> None:
    scene.commit({"checkout": {"tier": 2}})
    scene.apply(adopt=True)
    scene.commit({"checkout": {"tier": 3}})

    scene.pass_time(hours=48, microseconds=-1)
    scene.apply(adopt=True)
    early = scene.chain("checkout")
    scene.pass_time(microseconds=1)
    scene.apply(adopt=True)

    assert (early, scene.chain("checkout")) == ([("adopt", 2, 1)], [("adopt", 2, 1), ("promote", 3, 1)])


def test_a_rollout_that_git_says_was_rolled_back_is_stored_as_such(scene: Scene) -> None:
    scene.commit({"checkout": {"tier": 0, "rolled_back": 1}})

    scene.apply()

    assert summary(scene, "checkout") == ("tier_0_disabled", 0, "rolled_back")
    assert scene.rows()["checkout"].git_knows


# 3. Gone, and back.


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param({"tier": 0}, "retired", id="at tier 0"),
        pytest.param({"tier": 1, "target": 1}, "retired", id="completed"),
        pytest.param({"tier": 1, "target": 1, "paused": True}, "retired", id="completed and paused"),
        pytest.param({"tier": 0, "rolled_back": 1}, "rolled_back", id="rolled back"),
    ],
)
def test_a_finished_rollout_is_retired_with_its_file(scene: Scene, fields: dict[str, Any], status: str) -> None:
    scene.commit({"checkout": fields})
    scene.apply(adopt=True)
    before = scene.rows()["checkout"]

    scene.commit({"checkout": None})
    scene.apply()

    row = scene.rows()["checkout"]
    assert (row.retired, row.tier, row.epoch, row.epoch_began) == (
        True,
        before.tier,
        before.epoch,
        before.epoch_began,
    )
    assert summary(scene, "checkout")[2] == status


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_a_live_rollout_goes_on_without_its_file(scene: Scene, tier: int) -> None:
    scene.commit({"checkout": {"tier": tier}})
    scene.apply(adopt=True)
    before = scene.rows()

    scene.commit({"checkout": None})
    outcome = scene.apply()

    assert [refusal.rule for refusal in outcome.plan.refusals] == ["live-without-file"]
    assert scene.rows() == before


def test_a_file_is_not_gone_while_something_unreadable_may_be_it(scene: Scene) -> None:
    scene.files[f"{ROOT}/Who knows.yaml"] = BROKEN
    scene.commit({"zebra": None, "checkout": {"tier": 0}})

    scene.apply()
    kept = scene.rows()["zebra"].retired
    del scene.files[f"{ROOT}/Who knows.yaml"]
    scene.commit({})
    scene.apply()

    assert (kept, scene.rows()["zebra"].retired) == (False, True)


@pytest.mark.parametrize(
    ("tier", "chain"),
    [
        pytest.param(1, [("adopt", 2, 1), ("retire", 2, 1), ("demote", 1, 1)], id="lower"),
        pytest.param(2, [("adopt", 2, 1), ("retire", 2, 1), ("update", 2, 1)], id="the same"),
        pytest.param(3, [("adopt", 2, 1), ("retire", 2, 1)], id="higher"),
    ],
)
def test_a_file_comes_back_at_its_last_tier_or_less(
    scene: Scene, tier: int, chain: list[tuple[str, int, int]]
) -> None:
    for fields in ({"tier": 2, "target": 2}, None, {"tier": tier, "target": 4}):
        scene.commit({"checkout": fields})
        scene.pass_time(hours=100)
        scene.apply(adopt=True)

    assert scene.chain("checkout") == chain


def test_a_rolled_back_rollout_that_comes_back_begins_at_tier_0(scene: Scene) -> None:
    scene.commit({"checkout": {"tier": 0, "rolled_back": 1}})
    scene.apply()
    scene.commit({"checkout": None})
    scene.apply()

    scene.commit({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}})
    refused = scene.apply().plan.refusals
    scene.commit({"checkout": {"tier": 0, "attempt": 2, "rolled_back": 1}})
    scene.apply()
    scene.commit({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}})
    scene.apply()

    assert [refusal.rule for refusal in refused] == ["returned-too-high"]
    assert scene.chain("checkout") == [("create", 0, 1), ("retire", 0, 1), ("restart", 0, 2), ("promote", 1, 2)]


def _freeze(scene: Scene, *, hours: int) -> None:
    ends = scene.now.replace(hour=scene.now.hour + hours)
    scene.policy({"min_dwell": "0s", "thresholds": {"min_exposed": 0}, "freezes": [a_freeze(scene.now, ends)]})
