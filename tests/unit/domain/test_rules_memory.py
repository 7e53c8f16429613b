"""Rules 4 and 5: attempts that are over, and rollbacks that the database lost."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from reconciler.domain.definition import Definition
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Create, Refusal, RememberedRollback, Restart, Rollback, Update, WaitsFor
from reconciler.domain.state import RollbackRecord, State
from tests.builders.domain import (
    EARLIER,
    FEATURE,
    FROZEN,
    NOT_THE_TIP,
    NOW,
    OWNER,
    REVISION,
    SOURCE,
    a_definition,
    a_plan,
    a_problem,
    a_standing,
    a_state,
    diffed,
    remembered,
    rolled_back,
)

# 4. An attempt that is over.


@pytest.mark.parametrize(
    ("definition", "state"),
    [
        pytest.param(a_definition(1), a_state(1, attempt=2), id="one behind, same tier"),
        pytest.param(a_definition(0), a_state(3, attempt=2), id="one behind, lower"),
        pytest.param(a_definition(2), a_state(1, attempt=3), id="two behind, higher"),
        pytest.param(a_definition(0, attempt=1, rolled_back=1), a_state(1, attempt=2), id="the rollback itself"),
        pytest.param(a_definition(1), rolled_back(attempt=2), id="behind a later rollback"),
        pytest.param(a_definition(1), a_state(4, attempt=2, retired=True), id="behind a retirement"),
    ],
)
def test_a_stale_attempt_is_refused(definition: Definition, state: State) -> None:
    attempt = state.standing.attempt

    assert diffed(definition, state) == a_plan(
        refusals=(
            _refusal(
                state,
                definition.tier,
                rule="stale-attempt",
                reason=f"attempt {definition.attempt} is stale, attempt {attempt} is under way",
                remedy=f"set `attempt: {attempt}` and `rolled_back: {attempt - 1}`",
            ),
        )
    )


def test_the_attempt_under_way_is_not_stale() -> None:
    assert diffed(a_definition(1, attempt=2, rolled_back=1), a_state(1, attempt=2)) == a_plan(in_sync=1)


# 5. A rollback that the database lost.


@pytest.mark.parametrize(
    ("rolled_back_in_file", "state"),
    [
        pytest.param(1, a_state(3), id="equal, while live"),
        pytest.param(1, a_state(0), id="equal, at tier 0"),
        pytest.param(2, a_state(3), id="greater, while live"),
        pytest.param(2, rolled_back(), id="greater than an earlier rollback"),
        pytest.param(4, a_state(3), id="greater by three"),
    ],
)
def test_a_rollback_that_only_git_remembers_is_imported(rolled_back_in_file: int, state: State) -> None:
    plan = diffed(a_definition(0, attempt=rolled_back_in_file, rolled_back=rolled_back_in_file), state)

    rollback = _imported(state, rolled_back_in_file, REVISION)
    assert plan == a_plan(changes=(rollback, *plan.changes[1:]))
    assert all(isinstance(change, Update) for change in plan.changes[1:])


def test_an_import_goes_on_with_what_the_file_says() -> None:
    state = a_state(3, whitelist=frozenset({"ada"}))
    definition = a_definition(0, attempt=1, rolled_back=1, whitelist=frozenset({"bob"}))

    rollback = _imported(state, 1, REVISION)
    after = a_standing(0, rolled_back=True, whitelist=frozenset({"bob"}))
    update = Update(feature=FEATURE, before=_following(rollback), after=after, reason="whitelist +1 -1")
    assert diffed(definition, state) == a_plan(changes=(rollback, update))


def test_an_import_goes_on_with_the_next_attempt() -> None:
    state = a_state(3)

    rollback = _imported(state, 1, REVISION)
    restart = Restart(
        feature=FEATURE,
        before=_following(rollback),
        after=a_standing(1, attempt=2),
        reason="attempt 2 begins after the rollback of attempt 1",
    )
    assert diffed(a_definition(1, attempt=2, rolled_back=1), state) == a_plan(changes=(rollback, restart))


@pytest.mark.parametrize(
    ("definition", "state"),
    [
        pytest.param(a_definition(0, attempt=1, rolled_back=1), rolled_back(in_git=True), id="equal, known"),
        pytest.param(a_definition(0, attempt=1, rolled_back=1), rolled_back(), id="equal, not yet in git"),
        pytest.param(a_definition(3, attempt=2, rolled_back=1), a_state(3, attempt=2), id="one less"),
        pytest.param(a_definition(3, attempt=4, rolled_back=3), a_state(3, attempt=4), id="one less, later"),
    ],
)
def test_a_rollback_that_the_database_knows_is_not_imported_again(definition: Definition, state: State) -> None:
    assert diffed(definition, state) == a_plan(in_sync=1)


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_trailer_counts_whatever_the_file_says_now(attempt: int) -> None:
    state = a_state(3)
    plan = diffed(a_definition(3), state, memory=remembered(attempt))

    assert plan.changes == (_imported(state, attempt, EARLIER),)
    assert [refusal.rule for refusal in plan.refusals] == ["rolled-back" if attempt == 1 else "stale-attempt"]


@pytest.mark.parametrize("file", ["gone", "unreadable"])
def test_a_trailer_counts_without_a_readable_file(file: str) -> None:
    state = a_state(3)
    problems = (a_problem(FEATURE),) if file == "unreadable" else ()

    plan = diffed(None, state, problems=problems, memory=remembered(1))

    assert plan.changes[0] == _imported(state, 1, EARLIER)
    assert [change.kind for change in plan.changes[1:]] == ([] if problems else ["retire"])


@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize(("attempt", "rule"), [(1, "rolled-back"), (2, "stale-attempt")])
def test_a_trailer_counts_for_a_feature_that_the_database_lost_whole(
    attempt: int, rule: str, *, adopt: bool
) -> None:
    plan = diffed(a_definition(1), None, memory=remembered(attempt), adopt=adopt)

    after = a_standing(0, attempt=attempt, rolled_back=True)
    reason = f"git tells of the rollback of attempt {attempt}, which the database did not know"
    assert plan == a_plan(
        changes=(
            Create(feature=FEATURE, before=None, after=after, reason=reason, is_settled=False, commit=EARLIER),
        ),
        refusals=plan.refusals,
    )
    assert [refusal.rule for refusal in plan.refusals] == [rule]


def test_a_trailer_of_an_earlier_attempt_does_not_hinder_a_creation() -> None:
    definition = a_definition(1, attempt=2, rolled_back=1)

    assert diffed(definition, None, memory=remembered(1)) == diffed(definition, None)


@pytest.mark.parametrize(
    ("memory", "state"),
    [
        pytest.param(remembered(1), rolled_back(), id="the rollback that stands"),
        pytest.param(remembered(1), a_state(3, attempt=2), id="an earlier attempt"),
        pytest.param(remembered(1), rolled_back(attempt=2), id="earlier than the rollback that stands"),
    ],
)
def test_a_trailer_of_a_known_rollback_does_nothing(memory: RememberedRollback, state: State) -> None:
    definition = a_definition(
        int(state.standing.tier), attempt=state.standing.attempt, rolled_back=state.standing.attempt - 1
    )

    assert diffed(definition, state, memory=memory) == diffed(definition, state)


def test_of_file_and_trailer_the_later_attempt_is_imported() -> None:
    state = a_state(3)

    plan = diffed(a_definition(1, attempt=3, rolled_back=2), state, memory=remembered(1))

    assert plan.changes[0] == _imported(state, 2, REVISION)


def test_a_held_raise_does_not_hold_an_import_back() -> None:
    state = a_state(3)

    plan = diffed(
        a_definition(1, attempt=2, rolled_back=1, paused=True), state, raises_held=NOT_THE_TIP, policy=FROZEN
    )

    assert plan.changes == (_imported(state, 1, REVISION),)
    assert [hold.waits_for for hold in plan.holds] == [WaitsFor.TIP, WaitsFor.RESUME, WaitsFor.FREEZE]


def _imported(state: State, attempt: int, commit: str) -> Rollback:
    return Rollback(
        feature=FEATURE,
        before=state,
        after=replace(state.standing, tier=Tier.DISABLED, attempt=attempt, rolled_back=True),
        reason=f"git tells of the rollback of attempt {attempt}, which the database did not know",
        is_settled=False,
        commit=commit,
    )


def _following(rollback: Rollback) -> State:
    before = rollback.before
    assert before is not None
    return State(
        feature=FEATURE,
        version=before.version + 1,
        standing=rollback.after,
        epoch=before.epoch + 1,
        epoch_started_at=NOW,
        changed_at=NOW,
        settled_revision=None,
        rollback=RollbackRecord(id=UUID(int=0), at=NOW, reason=rollback.reason, in_git=rollback.commit),
    )


def _refusal(state: State, tier: int, *, rule: str, reason: str, remedy: str) -> Refusal:
    return Refusal(
        feature=FEATURE,
        owner=OWNER,
        before=state,
        tier=Tier(tier),
        rule=rule,
        reason=reason,
        remedy=remedy,
        where=str(SOURCE),
    )
