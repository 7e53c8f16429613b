"""The next row of a chain, as the database will derive it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from reconciler.domain.plan import Change, Create, Demote, Promote, Restart, Retire, Rollback, Update
from reconciler.domain.state import RollbackRecord, State
from reconciler.domain.transition import held_back, is_raise, rolled_back, settled, succeed
from tests.builders import domain
from tests.builders.domain import (
    EARLIER,
    FEATURE,
    NOW,
    REVISION,
    a_definition,
    a_standing,
    a_state,
    hours,
    some_gates,
)

ID = UUID(int=5)
BEFORE = a_state(2)
ROLLED_BACK = domain.rolled_back()


def test_a_definition_in_force_settles_its_gates() -> None:
    gates = some_gates(hours(30))

    assert settled(a_definition(2, gates=gates, attempt=2, rolled_back=1)) == a_standing(
        2, gates=gates, settled=gates, attempt=2
    )


def test_a_definition_held_back_keeps_tier_and_settled_gates() -> None:
    observed = a_standing(2, gates=some_gates(hours(48)))

    assert held_back(
        a_definition(3, paused=True, gates=some_gates(hours(72), min_exposed=0)), observed
    ) == a_standing(2, paused=True, gates=some_gates(hours(72)), settled=some_gates(hours(48)))


def test_a_rollback_keeps_everything_but_tier_and_attempt() -> None:
    observed = a_standing(3, whitelist=frozenset({"ada"}), retired=True)

    assert rolled_back(observed, 2) == replace(observed, tier=a_standing(0).tier, attempt=2, rolled_back=True)


@pytest.mark.parametrize(
    ("change", "epoch", "began"),
    [
        pytest.param(
            Create(feature=FEATURE, before=None, after=a_standing(1), reason="new"), 1, NOW, id="the first row"
        ),
        pytest.param(
            Update(feature=FEATURE, before=BEFORE, after=a_standing(2, paused=True), reason="paused"),
            2,
            BEFORE.epoch_started_at,
            id="an update goes on",
        ),
        pytest.param(
            Retire(feature=FEATURE, before=BEFORE, after=a_standing(2, retired=True), reason="gone"),
            2,
            BEFORE.epoch_started_at,
            id="a retirement goes on",
        ),
        pytest.param(
            Promote(feature=FEATURE, before=BEFORE, after=a_standing(3), reason="up"), 3, NOW, id="another tier"
        ),
        pytest.param(
            Restart(feature=FEATURE, before=ROLLED_BACK, after=a_standing(0, attempt=2), reason="again"),
            3,
            NOW,
            id="another attempt at the same tier",
        ),
    ],
)
def test_an_epoch_is_one_stay_at_a_tier_of_an_attempt(change: Change, epoch: int, began: object) -> None:
    state = succeed(change, at=NOW, revision=REVISION, transition=ID)

    assert (state.epoch, state.epoch_started_at, state.changed_at) == (epoch, began, NOW)


@pytest.mark.parametrize(
    ("change", "settled_revision"),
    [
        pytest.param(
            Update(feature=FEATURE, before=BEFORE, after=a_standing(2), reason="x"),
            REVISION,
            id="settled by this one",
        ),
        pytest.param(
            Update(feature=FEATURE, before=BEFORE, after=a_standing(2), reason="x", is_settled=False),
            EARLIER,
            id="still settled by the last one",
        ),
        pytest.param(
            Create(feature=FEATURE, before=None, after=a_standing(0), reason="x", is_settled=False),
            None,
            id="settled by none",
        ),
        pytest.param(
            Rollback(
                feature=FEATURE,
                before=BEFORE,
                after=a_standing(0, rolled_back=True),
                reason="x",
                is_settled=False,
                commit=EARLIER,
            ),
            None,
            id="nothing is settled at a new tier",
        ),
    ],
)
def test_the_settling_commit_is_the_last_that_was_in_force_whole(
    change: Change, settled_revision: str | None
) -> None:
    assert succeed(change, at=NOW, revision=REVISION, transition=ID).settled_revision == settled_revision


@pytest.mark.parametrize(
    ("change", "record"),
    [
        pytest.param(
            Rollback(
                feature=FEATURE,
                before=BEFORE,
                after=a_standing(0, rolled_back=True),
                reason="git remembers",
                commit=EARLIER,
            ),
            RollbackRecord(id=ID, at=NOW, reason="git remembers", in_git=EARLIER),
            id="imported",
        ),
        pytest.param(
            Update(feature=FEATURE, before=ROLLED_BACK, after=a_standing(0, rolled_back=True), reason="owner"),
            ROLLED_BACK.rollback,
            id="goes on through an update",
        ),
        pytest.param(
            Rollback(
                feature=FEATURE,
                before=ROLLED_BACK,
                after=a_standing(0, rolled_back=True, attempt=2),
                reason="git remembers",
                commit=EARLIER,
            ),
            RollbackRecord(id=ID, at=NOW, reason="git remembers", in_git=EARLIER),
            id="of a later attempt",
        ),
        pytest.param(
            Create(feature=FEATURE, before=None, after=a_standing(0, rolled_back=True), reason="new"),
            RollbackRecord(id=ID, at=NOW, reason="new", in_git=REVISION),
            id="created as one",
        ),
        pytest.param(
            Restart(feature=FEATURE, before=ROLLED_BACK, after=a_standing(1, attempt=2), reason="again"),
            None,
            id="ended by a restart",
        ),
    ],
)
def test_the_rollback_a_rollout_stands_under(change: Change, record: RollbackRecord | None) -> None:
    assert succeed(change, at=NOW, revision=REVISION, transition=ID).rollback == record


@pytest.mark.parametrize(
    ("change", "is_so"),
    [
        (Create(feature=FEATURE, before=None, after=a_standing(0), reason="x"), False),
        (Create(feature=FEATURE, before=None, after=a_standing(1), reason="x"), True),
        (Create(feature=FEATURE, before=None, after=a_standing(3), reason="x", adopted=True), True),
        (Update(feature=FEATURE, before=BEFORE, after=a_standing(2), reason="x"), False),
        (Promote(feature=FEATURE, before=BEFORE, after=a_standing(3), reason="x"), True),
        (Demote(feature=FEATURE, before=BEFORE, after=a_standing(1), reason="x"), False),
        (Restart(feature=FEATURE, before=ROLLED_BACK, after=a_standing(0, attempt=2), reason="x"), True),
        (Retire(feature=FEATURE, before=BEFORE, after=a_standing(2, retired=True), reason="x"), False),
    ],
    ids=lambda value: f"{value.kind} to {int(value.after.tier)}" if not isinstance(value, bool) else "",
)
def test_what_counts_as_a_raise(change: Change, *, is_so: bool) -> None:
    assert is_raise(change) is is_so


def test_the_next_version_is_one_more() -> None:
    change = Update(feature=FEATURE, before=BEFORE, after=a_standing(2, paused=True), reason="paused")

    assert succeed(change, at=NOW, revision=REVISION, transition=ID) == State(
        feature=FEATURE,
        version=BEFORE.version + 1,
        standing=a_standing(2, paused=True),
        epoch=BEFORE.epoch,
        epoch_started_at=BEFORE.epoch_started_at,
        changed_at=NOW,
        settled_revision=REVISION,
    )
