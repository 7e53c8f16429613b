"""Whoever changes a database past its rules is found out: each forgery by a superuser, and what names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler.store.embedded import EmbeddedServer
from tests.builders.auditing import forge, found, past_the_rules, verified
from tests.builders.database import Database, a_database, name_of
from tests.builders.ring import a_ring

LIVE = {"tier": 1, "whitelist": ["ada"]}


@dataclass(frozen=True, kw_only=True)
class Laid:
    """A database to clone, and the remote that it fits."""

    template: str
    remote: Path


@pytest.fixture(scope="module")
def laid(server: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laid]:
    """Checkout climbed to tier 2 and was edited; basket was rolled back and began again; search is off."""
    with a_database(server, template=template) as database:
        first: dict[str, dict[str, Any]] = {"checkout": LIVE, "basket": {"tier": 1}, "search": {"tier": 0}}
        with a_ring(tmp_path_factory.mktemp("ring"), database, first) as ring, ring.worker() as worker:
            worker.tick()
            ring.push({"checkout": {**LIVE, "tier": 2}})
            worker.tick()
            ring.report("basket", failing=12, healthy=10)
            worker.look()
            worker.tick()
            ring.push({"checkout": {**LIVE, "tier": 2, "owner": "team-a"}})
            worker.tick()
            ring.push({"basket": {"tier": 1, "attempt": 2, "rolled_back": 1}})
            worker.tick()
        yield Laid(template=name_of(database), remote=ring.remote.path)


@pytest.fixture
def database(server: EmbeddedServer, laid: Laid) -> Iterator[Database]:
    with a_database(server, template=laid.template) as clone:
        yield clone


def test_what_the_forgeries_start_from_fits(database: Database, laid: Laid) -> None:
    assert found(database, laid.remote) == []
    assert verified(database, laid.remote).counts == {
        "rollouts": 3,
        "transitions": 7,
        "revisions": 4,
        "write_backs": 1,
        "telling_commits": 1,
    }


LAST = "where feature_name = 'checkout' and version = 3"
SECOND = "where feature_name = 'checkout' and version = 2"
FIRST = "where feature_name = 'checkout' and version = 1"
ROLLBACK = "where feature_name = 'basket' and version = 2"
RULES: dict[str, tuple[str, list[str]]] = {
    "customers slipped into the last row": (
        f"update rollout_transitions set whitelisted_customers = '{{ada,eve}}' {LAST}",
        ["checkout derived_from_history", "checkout 3 says_what_its_commit_says"],
    ),
    "customers slipped into an old row": (
        f"update rollout_transitions set whitelisted_customers = '{{ada,eve}}' {FIRST}",
        ["checkout 1 says_what_its_commit_says"],
    ),
    "a row taken out of the middle": (f"delete from rollout_transitions {SECOND}", ["checkout 3 follows_directly"]),
    "the last row taken out": (
        f"delete from rollout_transitions {LAST}",
        ["checkout derived_from_history", "checkout 2 chain_is_whole"],
    ),
    "a tier raised where it stands": (
        (
            "alter table rollout_transitions drop constraint epoch_is_one_stay; "
            "alter table rollout_transitions drop constraint update_keeps_the_tier; "
            f"update rollout_transitions set tier = 3 {LAST}"
        ),
        [
            "schema",
            "schema",
            "checkout derived_from_history",
            "checkout 3 epoch_is_one_stay",
            "checkout 3 update_keeps_the_tier",
            "checkout 3 says_what_its_commit_says",
        ],
    ),
    "a climb made older": (
        (
            "update rollout_transitions set at = at - interval '1 day', "
            "clocked_at = clocked_at - interval '1 day', "
            f"epoch_started_at = at - interval '1 day', started_at = at - interval '1 day' {FIRST}"
        ),
        ["checkout 2 follows_predecessor", "checkout 2 started_at"],
    ),
    "gates loosened": (
        f"update rollout_transitions set gates = jsonb_set(gates, '{{thresholds,error_rate}}', '0.04') {LAST}",
        ["checkout derived_from_history", "checkout 3 says_what_its_commit_says"],
    ),
    "another commit named": (
        (
            "update rollout_transitions set revision = (select revision from rollout_revisions where number = 4), "
            f"settled_revision = (select revision from rollout_revisions where number = 4) {LAST}"
        ),
        ["checkout derived_from_history"],
    ),
    "a commit named that never was": (
        f"update rollout_transitions set revision = repeat('a', 40), settled_revision = repeat('a', 40) {LAST}",
        ["checkout derived_from_history", "checkout 3 superseded_revision", "checkout 3 commit_is_on_the_branch"],
    ),
    "the reason of a rollback changed": (
        f"update rollout_transitions set reason = 'all is well' {ROLLBACK}",
        ["basket 2 write_back_evidence"],
    ),
    "a rollback that takes customers off the list": (
        f"update rollout_transitions set whitelisted_customers = '{{eve}}' {ROLLBACK}",
        ["basket 2 rollback_is_total"],
    ),
    "another rollout shown to applications": (
        "update feature_rollouts set percentage = 50, tier = 3 where feature_name = 'checkout'",
        ["checkout derived_from_history"],
    ),
    "a rollout taken from applications": (
        "delete from feature_rollouts where feature_name = 'checkout'",
        ["checkout derived_from_history"],
    ),
    "a rollout without a past": (
        (
            "insert into feature_rollouts select (f).* from (select jsonb_populate_record(r, "
            '\'{"feature_name": "ghost", "id": "00000000-0000-0000-0000-000000000001"}\') f '
            "from feature_rollouts r where feature_name = 'checkout') g"
        ),
        ["ghost derived_from_history"],
    ),
    "another commit in force": (
        "update rollout_scope set revision = (select revision from rollout_revisions where number = 3)",
        ["derived_from_history"],
    ),
    "a commit taken out of the log": (
        "delete from rollout_revisions where number = 2",
        ["revision_follows", "basket 2 write_back_follows_rollback", "checkout 2 superseded_revision"],
    ),
    "commits swapped in the log": (
        (
            "update rollout_revisions r set revision = o.revision from rollout_revisions o "
            "where r.number in (3, 4) and o.number = 7 - r.number"
        ),
        ["derived_from_history", "revision_order"],
    ),
    "a commit in the log that is nowhere": (
        "update rollout_revisions set revision = repeat('b', 40) where number = 3",
        ["commit_is_on_the_branch", "checkout 3 superseded_revision"],
    ),
    "the outbox emptied": ("delete from rollout_write_backs", ["basket 2 rollback_is_told"]),
    "a rollback in the outbox that never was": (
        (
            "insert into rollout_write_backs (rollback_id, feature_name, attempt, from_tier, rolled_back_at) "
            "values (gen_random_uuid(), 'search', 1, 2, now())"
        ),
        ["search write_back_follows_rollback"],
    ),
    "another attempt in the outbox": (
        "update rollout_write_backs set attempt = 2, from_tier = 3",
        ["basket 2 write_back_follows_rollback", "basket 2 git_is_told", "basket 2 git_is_told"],
    ),
    "other evidence in the outbox": (
        "update rollout_write_backs set evidence = jsonb_set(evidence, '{failing}', '20')",
        ["basket 2 write_back_evidence"],
    ),
    "told by a commit that tells of nothing": (
        "update rollout_write_backs set revision = (select revision from rollout_revisions where number = 1)",
        ["basket 2 git_is_told"],
    ),
    "told by a commit that is nowhere": (
        "update rollout_write_backs set revision = repeat('c', 40)",
        ["basket 2 git_is_told"],
    ),
    "a rollback forgotten": (
        (
            "delete from rollout_transitions where feature_name = 'basket' and version > 1; "
            "delete from rollout_write_backs; "
            "update feature_rollouts set version = 1 where feature_name = 'basket'"
        ),
        ["basket derived_from_history", "basket unknown_rollback", "basket 1 chain_is_whole"],
    ),
    "the key of a file that is not in force": (
        (
            "update settled_sources set source_key = (select source_key from settled_sources where "
            "feature_name = 'search') where feature_name = 'checkout'"
        ),
        ["checkout 3 settled_source"],
    ),
}


@pytest.mark.parametrize("forgery", RULES)
def test_a_forgery_is_named(database: Database, laid: Laid, forgery: str) -> None:
    statement, expected = RULES[forgery]
    with past_the_rules(database) as admin:
        admin.execute(statement.encode())

    assert found(database, laid.remote) == expected


def test_a_promotion_that_breaks_no_rule_of_the_database_is_named(database: Database, laid: Laid) -> None:
    """Whole and by the commit in force: nothing but that commit's content says otherwise."""
    with past_the_rules(database) as admin:
        forge(admin, "checkout", kind="promote", tier=3, gate_dwell_seconds=0, verdict="healthy")
        admin.execute(
            "update feature_rollouts set (version, current_tier, percentage, tier, epoch, epoch_started_at, "
            "settled_revision, revision, updated_at) = (select version, 'tier_3_general', 50, tier, epoch, at, "
            "settled_revision, revision, at from rollout_transitions where kind = 'promote' and version = 4) "
            "where feature_name = 'checkout'"
        )

    [finding] = verified(database, laid.remote, "checkout").findings

    assert (finding.version, finding.rule) == (4, "says_what_its_commit_says")
    assert finding.what.endswith(" says otherwise: tier 2, not 3")
    assert "postgres did at " in finding.remedy


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("alter table rollout_transitions drop constraint no_skip", "rollout_transitions.no_skip"),
        ("alter table rollout_transitions disable trigger link", "rollout_transitions.link: link_transition"),
        ("drop trigger guard on feature_rollouts", "feature_rollouts.guard: guard_rollout"),
        ("drop index one_raise_a_commit", "rollout_transitions.one_raise_a_commit"),
        (
            "alter table rollout_revisions enable trigger append_only",
            "rollout_revisions.append_only: refuse_rewrite, always",
        ),
        (
            "alter table feature_rollouts disable trigger all",
            "feature_rollouts.follows_from_the_chain",
        ),
    ],
)
def test_a_rule_that_is_gone_or_switched_off_is_named(
    database: Database, laid: Laid, statement: str, missing: str
) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        admin.execute("set search_path = rollouts")
        admin.execute(statement.encode())

    findings = verified(database, laid.remote).findings

    assert {finding.rule for finding in findings} == {"schema"}
    assert any(finding.what.endswith(f": {missing}") for finding in findings)


