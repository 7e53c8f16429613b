"""The catalog itself: each constraint refuses alone, with every trigger off, and nobody holds a right too many."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import psycopg
import pytest

from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import a_target, prepare
from tests.builders.chain import Connection, Row, append, commit, following, insert, insertion, some_gates

TRANSITIONS, REVISIONS, ROLLOUTS = "rollout_transitions", "rollout_revisions", "feature_rollouts"
SCOPE, SOURCES, MIGRATIONS = "rollout_scope", "settled_sources", "schema_migrations"
EVENTS, BATCHES, CLAIMS = "rollout_events", "event_batches", "event_claims"
CUSTOMERS, PROGRESS, OUTBOX = "rollout_customers", "tally_progress", "rollout_write_backs"
PROPOSALS = "rollout_proposals"

ID = UUID(int=1)
LONG_AGO = "2020-01-01"
MOVED: Row = {"epoch": 2, "epoch_started_at": "2026-01-02"}
STEP: Row = MOVED | {"kind": "promote", "tier": 2, "gate_dwell_seconds": 0, "verdict": "healthy"}
OFF: Row = MOVED | {"tier": 0, "rolled_back": True}
OFF_BY_ERRORS: Row = {"kind": "rollback", "rolled_back": True, "is_settled": False, "revision": None}
FIRST: Row = {
    "feature_name": "search",
    "version": 1,
    "kind": "create",
    "epoch_started_at": "2026-01-02",
    **dict.fromkeys(
        f"previous_{name}" for name in ("version", "tier", "target", "attempt", "rolled_back", "retired")
    ),
    **dict.fromkeys(f"previous_{name}" for name in ("at", "epoch", "epoch_started_at", "settled_revision")),
    **dict.fromkeys(f"previous_{name}" for name in ("settled_dwell", "settled_exposed")),
}

# What breaks one constraint of the chain and none that is checked before it.
ROWS: Mapping[str, Row] = {
    "all_but_rollbacks_name_their_commit": {"revision": None, "is_settled": False},
    "attempt_follows": {"attempt": 2},
    "attempt_is_in_range": FIRST | {"attempt": 0},
    "blacklist_is_a_list": {"blacklisted_customers": [""]},
    "demotion_goes_down": {"kind": "demote"},
    "dwell_is_served": STEP | {"gate_dwell_seconds": 86_401},
    "epoch_is_one_stay": {"epoch": 2},
    "evidence_is_there": STEP | {"verdict": "unhealthy"},
    "feature_name_is_valid": FIRST | {"feature_name": "Search"},
    "follows_directly": {"version": 3},
    "gates_are_no_looser": {"gates": some_gates(error_rate=0.9)},
    "gates_are_whole": {"gates": some_gates(mood=1), "settled_gates": some_gates(mood=1)},
    "has_whole_predecessor": FIRST | {"previous_tier": 0},
    "kind_is_known": {"kind": "grant"},
    "lists_are_disjoint": {"whitelisted_customers": ["ada"], "blacklisted_customers": ["ada"]},
    "no_skip": STEP | {"tier": 3},
    "one_raise_a_commit": STEP | {"revision": commit(1), "previous_settled_revision": ""},
    "one_row_a_version": FIRST | {"feature_name": "checkout", "tier": 0, "revision": commit(3)},
    "only_a_retirement_retires": {"retired": True},
    "only_a_rollback_rolls_back": OFF | {"kind": "demote"},
    "only_settling_loosens": {
        "is_settled": False,
        "gates": some_gates(exposed=9),
        "settled_gates": some_gates(exposed=9),
    },
    "only_the_first_creates": FIRST | {"kind": "update"},
    "promotion_is_one_rung": STEP | {"tier": 1, "epoch": 1, "epoch_started_at": "2026-01-01"},
    "raise_is_not_paused": STEP | {"paused": True},
    "raise_needs_another_commit": STEP | {"revision": commit(1)},
    "restart_follows_rollback": MOVED | {"kind": "restart", "attempt": 2},
    "retirement_is_finished": {"kind": "retire", "retired": True},
    "returns_no_higher": MOVED
    | {"kind": "restart", "attempt": 2, "previous_rolled_back": True, "previous_retired": True, "previous_tier": 0},
    "revision_is_a_commit": {"revision": "main"},
    "rollback_is_total": {"kind": "rollback"},
    "rollback_retires_nothing": OFF | {"kind": "rollback", "previous_retired": True},
    "rolled_back_is_off": FIRST | {"rolled_back": True},
    "rolled_back_stays_off": {"previous_rolled_back": True},
    "rollout_transitions_pkey": {"id": ID},
    "settling_names_its_commit": OFF | {"kind": "rollback", "revision": None},
    "starts_low": FIRST | {"tier": 2},
    "texts_are_short": {"reason": ""},
    "tier_change_settles": STEP | {"is_settled": False},
    "tier_is_on_the_ladder": {"target": 5},
    "time_never_falls": {"at": LONG_AGO},
    "update_keeps_the_tier": MOVED | {"tier": 0},
    "verdict_is_known": {"verdict": "fine"},
    "whitelist_is_a_list": {"whitelisted_customers": [None]},
}
STATEMENTS: Mapping[tuple[str, str], str] = {
    (REVISIONS, "rollout_revisions_pkey"): "number = 1, previous_number = 0",
    (REVISIONS, "revision_follows"): "previous_number = 7",
    (REVISIONS, "revision_is_a_commit"): "revision = 'main'",
    (REVISIONS, "revision_kind"): "kind = 'force', reason = 'because'",
    (REVISIONS, "reanchor_needs_reason"): "kind = 'reanchor'",
    (REVISIONS, "unsafe_needs_reason"): "unsafe_reason = ''",
    (REVISIONS, "revision_texts"): "actor = ''",
    (ROLLOUTS, "feature_rollouts_pkey"): "feature_name = 'search'",
    (ROLLOUTS, "feature_rollouts_feature_name_key"): "id = gen_random_uuid()",
    (SCOPE, "rollout_scope_pkey"): "number = 9",
    (SCOPE, "scope_is_one_row"): "only_row = false",
    (SOURCES, "settled_sources_pkey"): "version = 9",
    (SOURCES, "source_key_is_a_digest"): "feature_name = 'search', source_key = 'x'",
    (MIGRATIONS, "schema_migrations_pkey"): "name = 'again'",
    (EVENTS, "rollout_events_pkey"): "event = 'error'",
    (EVENTS, "event_is_known"): "event = 'seen', is_enabled = false",
    (EVENTS, "event_says_what_was_on"): "is_enabled = false",
    (EVENTS, "event_names_its_customer"): "customer_id = ''",
    (EVENTS, "event_names_its_feature"): "feature_name = 'Checkout'",
    (EVENTS, "event_names_its_epoch"): "epoch = 0",
    (EVENTS, "event_metadata_is_small"): "metadata = '[]'",
    (BATCHES, "event_batches_pkey"): "received_at = 'infinity'",
    (CLAIMS, "event_claims_pkey"): "received_at = 'infinity'",
    (CUSTOMERS, "rollout_customers_pkey"): "first_error = now()",
    (PROGRESS, "tally_progress_pkey"): "until = now()",
    (PROGRESS, "progress_is_one_row"): "only_row = false",
    (OUTBOX, "rollout_write_backs_pkey"): "attempt = 2",
    (OUTBOX, "one_write_back_an_attempt"): "rollback_id = gen_random_uuid()",
    (OUTBOX, "write_back_status"): "status = 'lost'",
    (OUTBOX, "written_names_its_commit"): "status = 'written'",
    (OUTBOX, "offered_names_its_branch"): "status = 'offered'",
    (OUTBOX, "write_back_evidence"): "evidence = '[]'",
    (OUTBOX, "write_back_texts"): "refusals = -1",
    (PROPOSALS, "rollout_proposals_pkey"): "version = 2",
    (PROPOSALS, "proposal_names_its_feature"): "feature_name = 'Search'",
    (PROPOSALS, "proposal_names_its_branch"): "feature_name = 'search', branch = 'refs/heads/main'",
    (PROPOSALS, "proposal_asks_for_a_raise"): "feature_name = 'search', tier = 1",
    (PROPOSALS, "proposal_names_its_commits"): "feature_name = 'search', commits = '{main}'",
    (PROPOSALS, "proposal_status"): "feature_name = 'search', is_settled = true",
    (PROPOSALS, "proposal_texts"): "feature_name = 'search', message = ''",
}
A_PROPOSAL: Row = {
    "feature_name": "checkout",
    "branch": "refs/heads/propose/rollouts.d/checkout",
    "path": "checkout.yaml",
    "attempt": 1,
    "epoch": 1,
    "tier": 2,
    "base": commit(2),
    "blob": commit(3),
    "commits": [commit(4)],
    "proposed_at": "2026-01-02",
    "message": "Advance",
    "status": "open",
    "is_settled": False,
    "refusals": 0,
    "note": "",
}
# These need their triggers, or follow from another: (table, name) and where they are attacked.
ELSEWHERE = {
    (TRANSITIONS, "chain_key"),  # one_row_a_version is a part of it: see below
    (TRANSITIONS, "follows_predecessor"),  # test_attacks_content: a forged predecessor
    (ROLLOUTS, "follows_from_the_chain"),  # below
    (TRANSITIONS, "rollback_is_told"),  # test_attacks_outbox, these two
    (OUTBOX, "rollout_write_backs_rollback_id_fkey"),
}


@pytest.fixture(scope="module")
def opened(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        yield connection


@pytest.fixture
def target(opened: Connection) -> Iterator[Connection]:
    """`checkout` at tier 1 under the second commit, for a superuser who turned every trigger off that he can."""
    with opened.transaction(force_rollback=True):
        prepare(opened, "live")
        append(opened, feature_name="search", id=ID)
        append(opened, feature_name="basket")
        append(opened, feature_name="basket", **OFF_BY_ERRORS)
        opened.execute("insert into rollouts.settled_sources values ('checkout', 1, repeat('a', 40))")
        report(opened)
        insert(opened, PROPOSALS, A_PROPOSAL)
        opened.execute("set local session_replication_role = replica")
        yield opened


def report(connection: Connection) -> None:
    """Store an event with its claims, and the customer it names."""
    connection.execute("select rollouts.extend_events()")
    for table in (BATCHES, CLAIMS):
        connection.execute(f"insert into rollouts.{table} (id) values (%s)".encode(), [ID])
    connection.execute("insert into rollouts.rollout_customers values ('checkout', 1, 'ada')")
    event = {"feature_name": "checkout", "customer_id": "ada", "id": ID, "event": "enabled", "is_enabled": True}
    insert(connection, EVENTS, event | {"attempt": 1, "epoch": 1, "timestamp": LONG_AGO})


def a_whole_row(connection: Connection) -> Row:
    """Return the row that the chain would have stored, with what it fills in."""
    row = following(connection)
    epoch = {"at": "2026-01-02", "epoch": 1, "epoch_started_at": "2026-01-01", "settled_revision": commit(2)}
    previous = {column: row[column] for column in ("tier", "target", "attempt", "rolled_back", "retired")}
    previous |= epoch | {"at": "2026-01-01", "settled_revision": commit(1), "version": 1}
    previous |= {"settled_dwell": 0, "settled_exposed": 0}
    linked = {f"previous_{column}": value for column, value in previous.items()}
    return row | epoch | linked | {"clocked_at": "2026-01-02", "rollout_id": ID, "recorded_by": "postgres"}


def refused(connection: Connection, statement: str | bytes, row: Row | None = None) -> tuple[str, str]:
    """Return table and rule of the refusal; that of a partition is the whole table's."""
    query = statement.encode() if isinstance(statement, str) else statement
    with pytest.raises(psycopg.IntegrityError) as refusal, connection.transaction():
        connection.execute(query, row)
    table, rule = refusal.value.diag.table_name, refusal.value.diag.constraint_name
    return re.sub(r"_\d{8}", "", table or ""), re.sub(r"_\d{8}", "", rule or "")


