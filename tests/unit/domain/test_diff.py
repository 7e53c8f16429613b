"""A whole root at once: every feature decided alone, the safest change first."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.domain.definition import Definition
from reconciler.domain.desired import Desired
from reconciler.domain.diff import Circumstances, Observed, diff
from reconciler.domain.plan import WaitsFor
from reconciler.domain.state import State
from tests.builders.domain import HEALTHY, NOW, REVISION, a_definition, a_plan, a_problem, a_state, remembered

CALM = Circumstances(revision=REVISION)


def test_carries_out_the_safest_change_first() -> None:
    plan = diff(
        _desired(
            a_definition(2, feature="a-promote"),
            a_definition(1, feature="b-restart", attempt=2, rolled_back=1),
            a_definition(1, feature="c-create"),
            a_definition(1, feature="d-update", paused=True),
            a_definition(1, feature="f-demote"),
            a_definition(2, feature="g-rollback"),
        ),
        _observed(
            a_state(1, feature="a-promote"),
            a_state(0, feature="b-restart", rolled_back=True),
            a_state(1, feature="d-update"),
            a_state(4, feature="e-retire"),
            a_state(2, feature="f-demote"),
            a_state(2, feature="g-rollback"),
            evidence={"a-promote": HEALTHY},
        ),
        Circumstances(revision=REVISION, remembered={"g-rollback": remembered(1)}),
    )

    assert [(change.kind, change.feature) for change in plan.changes] == [
        ("rollback", "g-rollback"),
        ("demote", "f-demote"),
        ("retire", "e-retire"),
        ("update", "d-update"),
        ("create", "c-create"),
        ("restart", "b-restart"),
        ("promote", "a-promote"),
    ]


def test_changes_of_one_kind_go_by_name() -> None:
    plan = diff(_desired(*(a_definition(0, feature=name) for name in ("c", "a", "b"))), _observed(), CALM)

    assert [change.feature for change in plan.changes] == ["a", "b", "c"]


def test_changes_of_one_feature_keep_their_order() -> None:
    plan = diff(
        _desired(a_definition(1, attempt=2, rolled_back=1), a_definition(1, feature="search", paused=True)),
        _observed(a_state(3), a_state(1, feature="search")),
        CALM,
    )

    assert [(change.kind, change.feature) for change in plan.changes] == [
        ("rollback", "checkout"),
        ("update", "search"),
        ("restart", "checkout"),
    ]


def test_one_feature_does_not_share_the_fate_of_another() -> None:
    plan = diff(
        Desired(
            definitions={
                "high": a_definition(4, feature="high"),
                "fine": a_definition(1, feature="fine"),
                "early": a_definition(2, feature="early"),
            },
            problems=(a_problem("broken"),),
        ),
        _observed(a_state(1, feature="broken"), a_state(1, feature="early"), a_state(0, feature="fine")),
        CALM,
    )

    assert (
        [change.feature for change in plan.changes],
        [hold.feature for hold in plan.holds],
        [refusal.feature for refusal in plan.refusals],
    ) == (["fine"], ["early"], ["high"])


def test_counts_what_is_in_sync_read_or_unread() -> None:
    desired = Desired(definitions={"checkout": a_definition(1)}, unchanged=frozenset({"search", "basket"}))

    assert diff(desired, _observed(a_state(1), a_state(3, feature="search")), CALM) == a_plan(in_sync=3)


@pytest.mark.parametrize(
    "named",
    [{"problems": (a_problem("checkout"),)}, {}],
    ids=["unreadable", "retired and without a file"],
)
def test_what_is_kept_without_a_file_is_not_in_sync(named: dict[str, Any]) -> None:
    state = a_state(4, retired=True)

    assert diff(Desired(definitions={}, **named), _observed(state), CALM).in_sync == 0


def test_a_feature_without_evidence_has_none() -> None:
    plan = diff(_desired(a_definition(2)), _observed(a_state(1), evidence={"search": HEALTHY}), CALM)

    assert [(hold.waits_for, hold.reason) for hold in plan.holds] == [
        (WaitsFor.EVIDENCE, "0 exposed customers seen, 1 needed")
    ]


def test_holds_and_refusals_go_by_name_too() -> None:
    plan = diff(
        _desired(*(a_definition(2, feature=name) for name in ("b", "a"))),
        _observed(*(a_state(1, feature=name) for name in ("a", "b"))),
        CALM,
    )

    assert [hold.feature for hold in plan.holds] == ["a", "b"]


def _desired(*definitions: Definition) -> Desired:
    return Desired(definitions={definition.feature: definition for definition in definitions})


def _observed(*states: State, **named: Any) -> Observed:
    return Observed(now=NOW, states={state.feature: state for state in states}, **named)
