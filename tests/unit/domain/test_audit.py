"""A database against itself: what is derived of a chain, the log of commits, the outbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from reconciler.domain.analysis import Cohort
from reconciler.domain.audit import derived, record_faults
from reconciler.domain.breach import Breach
from reconciler.domain.gates import Thresholds
from reconciler.domain.ladder import Tier
from reconciler.domain.record import Damage, Finding, Outgoing, Records, Remembered, ScopeRow, Taken
from reconciler.domain.write_back import WriteBackStatus
from tests.builders.domain import NOW, hours
from tests.builders.links import a_link, after, commit

BREACH = Breach(cohort=Cohort(customers=100, failing=12), thresholds=Thresholds())
START = a_link(tier=1)
ROLLED_BACK = after(
    START, kind="rollback", tier=0, rolled_back=True, revision=None, is_settled=False, reason=str(BREACH)
)
CHAIN = (START, ROLLED_BACK)
OUTGOING = Outgoing(
    rollback_id=ROLLED_BACK.id,
    feature="checkout",
    attempt=1,
    from_tier=1,
    at=ROLLED_BACK.at,
    in_force=commit(1),
    breach=BREACH,
    status=WriteBackStatus.PENDING,
    revision=None,
)


def taken(number: int, **named: Any) -> Taken:
    plain = Taken(
        number=number, root="rollouts.d", revision=commit(number), kind="apply", at=NOW + hours(number - 1)
    )
    return replace(plain, **named)


SOUND = Records(
    scope=ScopeRow(number=1, root="rollouts.d", revision=commit(1)),
    taken=(taken(1),),
    chains={"checkout": CHAIN},
    rollouts={"checkout": derived(CHAIN)},
    outbox=(OUTGOING,),
    sources={"checkout": Remembered(version=2, key="1" * 40)},
)


def found(**changes: Any) -> list[Finding]:
    return list(record_faults(replace(SOUND, **changes)))


def rules(**changes: Any) -> list[str]:
    return [finding.rule for finding in found(**changes)]


def test_sound_records_have_no_fault() -> None:
    assert found() == []


def test_an_empty_database_has_no_fault() -> None:
    assert list(record_faults(Records(scope=ScopeRow(number=0, root=None, revision=None)))) == []


def test_what_applications_read_follows_from_the_last_row() -> None:
    row = derived(CHAIN)

    assert (row.id, row.version, row.status, row.percentage) == (START.id, 2, "rolled_back", 0)
    assert (row.current_tier, row.target_tier) == ("tier_0_disabled", "tier_4_full")
    assert (row.error_rate, row.window) == (0.05, 3_600_000)
    assert (row.updated_at, row.rollback_id, row.revision) == (ROLLED_BACK.at, ROLLED_BACK.id, None)


@pytest.mark.parametrize("name", [name for name in derived(CHAIN).__dataclass_fields__ if name != "standing"])
def test_every_column_that_applications_read_is_compared(name: str) -> None:
    forged: dict[str, Any] = {name: "forged"}

    [finding] = found(rollouts={"checkout": replace(derived(CHAIN), **forged)})

    assert finding.what == f"feature_rollouts, which applications read, differs from the chain: {name}"


def test_what_differs_in_a_standing_is_named() -> None:
    standing = replace(ROLLED_BACK.standing, tier=Tier.FULL, whitelist=frozenset({"eve"}))

    [finding] = found(rollouts={"checkout": replace(derived(CHAIN), standing=standing, epoch=9)})

    assert finding.what.endswith("differs from the chain: tier, whitelist, epoch")


def test_a_row_without_a_chain_and_a_chain_without_a_row_are_named() -> None:
    ghost = replace(derived(CHAIN), feature="ghost")

    findings = found(rollouts={"ghost": ghost})

    assert [(finding.feature, finding.rule) for finding in findings] == [
        ("checkout", "derived_from_history"),
        ("ghost", "derived_from_history"),
    ]


def test_a_chain_whose_end_is_gone_is_named() -> None:
    assert rules(sources={"checkout": Remembered(version=3, key="1" * 40)}) == ["chain_is_whole"]
    assert rules(sources={"checkout": Remembered(version=1, key="1" * 40)}) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"taken": (taken(1), taken(3))}, "revision_follows"),
        ({"taken": (taken(1), taken(2, at=NOW - hours(1)))}, "time_never_falls"),
        ({"taken": (taken(1), taken(2, root="other"))}, "one_root"),
        ({"taken": (taken(1), taken(2))}, None),
        ({"taken": (taken(1), taken(2, at=NOW))}, None),
    ],
    ids=["a gap", "time that falls", "two roots", "sound", "time that stands still"],
)
def test_the_log_of_commits_is_checked(changes: dict[str, Any], rule: str | None) -> None:
    last = changes["taken"][-1]
    scope = ScopeRow(number=last.number, root=last.root, revision=last.revision)

    assert rules(scope=scope, **changes) == ([] if rule is None else [rule])


def test_the_commit_in_force_is_the_last_of_the_log() -> None:
    assert rules(scope=ScopeRow(number=1, root="rollouts.d", revision=commit(9))) == ["derived_from_history"]
    assert rules(scope=ScopeRow(number=0, root=None, revision=None)) == ["derived_from_history"]


def test_rows_name_the_commits_in_the_order_in_which_they_were_in_force() -> None:
    second = after(START, owner="b")
    third = after(second, owner="c", revision=commit(1), settled_revision=commit(1))
    log = (taken(1), taken(2))
    facts: dict[str, Any] = {
        "taken": log,
        "scope": ScopeRow(number=2, root="rollouts.d", revision=commit(2)),
        "outbox": (),
    }

    def of(*chain: Any) -> list[str]:
        changes = {**facts, "chains": {"checkout": chain}, "rollouts": {"checkout": derived(chain)}, "sources": {}}
        return [finding.what for finding in found(**changes)]

    assert of(START, second) == []
    assert of(START, second, third) == ["its commit 0000000000 was no longer in force"]
    assert of(replace(START, revision=commit(7), settled_revision=commit(7))) == [
        "its commit 0000000000 never was in force"
    ]


def test_a_rollback_changes_the_tier_alone() -> None:
    more = replace(ROLLED_BACK, standing=replace(ROLLED_BACK.standing, whitelist=frozenset({"eve"})))
    chain = (START, more)

    [finding] = found(chains={"checkout": chain}, rollouts={"checkout": derived(chain)})

    assert (finding.version, finding.what) == (2, "a rollback changed more than the tier: whitelist")


def test_every_rollback_that_began_here_is_in_the_outbox() -> None:
    [finding] = found(outbox=())

    assert (finding.feature, finding.version, finding.rule) == ("checkout", 2, "rollback_is_told")
    assert finding.remedy == f"have git told: add {ROLLED_BACK.id} to rollouts.rollout_write_backs (rollback_id)"


def test_an_imported_rollback_needs_no_row_in_the_outbox() -> None:
    chain = (START, replace(ROLLED_BACK, rollback_commit=commit(5)))
    changes: dict[str, Any] = {"chains": {"checkout": chain}, "rollouts": {"checkout": derived(chain)}}

    assert rules(**changes, outbox=()) == []
    assert rules(**changes) == ["write_back_follows_rollback"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"rollback_id": UUID(int=99)}, "write_back_follows_rollback"),
        ({"feature": "search"}, "write_back_follows_rollback"),
        ({"attempt": 2}, "write_back_follows_rollback"),
        ({"from_tier": 0}, "write_back_follows_rollback"),
        ({"at": NOW}, "write_back_follows_rollback"),
        ({"in_force": commit(8)}, "write_back_follows_rollback"),
        ({"in_force": None}, None),
        ({"breach": replace(BREACH, cohort=Cohort(customers=100, failing=13))}, "write_back_evidence"),
        ({"breach": None}, None),
        ({"status": WriteBackStatus.WRITTEN}, "written_names_its_commit"),
        ({"status": WriteBackStatus.WRITTEN, "revision": commit(3)}, None),
    ],
)
def test_the_outbox_says_what_its_rollback_says(changes: dict[str, Any], rule: str | None) -> None:
    found_rules = rules(outbox=(replace(OUTGOING, **changes),))

    assert [each for each in found_rules if each != "rollback_is_told"] == ([] if rule is None else [rule])


def test_rules_that_are_gone_and_rows_that_cannot_be_read_are_named() -> None:
    damage = Damage(table="rollout_transitions", feature="search", version=4, fault="ValueError: 7 is no tier")

    missing, unreadable = found(missing=("rollout_transitions.no_skip",), damage=(damage,))

    assert missing.what.endswith("has it switched off: rollout_transitions.no_skip")
    assert (unreadable.feature, unreadable.version, unreadable.rule) == ("search", 4, "readable")
    assert unreadable.what == "rollout_transitions holds what nothing can be: ValueError: 7 is no tier"
