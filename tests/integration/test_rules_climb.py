"""Rules 8 to 11 against PostgreSQL: down at once, level at once, up when it is due, never by two."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from reconciler.domain.ledger import Cause, RevisionRecord
from reconciler.domain.plan import WaitsFor
from reconciler.errors import RuleViolatedError
from tests.builders.database import Database
from tests.builders.domain import INSTANT, hours
from tests.builders.scene import ROOT, Scene, a_scene, summary
from tests.builders.trees import a_freeze


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        yield scene


def begin(scene: Scene, tier: int, **fields: Any) -> None:
    """Take a live feature over."""
    scene.commit({"checkout": {"tier": tier, **fields}})
    scene.apply(adopt=True)


def waits_for(scene: Scene, revision: str | None = None, **named: Any) -> list[WaitsFor]:
    """Apply, and return what the holds wait for."""
    return [hold.waits_for for hold in scene.apply(revision, **named).plan.holds]


# 8. Down.


@pytest.mark.parametrize(("observed", "asked"), [(4, 0), (3, 2), (2, 0), (1, 0)])
def test_demotes_at_once_by_any_number_of_rungs(scene: Scene, observed: int, asked: int) -> None:
    begin(scene, observed)

    scene.pass_time(seconds=1)
    scene.policy({"freezes": [a_freeze(scene.now, scene.now + hours(1))]})
    commit = scene.commit({"checkout": {"tier": asked, "paused": True}})
    scene.commit({"checkout": {"tier": observed}})
    scene.apply(commit, skew=hours(1))

    row = scene.rows()["checkout"]
    assert scene.chain("checkout") == [("adopt", observed, 1), ("demote", asked, 1)]
    assert (row.epoch, row.epoch_began) == (2, scene.now)


# 9. Level.


def test_an_update_never_resets_the_dwell(scene: Scene) -> None:
    begin(scene, 1)
    began = scene.now

    scene.pass_time(hours=47)
    scene.commit({"checkout": {"tier": 1, "owner": "team-a", "whitelist": ["ada"], "dwell": "24h"}})
    scene.apply()

    row = scene.rows()["checkout"]
    assert (row.owner, row.whitelist, row.epoch_began) == ("team-a", frozenset({"ada"}), began)
    assert scene.chain("checkout") == [("adopt", 1, 1), ("update", 1, 1)]


def test_applying_twice_writes_nothing_at_all(scene: Scene) -> None:
    begin(scene, 1)
    written = scene.counts()

    scene.pass_time(hours=1)
    outcome = scene.apply()

    assert (outcome.plan.in_sync, outcome.done, scene.counts()) == (1, (), written)


def test_a_file_that_moved_is_no_change(scene: Scene) -> None:
    begin(scene, 1)

    text = scene.files.pop("rollouts.d/checkout.yaml")
    scene.commit_files({**scene.files, "rollouts.d/team/checkout.yaml": text})
    scene.apply()

    assert scene.chain("checkout") == [("adopt", 1, 1)]


# 10. Up.


@pytest.mark.parametrize("tier", [1, 2, 3])
@pytest.mark.parametrize(
    ("served", "is_due"),
    [
        pytest.param(hours(48) - INSTANT, False, id="one microsecond before the dwell ends"),
        pytest.param(hours(48), True, id="exactly at its end"),
        pytest.param(hours(48) + INSTANT, True, id="after it"),
        pytest.param(timedelta(seconds=-5), False, id="the clock set back"),
    ],
)
def test_promotes_when_the_dwell_is_served(scene: Scene, tier: int, served: timedelta, *, is_due: bool) -> None:
    begin(scene, tier)
    scene.commit({"checkout": {"tier": tier + 1}})

    scene.at(scene.now + served)
    held = waits_for(scene)

    assert held == ([] if is_due else [WaitsFor.DWELL])
    assert scene.rows()["checkout"].tier == tier + is_due


def test_the_first_rung_needs_neither_dwell_nor_evidence(scene: Scene) -> None:
    begin(scene, 0, thresholds={"min_exposed": 100})

    scene.commit({"checkout": {"tier": 1, "thresholds": {"min_exposed": 100}}})
    scene.apply()

    assert summary(scene, "checkout") == ("tier_1_internal", 1, "in_progress")


@pytest.mark.parametrize(("needed", "held"), [(0, []), (1, [WaitsFor.EVIDENCE])])
def test_without_events_only_min_exposed_0_climbs(scene: Scene, needed: int, held: list[WaitsFor]) -> None:
    begin(scene, 1, thresholds={"min_exposed": needed})
    scene.commit({"checkout": {"tier": 2, "thresholds": {"min_exposed": needed}}})

    scene.pass_time(hours=48)

    assert waits_for(scene) == held
    assert scene.rows()["checkout"].tier == (1 if held else 2)


def test_a_pause_stops_raises_until_it_ends(scene: Scene) -> None:
    begin(scene, 1, paused=True)
    scene.commit({"checkout": {"tier": 2, "paused": True}})
    scene.pass_time(hours=48)

    held = waits_for(scene)
    scene.commit({"checkout": {"tier": 2}})
    scene.apply()

    assert (held, scene.rows()["checkout"].tier) == ([WaitsFor.RESUME], 2)


@pytest.mark.parametrize(
    ("offset", "held"),
    [
        pytest.param(-INSTANT, [], id="before the freeze"),
        pytest.param(timedelta(), [WaitsFor.FREEZE], id="as it begins"),
        pytest.param(hours(1) - INSTANT, [WaitsFor.FREEZE], id="before it ends"),
        pytest.param(hours(1), [], id="as it ends"),
    ],
)
def test_a_freeze_stops_raises(scene: Scene, offset: timedelta, held: list[WaitsFor]) -> None:
    begin(scene, 1)
    begins = scene.now + hours(50)
    scene.policy(
        {"min_dwell": "0s", "thresholds": {"min_exposed": 0}, "freezes": [a_freeze(begins, begins + hours(1))]}
    )
    scene.commit({"checkout": {"tier": 2}})

    scene.at(begins + offset)

    assert waits_for(scene) == held
    assert scene.rows()["checkout"].tier == (1 if held else 2)


@pytest.mark.parametrize(
    ("skew", "held"),
    [
        pytest.param(timedelta(seconds=30), [], id="30 s ahead"),
        pytest.param(timedelta(seconds=-30), [], id="30 s behind"),
        pytest.param(timedelta(seconds=30) + INSTANT, [WaitsFor.CLOCK], id="further ahead"),
        pytest.param(-timedelta(seconds=30) - INSTANT, [WaitsFor.CLOCK], id="further behind"),
    ],
)
def test_clocks_that_disagree_stop_raises(scene: Scene, skew: timedelta, held: list[WaitsFor]) -> None:
    begin(scene, 1)
    scene.commit({"checkout": {"tier": 2}})
    scene.pass_time(hours=48)

    assert waits_for(scene, skew=skew) == held
    assert scene.rows()["checkout"].tier == (1 if held else 2)


@pytest.mark.parametrize(
    ("settled", "asked", "due"),
    [
        pytest.param("48h", "24h", 48, id="a raise can't shorten its own dwell"),
        pytest.param("48h", "72h", 72, id="a raise may lengthen its own dwell"),
    ],
)
def test_the_stricter_dwell_counts(scene: Scene, settled: str, asked: str, due: int) -> None:
    begin(scene, 1, dwell=settled)
    scene.commit({"checkout": {"tier": 2, "dwell": asked}})
    began = scene.now

    scene.at(began + hours(due) - INSTANT)
    early = waits_for(scene)
    scene.at(began + hours(due))
    scene.apply()

    assert (early, scene.rows()["checkout"].tier) == ([WaitsFor.DWELL], 2)


def test_a_dwell_that_was_settled_first_counts(scene: Scene) -> None:
    begin(scene, 1, dwell="48h")
    for tier in (1, 2):
        scene.commit({"checkout": {"tier": tier, "dwell": "24h"}})
        scene.pass_time(hours=12)
        scene.apply()

    assert scene.chain("checkout") == [("adopt", 1, 1), ("update", 1, 1), ("promote", 2, 1)]


def test_a_raise_can_not_waive_its_own_evidence(scene: Scene) -> None:
    begin(scene, 1, thresholds={"min_exposed": 10})
    scene.commit({"checkout": {"tier": 2, "thresholds": {"min_exposed": 0}}})
    scene.pass_time(hours=48)

    assert waits_for(scene) == [WaitsFor.EVIDENCE]


def test_while_held_all_but_the_raise_and_looser_gates_is_stored(scene: Scene) -> None:
    begin(scene, 1, dwell="48h", thresholds={"error_rate": 0.05, "min_exposed": 0})
    settled = scene.rows()["checkout"].settled

    asked = {"tier": 2, "paused": True, "owner": "team-a", "whitelist": ["ada"], "dwell": "1h", "target": 3}
    scene.commit({"checkout": {**asked, "thresholds": {"error_rate": 0.01, "min_exposed": 0}}})
    scene.apply()
    scene.apply()

    row = scene.rows()["checkout"]
    assert (row.tier, row.paused, row.owner, row.whitelist, row.target) == (
        1,
        True,
        "team-a",
        frozenset({"ada"}),
        3,
    )
    assert (row.gates.dwell, row.gates.thresholds.error_rate, row.settled) == (settled.dwell, 0.01, settled)
    assert scene.chain("checkout") == [("adopt", 1, 1), ("update", 1, 1)]


# 11. Skips.


@pytest.mark.parametrize(("observed", "asked"), [(0, 2), (1, 3), (2, 4), (0, 4)])
def test_a_skip_changes_nothing_and_says_from_when_the_next_rung_is_allowed(
    scene: Scene, observed: int, asked: int
) -> None:
    begin(scene, observed)
    before = scene.rows()

    scene.commit({"checkout": {"tier": asked, "owner": "team-a"}})
    scene.pass_time(hours=1)
    [refusal] = scene.apply().plan.refusals

    assert scene.rows() == before
    assert (refusal.rule, refusal.allowed_from) == ("no-skip", scene.now + hours(47) if observed else scene.now)


def test_a_dwell_that_only_a_wrong_clock_served_is_refused_by_the_database(scene: Scene) -> None:
    """The clock jumped, a row was written, the clock was set right: time in the chain stands still till then."""
    begin(scene, 1)
    scene.pass_time(hours=48)
    scene.commit({"checkout": {"tier": 1, "owner": "team-a"}})
    scene.apply()
    raised = scene.commit({"checkout": {"tier": 2}})
    [promotion] = scene.prepare().plan.changes
    number = scene.store.scope().number
    scene.store.take_revision(RevisionRecord(previous_number=number, root=ROOT, revision=raised, actor="tests"))
    scene.pass_time(hours=-47)

    with pytest.raises(RuleViolatedError) as refusal:
        scene.store.transition(promotion, transition_id=uuid4(), cause=Cause(revision=raised, actor="tests"))
    assert refusal.value.rule == "dwell_is_served"
