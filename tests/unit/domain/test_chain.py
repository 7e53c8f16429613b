"""The rules of a chain, computed from its rows: sound chains break none, and each rule names what breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from reconciler.domain.chain import FIRST, OWN, STEP, chain_faults
from reconciler.domain.record import Link
from tests.builders.domain import NOW, hours, some_gates
from tests.builders.links import a_link, after, commit

START = a_link(tier=1)
OFF = a_link(tier=0)
LIVE = after(START, kind="promote", tier=2, gate_dwell=0, verdict="healthy")
ROLLED_BACK = after(LIVE, kind="rollback", tier=0, rolled_back=True, revision=None, is_settled=False)
DONE = a_link(tier=1, target=1)
RETIRED = after(DONE, kind="retire", retired=True)
STRICT = a_link(tier=1, gates=some_gates(hours(2), min_exposed=1))
PROMOTED: dict[str, Any] = {"kind": "promote", "tier": 2, "gate_dwell": 0, "verdict": "healthy"}


def broken(*chain: Link) -> set[str]:
    """Return the names of the rules that the last row breaks."""
    return {finding.rule for finding in chain_faults(chain) if finding.version == chain[-1].version}


@pytest.mark.parametrize(
    "chain",
    [
        pytest.param([OFF, after(OFF, kind="promote", tier=1)], id="off, then the first tier"),
        pytest.param([START, LIVE, after(LIVE, kind="demote", tier=0)], id="up and down"),
        pytest.param(
            [START, after(START, is_settled=False, whitelist=frozenset({"ada"}))], id="a raise that is held"
        ),
        pytest.param(
            [START, LIVE, ROLLED_BACK, after(ROLLED_BACK, kind="restart", tier=1, attempt=2, rolled_back=False)],
            id="rolled back, and begun again",
        ),
        pytest.param(
            [
                START,
                LIVE,
                after(
                    LIVE,
                    kind="rollback",
                    tier=0,
                    attempt=3,
                    rolled_back=True,
                    revision=None,
                    is_settled=False,
                    rollback_commit=commit(9),
                ),
            ],
            id="an import of a later attempt",
        ),
        pytest.param(
            [START, LIVE, ROLLED_BACK, after(ROLLED_BACK, owner="team-b")],
            id="rolled back, and still brought up to date",
        ),
        pytest.param(
            [
                START,
                LIVE,
                ROLLED_BACK,
                after(
                    ROLLED_BACK,
                    kind="rollback",
                    attempt=2,
                    revision=None,
                    is_settled=False,
                    rollback_commit=commit(9),
                ),
            ],
            id="rolled back, and a later attempt imported",
        ),
        pytest.param(
            [
                DONE,
                RETIRED,
                after(RETIRED, kind="rollback", tier=0, rolled_back=True, revision=None, is_settled=False),
            ],
            id="gone, and rolled back",
        ),
        pytest.param(
            [START, after(START, **{**PROMOTED, "verdict": "insufficient"})], id="raised without evidence"
        ),
        pytest.param([a_link(tier=0, attempt=1_000_000)], id="the last attempt that there is"),
        pytest.param([DONE, RETIRED, after(RETIRED, retired=False, owner="team-b")], id="gone, and back"),
        pytest.param([DONE, after(DONE, owner="team-b"), after(after(DONE, owner="b"), target=3)], id="complete"),
        pytest.param([a_link(kind="adopt", tier=3, paused=True)], id="taken over while paused"),
        pytest.param(
            [STRICT, after(STRICT, **{**PROMOTED, "at": NOW + hours(2), "gate_dwell": 7200})],
            id="at the very dwell",
        ),
        pytest.param([START, after(START, at=NOW, clocked_at=NOW - hours(1))], id="a clock that went back"),
    ],
)
def test_a_sound_chain_breaks_no_rule(chain: Sequence[Link]) -> None:
    assert list(chain_faults(chain)) == []


FORGED: dict[str, tuple[list[Link], set[str]]] = {
    "a kind that there is not": ([START, after(START, kind="grant")], {"kind_is_known"}),
    "a tier above the target": ([START, after(START, target=0)], {"tier_is_on_the_ladder"}),
    "rolled back and exposed": (
        [START, after(START, rolled_back=True, kind="rollback", revision=None, is_settled=False)],
        {"rolled_back_is_off", "rollback_is_total"},
    ),
    "an attempt too many": ([a_link(tier=0, attempt=1_000_001)], {"attempt_is_in_range"}),
    "no attempt": ([replace(OFF, standing=replace(OFF.standing, attempt=0))], {"attempt_is_in_range"}),
    "a customer on both lists": (
        [START, after(START, whitelist=frozenset({"ada"}), blacklist=frozenset({"ada"}))],
        {"lists_are_disjoint"},
    ),
    "gates in force that are looser": (
        [STRICT, after(STRICT, gates=some_gates(hours(1), min_exposed=1))],
        {"gates_are_no_looser"},
    ),
    "a verdict that there is not": ([START, after(START, verdict="fine")], {"verdict_is_known"}),
    "raised while paused": ([START, after(START, **PROMOTED, paused=True)], {"raise_is_not_paused"}),
    "no commit": (
        [START, after(START, revision=None, is_settled=False)],
        {"all_but_rollbacks_name_their_commit"},
    ),
    "settled by nothing": (
        [START, LIVE, replace(ROLLED_BACK, is_settled=True, settled_revision="")],
        {"settling_names_its_commit"},
    ),
    "a name for a commit": ([START, after(START, revision="main")], {"revision_is_a_commit"}),
    "a second creation": ([START, after(START, kind="create")], {"only_the_first_creates"}),
    "another percentage": ([replace(START, percentage=50)], {"derived_columns"}),
    "a first row with one before it": ([replace(OFF, previous=LIVE.previous)], {"has_whole_predecessor"}),
    "a beginning at tier 2": ([a_link(tier=2)], {"starts_low"}),
    "a first time that is not the clock's": ([a_link(clocked_at=NOW - hours(1))], {"time_never_falls"}),
    "a first epoch that is older": (
        [replace(OFF, epoch_started_at=NOW - hours(9))],
        {"epoch_is_one_stay"},
    ),
    "a held beginning above tier 0": (
        [a_link(tier=1, is_settled=False, settled_revision="")],
        {"tier_change_settles"},
    ),
    "a beginning that is retired": ([a_link(retired=True, tier=0)], {"only_a_retirement_retires"}),
    "another rollout": ([START, after(START, rollout_id=UUID(int=9))], {"rollout_id"}),
    "a row that lies about the one before": (
        [START, replace(LIVE, previous=replace(LIVE.previous, tier=1, settled_dwell=9))],  # type: ignore[type-var]
        {"follows_predecessor"},
    ),
    "a row that is missing": ([START, replace(LIVE, version=3)], {"follows_directly"}),
    "time that falls": (
        [START, after(START, at=NOW - hours(1))],
        {"time_never_falls"},
    ),
    "a dwell begun earlier": (
        [START, after(START, epoch_started_at=NOW - hours(48))],
        {"epoch_is_one_stay"},
    ),
    "two tiers at once": (
        [START, after(START, **{**PROMOTED, "tier": 3})],
        {"no_skip", "promotion_is_one_rung"},
    ),
    "a dwell that is too short": (
        [
            STRICT,
            after(STRICT, **{**PROMOTED, "at": NOW + hours(2) - timedelta(microseconds=1), "gate_dwell": 7200}),
        ],
        {"dwell_is_served"},
    ),
    "a dwell that nobody asked for": (
        [STRICT, after(STRICT, **{**PROMOTED, "at": NOW + hours(9), "gate_dwell": 0})],
        {"dwell_is_served"},
    ),
    "no dwell at all": ([START, after(START, **{**PROMOTED, "gate_dwell": None})], {"dwell_is_served"}),
    "no evidence": (
        [
            STRICT,
            after(STRICT, **{**PROMOTED, "at": NOW + hours(2), "gate_dwell": 7200, "verdict": "insufficient"}),
        ],
        {"evidence_is_there"},
    ),
    "raised by the commit that settled it": (
        [START, after(START, owner="b"), after(after(START, owner="b"), **PROMOTED, revision=commit(2))],
        {"raise_needs_another_commit"},
    ),
    "raised twice by a commit": (
        [
            OFF,
            (up := after(OFF, kind="promote", tier=1)),
            (down := after(up, kind="demote", tier=0)),
            after(down, kind="promote", tier=1, revision=up.revision),
        ],
        {"one_raise_a_commit"},
    ),
    "a rollback lifted": (
        [START, LIVE, ROLLED_BACK, after(ROLLED_BACK, rolled_back=False)],
        {"rolled_back_stays_off", "update_keeps_the_tier"},
    ),
    "a new attempt without a restart": (
        [START, after(START, attempt=2)],
        {"attempt_follows", "update_keeps_the_tier"},
    ),
    "a restart that skips an attempt": (
        [START, LIVE, ROLLED_BACK, after(ROLLED_BACK, kind="restart", tier=1, attempt=3, rolled_back=False)],
        {"attempt_follows", "restart_follows_rollback"},
    ),
    "back, and higher": (
        [DONE, RETIRED, after(RETIRED, **PROMOTED, target=4, retired=False)],
        {"returns_no_higher", "promotion_is_one_rung"},
    ),
    "an update that moves": ([START, after(START, tier=0)], {"update_keeps_the_tier"}),
    "a demotion that stays": ([START, after(START, kind="demote")], {"demotion_goes_down"}),
    "rolled back by an update": (
        [OFF, after(OFF, rolled_back=True)],
        {"only_a_rollback_rolls_back", "update_keeps_the_tier"},
    ),
    "retired while live": ([START, after(START, kind="retire", retired=True)], {"retirement_is_finished"}),
    "retired by an update": ([DONE, after(DONE, retired=True)], {"only_a_retirement_retires"}),
    "brought back by a rollback": (
        [
            DONE,
            RETIRED,
            after(
                RETIRED, kind="rollback", tier=0, rolled_back=True, retired=False, revision=None, is_settled=False
            ),
        ],
        {"rollback_retires_nothing"},
    ),
    "gates loosened while held": (
        [STRICT, after(STRICT, is_settled=False, gates=some_gates(hours(0)), settled=some_gates(hours(0)))],
        {"only_settling_loosens"},
    ),
    "moved without its definition": (
        [START, after(START, **PROMOTED, is_settled=False)],
        {"tier_change_settles"},
    ),
    "settled by another commit": (
        [START, after(START, settled_revision=commit(1))],
        {"settled_revision"},
    ),
    "held by another rollback": (
        [START, LIVE, replace(ROLLED_BACK, rollback_id=UUID(int=1))],
        {"rollback_id"},
    ),
    "begun at another time": ([START, after(START, started_at=None)], {"started_at"}),
    "complete at another time": ([DONE, after(DONE, completed_at=NOW - hours(1))], {"completed_at"}),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_row_breaks_the_rule_that_is_meant(forgery: str) -> None:
    chain, rules = FORGED[forgery]

    assert broken(*chain) == rules


def test_every_rule_is_broken_by_a_forgery() -> None:
    covered = set().union(*(rules for _, rules in FORGED.values()))

    assert {*OWN, *FIRST, *STEP} - covered == set()


def test_a_finding_says_who_wrote_the_row_and_when() -> None:
    [finding] = chain_faults([replace(START, percentage=50, recorded_by="mallory")])

    assert finding.remedy == (
        "the product never writes that, mallory did at 2026-03-02 09:00:00 UTC: ask why, and restore the database; "
        "meanwhile `reconciler rollback checkout` takes it from everybody"
    )
