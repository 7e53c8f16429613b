"""The rows of proposals: written by whoever read them last, read where something is left to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.proposal import Place, Proposal, ProposalStatus
from reconciler.errors import ConflictError, RuleViolatedError
from reconciler.store.postgres import PostgresStore
from tests.builders.database import Database
from tests.builders.domain import NOW
from tests.builders.racing import all_at_once
from tests.builders.scene import Scene, a_scene

ROW = Proposal(
    feature="checkout",
    branch="refs/heads/propose/rollouts.d/checkout",
    attempt=1,
    epoch=1,
    tier=Tier.EARLY_ADOPTERS,
    base="a" * 40,
    place=Place(path="rollouts.d/checkout.yaml", blob="b" * 40),
    at=NOW,
    message="Advance checkout\n",
    commits=("c" * 40, "d" * 64),
)


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        yield scene


def test_what_is_written_is_read(scene: Scene) -> None:
    first = scene.store.save_proposal(ROW, None)
    assert first == replace(ROW, version=1)
    assert scene.store.proposals([]) == [first]

    changed = replace(first, status=ProposalStatus.OPEN, refusals=2, note="no", commits=("e" * 40,))
    second = scene.store.save_proposal(changed, timedelta(seconds=30))
    assert second == replace(changed, version=2, waits_until=NOW + timedelta(seconds=30))
    assert scene.store.proposals([]) == [second]


def test_what_is_over_and_tidied_up_is_read_by_its_name_alone(scene: Scene) -> None:
    over = scene.store.save_proposal(replace(ROW, status=ProposalStatus.MERGED, is_settled=True), None)

    assert scene.store.proposals([]) == []
    assert scene.store.proposals(["checkout", "search"]) == [over]


def test_who_read_it_before_somebody_else_wrote_it_is_told(scene: Scene) -> None:
    first = scene.store.save_proposal(ROW, None)
    scene.store.save_proposal(replace(first, note="one"), None)

    for late in (ROW, first):
        with pytest.raises(ConflictError, match="somebody else went on with the proposal of checkout"):
            scene.store.save_proposal(replace(late, note="other"), None)
    assert [row.note for row in scene.store.proposals([])] == ["one"]


@pytest.mark.parametrize("is_new", [True, False])
def test_of_many_at_once_one_writes(scene: Scene, database: Database, *, is_new: bool) -> None:
    row = ROW if is_new else scene.store.save_proposal(ROW, None)

    def save(note: str, store: PostgresStore) -> str | None:
        try:
            return store.save_proposal(replace(row, note=note), None).note
        except ConflictError:
            return None

    answers = all_at_once(database, [partial(save, str(number)) for number in range(8)])
    assert [row.note for row in scene.store.proposals([])] == [each for each in answers if each is not None]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"tier": Tier.INTERNAL}, "proposal_asks_for_a_raise"),
        ({"commits": ()}, "proposal_names_its_commits"),
        ({"commits": ("c" * 40,) * 33}, "proposal_names_its_commits"),
        ({"commits": ("main",)}, "proposal_names_its_commits"),
        ({"base": "main"}, "proposal_names_its_commits"),
        ({"branch": "refs/heads/main"}, "proposal_names_its_branch"),
        ({"status": ProposalStatus.OPEN, "is_settled": True}, "proposal_status"),
        ({"message": ""}, "proposal_texts"),
        ({"message": "x" * 8193}, "proposal_texts"),
        ({"feature": "Checkout"}, "proposal_names_its_feature"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(scene: Scene, change: dict[str, object], rule: str) -> None:
    with pytest.raises(RuleViolatedError) as refusal:
        scene.store.save_proposal(replace(ROW, **change), None)  # type: ignore[arg-type]  # a field each

    assert refusal.value.rule == rule


def test_a_long_note_is_cut(scene: Scene) -> None:
    scene.store.save_proposal(replace(ROW, note="ü" * 600), None)

    assert [row.note for row in scene.store.proposals([])] == ["ü" * 500]


def test_a_feature_is_ripe_when_its_dwell_is_served(scene: Scene) -> None:
    scene.commit({"checkout": {"tier": 1}, "search": {"tier": 1, "dwell": "24h"}, "basket": {"tier": 0}})
    scene.apply()
    assert scene.store.ripe() == []
    scene.pass_time(hours=24)
    assert scene.store.ripe() == ["search"]
    scene.pass_time(hours=23, minutes=59, seconds=59.999999)
    assert scene.store.ripe() == ["search"]
    scene.pass_time(microseconds=1)

    assert scene.store.ripe() == ["checkout", "search"]


@pytest.mark.parametrize("fields", [{"tier": 1, "paused": True}, {"tier": 1, "target": 1}, {"tier": 0}, None])
def test_a_feature_that_does_not_climb_is_never_ripe(scene: Scene, fields: dict[str, object] | None) -> None:
    scene.commit({"checkout": {"tier": 1, "target": 4}, "search": {"tier": 0}})
    scene.apply()
    if fields is None:
        scene.roll_back("checkout")
    else:
        scene.commit({"checkout": fields})
        scene.apply()
    scene.pass_time(hours=100)

    assert scene.store.ripe() == []


@pytest.mark.parametrize(
    ("status", "is_ripe"),
    [
        ("opening", True),
        ("open", True),
        ("withdrawn", True),
        ("declined", False),
        ("touched", False),
        ("merged", False),
    ],
)
def test_a_feature_is_ripe_until_its_proposal_is_over(scene: Scene, status: str, *, is_ripe: bool) -> None:
    scene.commit({"checkout": {"tier": 1}})
    scene.apply()
    scene.pass_time(hours=48)
    is_over = status not in ("opening", "open")
    row = scene.store.save_proposal(replace(ROW, status=ProposalStatus(status), is_settled=is_over), None)

    assert scene.store.ripe() == (["checkout"] if is_ripe else [])
    scene.store.save_proposal(replace(row, epoch=2), None)
    assert scene.store.ripe() == ["checkout"]