def test_a_row_that_holds_what_nothing_can_is_named(database: Database, laid: Laid) -> None:
    with past_the_rules(database) as admin:
        for rule in ("tier_is_on_the_ladder", "epoch_is_one_stay", "update_keeps_the_tier", "no_skip"):
            admin.execute(f"alter table rollout_transitions drop constraint {rule}".encode())
        admin.execute(f"update rollout_transitions set tier = 7, target = 7 {LAST}".encode())

    assert "checkout 3 readable" in found(database, laid.remote)


def test_a_key_that_waits_for_a_file_still_to_come_is_named(database: Database, laid: Laid) -> None:
    """A file that lowers it would not be read, were it known as in force whole before it ever was."""
    with past_the_rules(database) as admin:
        admin.execute("update settled_sources set source_key = repeat('0', 40) where feature_name = 'checkout'")

    [finding] = verified(database, laid.remote).findings

    assert (finding.feature, finding.rule) == ("checkout", "settled_source")
    assert finding.what == "settled_sources holds the key of a file that was never in force"


def test_only_the_named_features_are_checked(database: Database, laid: Laid) -> None:
    with past_the_rules(database) as admin:
        admin.execute(f"update rollout_transitions set whitelisted_customers = '{{eve}}' {FIRST}".encode())

    assert found(database, laid.remote, "basket", "search") == []
    assert found(database, laid.remote, "checkout") == ["checkout 1 says_what_its_commit_says"]
