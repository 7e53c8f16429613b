"""The fence: which commit may be applied, and may it raise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.domain.plan import RaisesHeld, WaitsFor
from reconciler.domain.revision import Candidate, Permission, Relation, examine, holds_raises
from tests.builders.domain import EARLIER, INSTANT, REVISION

FOREIGN = "cccccccccc is not on the applied branch; merge it, or name another with --branch"
SHALLOW = (
    "this clone is shallow and can't tell whether cccccccccc is newer than what is in force, or "
    "what was rolled back before; run `git fetch --unshallow` (in CI: fetch-depth: 0)"
)
BEHIND = (
    "cccccccccc is not merged and does not contain bbbbbbbbbb, which is in force: "
    "merge or rebase onto it, or what others changed since looks undone"
)
REWRITTEN = (
    "cccccccccc does not contain bbbbbbbbbb, which is in force: "
    "pull first; only when the branch was rewritten on purpose, run `reconciler db reanchor --reason TEXT`"
)


def a_candidate(
    relation: Relation | None = Relation.AHEAD, *, on_branch: bool | None = True, tip: str = REVISION
) -> Candidate:
    """Return REVISION as the commit to apply, EARLIER in force unless there is no relation."""
    in_force = None if relation is None else EARLIER
    return Candidate(revision=REVISION, tip=tip, on_branch=on_branch, in_force=in_force, relation=relation)


@pytest.mark.parametrize(
    ("candidate", "permission"),
    [
        pytest.param(a_candidate(None), Permission(), id="the first apply"),
        pytest.param(
            a_candidate(None, on_branch=False),
            Permission(refusal=FOREIGN, is_foreign=True),
            id="the first, foreign",
        ),
        pytest.param(a_candidate(None, on_branch=None), Permission(refusal=SHALLOW), id="the first, shallow"),
        pytest.param(a_candidate(Relation.SAME), Permission(), id="again"),
        pytest.param(a_candidate(Relation.AHEAD), Permission(), id="newer"),
        pytest.param(a_candidate(Relation.AHEAD, tip=EARLIER), Permission(), id="newer, not the tip"),
        pytest.param(
            a_candidate(on_branch=False), Permission(refusal=FOREIGN, is_foreign=True), id="newer, foreign"
        ),
        pytest.param(a_candidate(on_branch=None), Permission(refusal=SHALLOW), id="newer, unknown branch"),
        pytest.param(a_candidate(Relation.BEHIND), Permission(is_stale=True), id="older"),
        pytest.param(a_candidate(Relation.BEHIND, on_branch=False), Permission(is_stale=True), id="older, foreign"),
        pytest.param(a_candidate(Relation.DIVERGED), Permission(refusal=REWRITTEN), id="rewritten"),
        pytest.param(
            a_candidate(Relation.DIVERGED, on_branch=False),
            Permission(refusal=BEHIND, is_foreign=True),
            id="diverged, foreign",
        ),
        pytest.param(a_candidate(Relation.UNKNOWN), Permission(refusal=SHALLOW), id="can't tell"),
    ],
)
def test_only_the_branch_going_forward_may_be_applied(candidate: Candidate, permission: Permission) -> None:
    assert examine(candidate) == permission


@pytest.mark.parametrize(
    "skew", [timedelta(seconds=30), timedelta(seconds=-30), timedelta()], ids=["ahead", "behind", "none"]
)
def test_the_tip_may_raise_while_the_clocks_are_30_seconds_apart_or_less(skew: timedelta) -> None:
    assert holds_raises(a_candidate(), skew) is None


@pytest.mark.parametrize(
    ("skew", "said"),
    [
        pytest.param(timedelta(seconds=30) + INSTANT, "30s", id="a microsecond too far ahead"),
        pytest.param(-timedelta(seconds=30) - INSTANT, "30s", id="a microsecond too far behind"),
        pytest.param(timedelta(hours=2), "2h", id="an hour shift"),
    ],
)
def test_clocks_further_apart_hold_raises(skew: timedelta, said: str) -> None:
    assert holds_raises(a_candidate(), skew) == RaisesHeld(
        waits_for=WaitsFor.CLOCK,
        reason=f"the clocks of the database and of this machine are {said} apart, more than 30s",
        remedy="set the clocks right",
    )


@pytest.mark.parametrize("relation", [None, Relation.SAME, Relation.AHEAD])
@pytest.mark.parametrize("skew", [timedelta(), timedelta(days=1)], ids=["clocks agree", "clocks differ"])
def test_an_older_commit_may_not_raise(relation: Relation | None, skew: timedelta) -> None:
    assert holds_raises(a_candidate(relation, tip="d" * 40), skew) == RaisesHeld(
        waits_for=WaitsFor.TIP,
        reason="cccccccccc is not the tip of the branch, dddddddddd is",
        remedy="apply the tip",
    )


def test_a_commit_whose_branch_is_unknown_may_not_raise() -> None:
    held = holds_raises(a_candidate(on_branch=None, tip="d" * 40), timedelta())

    assert held is not None
    assert held.waits_for is WaitsFor.TIP


def test_a_commit_of_another_branch_is_planned_as_if_it_were_merged() -> None:
    assert holds_raises(a_candidate(on_branch=False, tip="d" * 40), timedelta()) is None
