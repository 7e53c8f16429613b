"""The fence and the guard against PostgreSQL: old, foreign and rewritten commits, and likely accidents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.domain.plan import WaitsFor
from reconciler.errors import RevisionRefusedError
from tests.builders.database import Database
from tests.builders.scene import Scene, a_scene


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


def test_an_older_commit_of_the_branch_does_everything_but_raise(scene: Scene) -> None:
    begin(scene, 1)
    older = scene.commit({"checkout": {"tier": 2, "owner": "team-a"}, "search": {"tier": 1}})
    scene.commit({"zebra": {"tier": 0}})
    scene.pass_time(hours=48)

    held = waits_for(scene, older)
    by_older = {name: (row.tier, row.owner) for name, row in scene.rows().items()}
    scene.apply()

    assert (held, by_older) == ([WaitsFor.TIP] * 2, {"checkout": (1, "team-a"), "search": (0, "")})
    assert {name: row.tier for name, row in scene.rows().items()} == {"checkout": 2, "search": 1, "zebra": 0}


def test_a_commit_that_the_one_in_force_contains_is_stale(scene: Scene) -> None:
    older = scene.commit({"checkout": {"tier": 0}})
    begin(scene, 1)
    written = scene.counts()

    outcome = scene.apply(older)

    assert (outcome.is_stale, scene.counts()) == (True, written)


@pytest.mark.parametrize("where", ["another branch", "rewritten history"])
def test_a_commit_beside_the_one_in_force_is_refused(scene: Scene, where: str) -> None:
    base = scene.commit({"checkout": {"tier": 0}})
    begin(scene, 1)
    written = scene.counts()

    commit = scene.commit({"checkout": {"tier": 0}}, parent=base, to_main=where == "rewritten history")
    with pytest.raises(RevisionRefusedError, match="not merged" if where == "another branch" else "rewritten"):
        scene.apply(commit)

    assert scene.counts() == written


@pytest.mark.parametrize(
    ("count", "live", "is_done"), [(3, 10, True), (4, 10, False), (9, 9, True), (4, 11, False)]
)
def test_the_guard_stops_more_than_30_percent_of_ten_or_more(
    scene: Scene, count: int, live: int, *, is_done: bool
) -> None:
    names = [f"f{number}" for number in range(live)]
    scene.commit({name: {"tier": 1} for name in names})
    scene.apply()
    written = scene.counts()

    scene.commit({"other": {"tier": 0}, **{name: {"tier": 0} for name in names[:count]}})
    outcome = scene.apply()

    assert outcome.plan.is_blocked is not is_done
    assert [scene.rows()[name].tier for name in names[:count]] == [0 if is_done else 1] * count
    assert is_done or scene.counts() == written


@pytest.mark.parametrize("others", ["retired", "at tier 0"])
def test_rollouts_that_expose_nobody_hide_no_accident(scene: Scene, others: str) -> None:
    live, rest = [f"live{number}" for number in range(10)], [f"rest{number}" for number in range(20)]
    scene.commit({**{name: {"tier": 1} for name in live}, **{name: {"tier": 0} for name in rest}})
    scene.apply()
    if others == "retired":
        scene.commit(dict.fromkeys(rest))
        scene.apply(allow_unsafe="the pilot is over")

    scene.commit({name: {"tier": 0} for name in live[:4]})

    assert scene.apply().plan.is_blocked


@pytest.mark.parametrize("by", ["option", "trailer"])
def test_an_override_is_recorded_once(scene: Scene, by: str) -> None:
    scene.commit({"checkout": {"tier": 0}})
    scene.apply()
    trailers = {"Allow-Unsafe-Plan": "the end"} if by == "trailer" else {}
    option: dict[str, Any] = {"allow_unsafe": "the end"} if by == "option" else {}
    scene.commit_files({}, trailers=trailers)

    scene.apply(**option)
    written = scene.counts()
    scene.apply(**option)

    reasons = scene.admin.execute("select unsafe_reason from rollouts.rollout_revisions order by number").fetchall()
    assert (reasons, scene.counts()) == ([(None,), ("the end",)], written)
    assert scene.rows()["checkout"].retired


@pytest.mark.parametrize("by", ["a feature without a row", "history that was reanchored"])
def test_a_clone_that_may_lack_the_commit_of_a_rollback_is_refused(scene: Scene, by: str) -> None:
    begin(scene, 0)
    scene.commit({}, rollbacks={"basket": 1, "checkout": 1})
    cut = scene.commit({})
    if by == "a feature without a row":
        scene.apply()
    else:
        scene.reanchor(cut)
    scene.commit({"basket": {"tier": 1}} if by == "a feature without a row" else {"checkout": {"tier": 1}})
    scene.commits.cut_at = cut

    with pytest.raises(RevisionRefusedError, match="this clone is shallow"):
        scene.apply()


def test_a_rollback_told_of_above_an_older_commit_counts(scene: Scene) -> None:
    begin(scene, 2)
    older = scene.commit({"checkout": {"tier": 2, "owner": "team-a"}})
    scene.commit({}, rollbacks={"checkout": 1})

    scene.apply(older)

    assert scene.chain("checkout") == [("adopt", 2, 1), ("rollback", 0, 1)]