def test_every_constraint_has_an_attack(target: Connection) -> None:
    found = target.execute(
        """
        select conrelid::regclass::text, conname from pg_constraint
        where connamespace = 'rollouts'::regnamespace and contype <> 'n'
            and conrelid not in (select oid from pg_class where relispartition)
        union
        select indrelid::regclass::text, indexrelid::regclass::text from pg_index
        where indisunique and indrelid::regclass::text like 'rollouts.%%'
            and indrelid not in (select oid from pg_class where relispartition)
        """,
        [],
    ).fetchall()
    constraints = {(table.removeprefix("rollouts."), name.removeprefix("rollouts.")) for table, name in found}

    assert constraints == {(TRANSITIONS, rule) for rule in ROWS} | STATEMENTS.keys() | ELSEWHERE


def test_a_partition_keeps_every_rule_of_its_table(target: Connection) -> None:
    def rules(relations: str) -> list[tuple[str, ...]]:
        query = f"""
            select contype::text, pg_get_constraintdef(oid) from pg_constraint
            where conrelid in ({relations}) and contype <> 'n' order by 1, 2"""
        return target.execute(query.encode()).fetchall()

    partitions = "select inhrelid from pg_inherits where inhparent = 'rollouts.rollout_events'::regclass"
    whole = rules("select 'rollouts.rollout_events'::regclass")

    assert len(whole) == 7
    assert rules(partitions) == sorted(whole * 3)


