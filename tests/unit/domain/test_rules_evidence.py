"""Rule 10: what the errors say holds a raise, in words with the figures that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from reconciler.domain.analysis import Cohort, Evidence, Verdict
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Hold, WaitsFor
from reconciler.domain.state import State
from tests.builders.domain import (
    AILING,
    FEATURE,
    OWNER,
    UNHEALTHY,
    UNREADABLE,
    a_definition,
    a_plan,
    a_state,
    diffed,
    hours,
    some_gates,
)

UNSEEN = (
    WaitsFor.EVIDENCE,
    f"the events can't be read: {UNREADABLE.unreadable}",
    "mend the database; nothing is raised unseen",
)


@pytest.mark.parametrize(
    ("evidence", "hold"),
    [
        pytest.param(
            UNHEALTHY,
            (
                WaitsFor.HEALTH,
                "12 of 100 exposed customers have an error in the last 1h, the limit is 5 %",
                "mend the feature, or set a lower `tier`",
            ),
            id="tripped",
        ),
        pytest.param(
            AILING,
            (
                WaitsFor.HEALTH,
                "30 of 200 exposed customers have an error since tier 1 began, 95 % must have none",
                "mend the feature, or set a lower `tier`",
            ),
            id="short of its success rate since the tier began",
        ),
        pytest.param(UNREADABLE, UNSEEN, id="unreadable"),
        pytest.param(
            Evidence(verdict=Verdict.INSUFFICIENT, epoch=Cohort(customers=3)),
            (
                WaitsFor.EVIDENCE,
                "3 exposed customers seen, 10 needed",
                "wait for events, or apply `thresholds.min_exposed: 0` with `tier: 1` to promote without evidence",
            ),
            id="insufficient",
        ),
    ],
)
def test_holds_without_good_evidence(evidence: Evidence, hold: tuple[WaitsFor, str, str]) -> None:
    gates = some_gates(min_exposed=10)
    state = a_state(1, gates=gates)

    assert diffed(a_definition(2, gates=gates), state, evidence=evidence) == a_plan(holds=(_hold(state, 2, *hold),))


def test_a_tripped_window_is_told_before_a_poor_epoch() -> None:
    state = a_state(1)
    both = replace(UNHEALTHY, epoch=AILING.epoch)

    assert [hold.reason for hold in diffed(a_definition(2), state, evidence=both).holds] == [
        "12 of 100 exposed customers have an error in the last 1h, the limit is 5 %"
    ]


@pytest.mark.parametrize(
    ("thresholds", "evidence", "limit"),
    [
        pytest.param({"error_rate": 0.0}, UNHEALTHY, "in the last 1h, the limit is 0 %", id="none at all"),
        pytest.param({"error_rate": 0.07}, UNHEALTHY, "in the last 1h, the limit is 7 %", id="whole"),
        pytest.param({"error_rate": 0.0125}, UNHEALTHY, "in the last 1h, the limit is 1.25 %", id="a fraction"),
        pytest.param(
            {"window": hours(24), "error_rate": 0.1}, UNHEALTHY, "in the last 24h, the limit is 10 %", id="a day"
        ),
        pytest.param({"success_rate": 0.99999}, AILING, "tier 1 began, 99.999 % must have none", id="nearly all"),
        pytest.param({"success_rate": 1.0}, AILING, "tier 1 began, 100 % must have none", id="all"),
    ],
)
def test_a_limit_reads_as_people_write_it(thresholds: dict[str, Any], evidence: Evidence, limit: str) -> None:
    gates = some_gates(**thresholds)

    plan = diffed(a_definition(2, gates=gates), a_state(1, gates=gates), evidence=evidence)

    assert [hold.reason.endswith(limit) for hold in plan.holds] == [True]


def test_a_limit_is_the_stricter_of_settled_and_asked() -> None:
    plan = diffed(a_definition(2, gates=some_gates(error_rate=0.02)), a_state(1), evidence=UNHEALTHY)

    assert plan.holds[0].reason.endswith("the limit is 2 %")


def test_nothing_is_raised_unseen_even_when_no_evidence_is_asked_for() -> None:
    gates = some_gates(min_exposed=0)
    state = a_state(1, gates=gates)

    assert diffed(a_definition(2, gates=gates), state, evidence=UNREADABLE) == a_plan(
        holds=(_hold(state, 2, *UNSEEN),)
    )


def test_min_exposed_0_says_that_it_promoted_without_evidence() -> None:
    gates = some_gates(min_exposed=0)

    plan = diffed(a_definition(2, gates=gates), a_state(1, gates=gates, served=hours(50)))

    assert [change.reason for change in plan.changes] == ["tier 1 -> 2 after 50h at tier 1, without evidence"]


@pytest.mark.parametrize(
    ("verdict", "kinds"),
    [
        pytest.param(Verdict.INSUFFICIENT, ["promote"], id="insufficient"),
        pytest.param(Verdict.HEALTHY, ["promote"], id="healthy"),
        pytest.param(Verdict.UNHEALTHY, [], id="unhealthy"),
    ],
)
def test_min_exposed_0_promotes_without_evidence_but_not_against_it(verdict: Verdict, kinds: Sequence[str]) -> None:
    gates = some_gates(min_exposed=0)

    plan = diffed(a_definition(2, gates=gates), a_state(1, gates=gates), evidence=Evidence(verdict=verdict))

    assert [change.kind for change in plan.changes] == kinds


def _hold(state: State, tier: int, waits_for: WaitsFor, reason: str, remedy: str) -> Hold:
    return Hold(
        feature=FEATURE,
        owner=OWNER,
        before=state,
        tier=Tier(tier),
        waits_for=waits_for,
        reason=reason,
        remedy=remedy,
    )
