"""Every row that would climb wrongly is refused by the name of its rule: to writers and to the owner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import pytest
from _pytest.mark.structures import ParameterSet

from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import ALLOWED, WRITERS, a_target, prepare, refusal
from tests.builders.chain import Connection, append, commit, following, insertion, some_gates, take

Said: TypeAlias = dict[str, object]

STEP: Said = {"kind": "promote", "tier": 2, "gate_dwell_seconds": 0, "verdict": "insufficient"}
RESTART: Said = {"kind": "restart", "tier": 1, "attempt": 2, "rolled_back": False}
ROLLBACK: Said = {"kind": "rollback", "tier": 0, "rolled_back": True, "is_settled": False, "revision": None}
RETIRE: Said = {"kind": "retire", "retired": True}
LOOSE: Said = {"gates": some_gates(), "settled_gates": some_gates()}
HOLD: Said = {"is_settled": False}


def attack(situation: str, rule: str, name: str, changes: Said) -> ParameterSet:
    return pytest.param(situation, rule, changes, id=f"{situation}: {name}")


LADDER = [
    attack("nothing", "starts_low", "begin at tier 2", {"tier": 2}),
    attack("nothing", "starts_low", "begin at tier 4", {"tier": 4}),
    attack("off", "no_skip", "raise by two", STEP),
    attack("live", "no_skip", "raise by three", STEP | {"tier": 4}),
    attack("live", "update_keeps_the_tier", "raise as an update", {"tier": 2}),
    attack("live", "update_keeps_the_tier", "lower as an update", {"tier": 0}),
    attack("live", "demotion_goes_down", "raise as a demotion", {"kind": "demote", "tier": 2}),
    attack("live", "demotion_goes_down", "a demotion to where it is", {"kind": "demote"}),
    attack("live", "retirement_is_finished", "raise as a retirement", RETIRE | {"tier": 2}),
    attack("live", "rollback_is_total", "raise as a rollback", ROLLBACK | {"tier": 2, "rolled_back": False}),
    attack("live", "rollback_is_total", "a rollback that is a demotion", ROLLBACK | {"rolled_back": False}),
    attack("live", "restart_follows_rollback", "raise as a restart", RESTART | {"tier": 2, "attempt": 1}),
    attack("live", "only_the_first_creates", "raise as a creation", {"kind": "create", "tier": 2}),
    attack("live", "only_the_first_creates", "raise as an adoption", {"kind": "adopt", "tier": 2}),
    attack("live", "promotion_is_one_rung", "a promotion that stays", STEP | {"tier": 1}),
    attack("nothing", "only_the_first_creates", "begin with an update", {"kind": "update"}),
    attack("nothing", "only_the_first_creates", "begin with a promotion", STEP | {"tier": 1}),
    attack("live", "kind_is_known", "a kind of one's own", {"kind": "grant"}),
    attack("nothing", "tier_is_on_the_ladder", "tier 5", {"kind": "adopt", "tier": 5, "target": 5}),
    attack("live", "tier_is_on_the_ladder", "tier -1", {"kind": "demote", "tier": -1}),
    attack("at tier 3", "tier_is_on_the_ladder", "a target below the tier", {"target": 2}),
    attack("live", "tier_is_on_the_ladder", "a target above the ladder", {"target": 5}),
    attack("live", "22003", "a tier that is no smallint", {"tier": 70_000}),
]
GATES = [
    attack("dwelling", "dwell_is_served", "raise early", STEP | {"gate_dwell_seconds": 3600}),
    attack("dwelling", "dwell_is_served", "ask for no dwell", STEP),
    attack("dwelling", "dwell_is_served", "name no dwell", STEP | {"gate_dwell_seconds": None}),
    attack("dwelling", "dwell_is_served", "loosen the dwell in the raising row", STEP | LOOSE),
    attack(
        "live",
        "dwell_is_served",
        "ask for less than the raising file",
        STEP | {"gates": some_gates(dwell=60), "settled_gates": some_gates(dwell=60)},
    ),
    attack("unproven", "evidence_is_there", "raise without evidence", STEP),
    attack("unproven", "evidence_is_there", "raise without a verdict", STEP | {"verdict": None}),
    attack("unproven", "evidence_is_there", "loosen min_exposed in the raising row", STEP | LOOSE),
    attack(
        "live",
        "evidence_is_there",
        "ask for less evidence than the raising file",
        STEP | {"gates": some_gates(exposed=9), "settled_gates": some_gates(exposed=9)},
    ),
    attack("live", "evidence_is_there", "raise while unhealthy", STEP | {"verdict": "unhealthy"}),
    attack("live", "verdict_is_known", "a verdict of one's own", {"verdict": "fine"}),
    attack("dwelling", "only_settling_loosens", "loosen while unsettled", HOLD | LOOSE),
    attack("unproven", "only_settling_loosens", "loosen the evidence while unsettled", HOLD | LOOSE),
    attack(
        "live",
        "only_settling_loosens",
        "loosen what no raise looks at while unsettled",
        HOLD | {"settled_gates": some_gates(error_rate=0.9)},
    ),
    attack("held", "gates_are_no_looser", "put looser gates in force than are settled", {"gates": some_gates()}),
    attack("live", "gates_are_no_looser", "watch less than is settled", {"gates": some_gates(error_rate=0.5)}),
    attack("live", "gates_are_no_looser", "promise less success", {"gates": some_gates(success_rate=0.5)}),
    attack("live", "gates_are_no_looser", "demand more certainty", {"gates": some_gates(confidence=0.99)}),
    attack("live", "gates_are_no_looser", "change the window alone", {"gates": some_gates(window=1)}),
    attack("unproven", "gates_are_no_looser", "ask for fewer customers", {"gates": some_gates()}),
]
COMMITS = [
    attack("lowered", "raise_needs_another_commit", "raise by the commit that lowered", STEP | {"tier": 1}),
    attack(
        "restarted", "superseded_revision", "raise by a commit no longer in force", STEP | {"revision": commit(2)}
    ),
    attack("live", "superseded_revision", "raise by a commit never in force", STEP | {"revision": commit(9)}),
    attack("live", "superseded_revision", "update by an older commit", {"revision": commit(1)}),
    attack(
        "live",
        "superseded_revision",
        "lower by an older commit",
        {"kind": "demote", "tier": 0, "revision": commit(1)},
    ),
    attack("live", "all_but_rollbacks_name_their_commit", "raise without commit", STEP | {"revision": None}),
    attack(
        "live", "all_but_rollbacks_name_their_commit", "pass the fence without commit", HOLD | {"revision": None}
    ),
    attack("live", "settling_names_its_commit", "settle without commit", ROLLBACK | {"is_settled": True}),
    attack("live", "tier_change_settles", "raise and leave the tier unsettled", STEP | HOLD),
    attack(
        "live", "tier_change_settles", "lower and leave the tier unsettled", {"kind": "demote", "tier": 0} | HOLD
    ),
    attack("nothing", "tier_change_settles", "begin at tier 1 unsettled", {"tier": 1} | HOLD),
    attack("live", "raise_is_not_paused", "raise while paused", STEP | {"paused": True}),
    attack("nothing", "raise_is_not_paused", "begin exposed and paused", {"tier": 1, "paused": True}),
    attack("rolled back", "raise_is_not_paused", "restart while paused", RESTART | {"paused": True}),
]
ATTEMPTS = [
    attack("rolled back", "rolled_back_stays_off", "lift a rollback by an update", {"rolled_back": False}),
    attack("rolled back", "promotion_is_one_rung", "re-raise a rolled-back attempt", STEP | {"tier": 1}),
    attack("rolled back", "rolled_back_is_off", "expose a rolled-back attempt", {"tier": 1}),
    attack("rolled back", "restart_follows_rollback", "restart with the same attempt", RESTART | {"attempt": 1}),
    attack("rolled back", "attempt_follows", "restart two attempts on", RESTART | {"attempt": 3}),
    attack("rolled back", "attempt_follows", "restart at an earlier attempt", RESTART | {"attempt": 0}),
    attack("rolled back", "no_skip", "restart at tier 2", RESTART | {"tier": 2}),
    attack(
        "rolled back",
        "restart_follows_rollback",
        "restart that stays rolled back",
        RESTART | {"tier": 0, "rolled_back": True},
    ),
    attack("rolled back", "rollback_is_total", "roll the same attempt back twice", ROLLBACK),
    attack(
        "rolled back",
        "demotion_goes_down",
        "lift a rollback by a demotion",
        {"kind": "demote", "rolled_back": False},
    ),
    attack("live", "restart_follows_rollback", "restart what runs", RESTART),
    attack("live", "attempt_follows", "a new attempt by an update", {"attempt": 2}),
    attack(
        "restarted",
        "attempt_follows",
        "an older attempt by a demotion",
        {"kind": "demote", "tier": 0, "attempt": 1},
    ),
    attack("restarted", "attempt_follows", "roll an older attempt back", ROLLBACK | {"attempt": 1}),
    attack(
        "live",
        "only_a_rollback_rolls_back",
        "roll back by a demotion",
        {"kind": "demote", "tier": 0, "rolled_back": True},
    ),
    attack("nothing", "attempt_is_in_range", "attempt 0", {"attempt": 0}),
    attack("nothing", "attempt_is_in_range", "an attempt beyond all", {"attempt": 1_000_001}),
    attack("nothing", "rolled_back_is_off", "begin rolled back and exposed", {"rolled_back": True, "tier": 1}),
    attack("live", "retirement_is_finished", "retire a live feature", RETIRE),
    attack("at tier 3", "retirement_is_finished", "retire and lower at once", RETIRE | {"tier": 0}),
    attack("retired", "retirement_is_finished", "retire twice", RETIRE),
    attack("off", "only_a_retirement_retires", "retire by an update", {"retired": True}),
    attack("nothing", "only_a_retirement_retires", "begin retired", {"retired": True}),
    attack(
        "retired", "promotion_is_one_rung", "return above the last tier", STEP | {"target": 4, "retired": False}
    ),
    attack("retired", "only_a_retirement_retires", "go on as retired", {}),
]


@pytest.fixture(scope="module")
def target(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        yield connection


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize(("situation", "rule", "changes"), [*LADDER, *GATES, *COMMITS, *ATTEMPTS])
def test_refuses_the_row_by_the_name_of_its_rule(
    target: Connection, situation: str, rule: str, changes: Said, role: str
) -> None:
    with target.transaction(force_rollback=True):
        prepare(target, situation)
        row = following(target, **changes)

        assert refusal(target, role, insertion("rollout_transitions", row), row) == rule


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize(
    ("situation", "changes"),
    [
        pytest.param("live", STEP, id="one rung up"),
        pytest.param("at tier 3", {"kind": "demote", "tier": 0}, id="three rungs down"),
        pytest.param("live", ROLLBACK | {"rollback_commit": commit(9)}, id="a rollback that git told of"),
        pytest.param("rolled back", RESTART, id="the next attempt"),
        pytest.param("retired", {"retired": False}, id="a file that came back"),
        pytest.param("held", {"gates": some_gates(dwell=3600)}, id="a definition settled"),
        pytest.param("nothing", {"kind": "adopt", "tier": 3}, id="an adoption"),
    ],
)
def test_allows_the_row_that_breaks_no_rule(target: Connection, situation: str, changes: Said, role: str) -> None:
    with target.transaction(force_rollback=True):
        prepare(target, situation)
        row = following(target, **changes)

        assert refusal(target, role, insertion("rollout_transitions", row), row) == ALLOWED


@pytest.mark.parametrize("role", WRITERS)
def test_refuses_a_second_raise_by_one_commit(target: Connection, role: str) -> None:
    """History is rewritten back to a commit that raised the feature before."""
    with target.transaction(force_rollback=True):
        prepare(target, "live")
        append(target, **STEP)
        take(target, commit(3))
        append(target, kind="demote", tier=1)
        take(target, commit(2), kind="reanchor", reason="the branch was reset")
        row = following(target, **STEP)

        assert refusal(target, role, insertion("rollout_transitions", row), row) == "one_raise_a_commit"