def test_the_row_that_all_attacks_start_from_is_a_good_one(target: Connection) -> None:
    row = a_whole_row(target)
    target.execute(insertion(TRANSITIONS, row), row)


@pytest.mark.parametrize("rule", ROWS)
def test_a_constraint_of_the_chain_refuses_without_triggers(target: Connection, rule: str) -> None:
    row = a_whole_row(target) | ROWS[rule]

    assert refused(target, insertion(TRANSITIONS, row), row) == (TRANSITIONS, rule)


@pytest.mark.parametrize(("table", "rule"), STATEMENTS)
def test_a_constraint_refuses_without_triggers(target: Connection, table: str, rule: str) -> None:
    """A copy of the last row, changed in one place."""
    last = {REVISIONS: "where number = 2", ROLLOUTS: "where tier = 1", MIGRATIONS: "where version = 1"}
    target.execute(
        f"create temp table forged on commit drop as select * from rollouts.{table} {last.get(table, '')}"
    )
    if table == REVISIONS:
        target.execute("update forged set number = 3, previous_number = 2")
    target.execute(f"update forged set {STATEMENTS[table, rule]}".encode())

    assert refused(target, f"insert into rollouts.{table} select * from forged") == (table, rule)


def test_a_longer_key_follows_from_a_shorter_one(target: Connection) -> None:
    keys = target.execute(
        """
        select short.conkey <@ long.conkey from pg_constraint short, pg_constraint long
        where short.conname = 'one_row_a_version' and long.conname = 'chain_key'
        """
    )

    assert keys.fetchall() == [(True,)]


def test_feature_rollouts_points_to_a_row_of_the_chain_without_its_guard(target: Connection) -> None:
    target.execute("set local session_replication_role = origin")
    target.execute("alter table rollouts.feature_rollouts disable trigger guard")

    assert refused(target, "update rollouts.feature_rollouts set version = 9") == (
        ROLLOUTS,
        "follows_from_the_chain",
    )


@pytest.mark.parametrize("table", [TRANSITIONS, REVISIONS])
@pytest.mark.parametrize("rewrite", ["update rollouts.{} set actor = 'nobody'", "delete from rollouts.{}"])
def test_history_is_kept_from_a_session_that_turned_triggers_off(
    target: Connection, table: str, rewrite: str
) -> None:
    assert refused(target, rewrite.format(table))[1] == "history_is_append_only"


def test_every_column_that_must_be_said_is_said(target: Connection) -> None:
    columns: list[tuple[Any, ...]] = target.execute(
        """
        select attribute.attname from pg_attribute attribute
        where attribute.attrelid = 'rollouts.rollout_transitions'::regclass and attribute.attnotnull
            and attribute.attnum > 0
        """
    ).fetchall()
    for (column,) in columns:
        row = a_whole_row(target) | {column: None}
        with pytest.raises(psycopg.errors.NotNullViolation) as refusal, target.transaction():
            target.execute(insertion(TRANSITIONS, row), row)
        assert refusal.value.diag.column_name == column
