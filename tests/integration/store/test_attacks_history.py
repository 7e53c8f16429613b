"""Nobody rewrites what happened, and nobody writes what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import ALLOWED, DENIED, GENERATED, READERS, WRITERS, a_target, prepare, refusal
from tests.builders.chain import Connection, commit, insertion

OWNER = "rollouts_owner"
LOGS = ("rollout_transitions", "rollout_revisions")

REWRITES = {
    "update": "update rollouts.{table} set actor = 'nobody'",
    "update of nothing": "update rollouts.{table} set actor = 'nobody' where false",
    "delete": "delete from rollouts.{table}",
    "delete of nothing": "delete from rollouts.{table} where false",
    "delete of only": "delete from only rollouts.{table} where actor = 'tests'",
    "truncate": "truncate rollouts.{table} cascade",
    "truncate of all": (
        "truncate rollouts.feature_rollouts, rollouts.rollout_transitions, rollouts.rollout_write_backs, "
        "rollouts.{table}"
    ),
    "merge": "merge into rollouts.{table} using (select 1) s on true when matched then update set actor = 'nobody'",
    "merge that deletes": "merge into rollouts.{table} using (select 1) s on true when matched then delete",
    "writable with": "with gone as (delete from rollouts.{table} returning *) select count(*) from gone",
    "do block": "do $$ begin delete from rollouts.{table}; end $$",
    "view": (
        "create temp view seen as select * from rollouts.{table}; update seen set actor = 'nobody'; drop view seen"
    ),
    "cursor": (
        "declare seen cursor for select * from rollouts.{table} for update; fetch seen; "
        "delete from rollouts.{table} where current of seen"
    ),
}
UPSERTS = {
    "transition": """
        insert into rollouts.rollout_transitions as known
        select * from rollouts.rollout_transitions on conflict (id) do update set tier = 4""",
    "revision": """
        insert into rollouts.rollout_revisions as known
        select * from rollouts.rollout_revisions on conflict (number) do update set actor = 'nobody'""",
}
FOLLOWS = "derived_from_history"
AGAIN = "insert into rollouts.feature_rollouts select * from rollouts.feature_rollouts"
INVENT = """
insert into rollouts.feature_rollouts
select (jsonb_populate_record(rollout, '{"feature_name": "invented"}')).* from rollouts.feature_rollouts rollout
"""
DERIVED = {
    "raise the tier": ("update rollouts.feature_rollouts set tier = 2", FOLLOWS),
    "raise the percentage": ("update rollouts.feature_rollouts set percentage = 100", FOLLOWS),
    "raise the name of the tier": ("update rollouts.feature_rollouts set current_tier = 'tier_4_full'", FOLLOWS),
    "point to another version": ("update rollouts.feature_rollouts set version = 1", FOLLOWS),
    "take over another's name": ("update rollouts.feature_rollouts set feature_name = 'search'", FOLLOWS),
    "backdate": ("update rollouts.feature_rollouts set epoch_started_at = '2020-01-01'", FOLLOWS),
    "invent a feature": (INVENT, FOLLOWS),
    "insert again": (AGAIN, "feature_rollouts_pkey"),
    "upsert": (f"{AGAIN} on conflict (id) do update set tier = 4", FOLLOWS),
    "merge": (
        "merge into rollouts.feature_rollouts using (select 1) s on true when matched then update set tier = 2",
        FOLLOWS,
    ),
    "delete": ("delete from rollouts.feature_rollouts", "history_is_append_only"),
    "delete nothing": ("delete from rollouts.feature_rollouts where false", "history_is_append_only"),
    "truncate": ("truncate rollouts.feature_rollouts", "history_is_append_only"),
    "put another commit in force": (f"update rollouts.rollout_scope set revision = '{commit(9)}'", FOLLOWS),
    "put an older commit in force": (
        f"update rollouts.rollout_scope set number = 1, revision = '{commit(1)}'",
        FOLLOWS,
    ),
    "serve another root": ("update rollouts.rollout_scope set root = 'elsewhere'", FOLLOWS),
    "forget the root": ("update rollouts.rollout_scope set root = null, revision = null, number = 0", FOLLOWS),
    "a second scope": (
        "insert into rollouts.rollout_scope select false, number, root, revision from rollouts.rollout_scope",
        "scope_is_one_row",
    ),
    "the scope again": (
        "insert into rollouts.rollout_scope select * from rollouts.rollout_scope",
        "rollout_scope_pkey",
    ),
    "delete the scope": ("delete from rollouts.rollout_scope", "history_is_append_only"),
    "truncate the scope": ("truncate rollouts.rollout_scope", "history_is_append_only"),
}
REVISIONS: Mapping[str, tuple[str, dict[str, object]]] = {
    "an old number": ("revision_conflict", {"previous_number": 1}),
    "a number ahead": ("revision_conflict", {"previous_number": 3}),
    "no number": ("revision_conflict", {"previous_number": None}),
    "another root": ("one_root", {"root": "rollouts.d/staging"}),
    "no root": ("one_root", {"root": None}),
    "a branch for a commit": ("revision_is_a_commit", {"revision": "main"}),
    "a short commit": ("revision_is_a_commit", {"revision": "abcdef1"}),
    "a commit and a newline": ("revision_is_a_commit", {"revision": commit(3) + "\n"}),
    "41 digits": ("revision_is_a_commit", {"revision": "a" * 41}),
    "no commit": ("23502", {"revision": None}),
    "a kind of one's own": ("revision_kind", {"kind": "force", "reason": "because"}),
    "no kind": ("23502", {"kind": None, "reason": "because"}),
    "a reanchor without reason": ("reanchor_needs_reason", {"kind": "reanchor"}),
    "a reanchor with an empty reason": ("reanchor_needs_reason", {"kind": "reanchor", "reason": ""}),
    "a reanchor with a blank reason": ("reanchor_needs_reason", {"kind": "reanchor", "reason": " \n\t"}),
    "an override with a blank reason": ("unsafe_needs_reason", {"unsafe_reason": " "}),
    "nobody": ("revision_texts", {"actor": ""}),
    "no actor": ("23502", {"actor": None}),
    "a reason of 2049 bytes": ("revision_texts", {"reason": "x" * 2049}),
}


@pytest.fixture(scope="module")
def opened(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        yield connection


@pytest.fixture
def target(opened: Connection) -> Iterator[Connection]:
    """A chain of three rows under the second commit."""
    with opened.transaction(force_rollback=True):
        prepare(opened, "held")
        yield opened


@pytest.mark.parametrize("table", LOGS)
@pytest.mark.parametrize("rewrite", REWRITES.values(), ids=REWRITES)
def test_refuses_the_owner_a_rewrite_of_history(target: Connection, rewrite: str, table: str) -> None:
    assert refusal(target, OWNER, rewrite.format(table=table)) == "history_is_append_only"


@pytest.mark.parametrize("role", ["rollouts_reconciler", *READERS])
@pytest.mark.parametrize("table", LOGS)
@pytest.mark.parametrize("rewrite", REWRITES.values(), ids=REWRITES)
def test_denies_every_other_role_a_rewrite_of_history(
    target: Connection, rewrite: str, table: str, role: str
) -> None:
    assert refusal(target, role, rewrite.format(table=table)) == DENIED


@pytest.mark.parametrize("upsert", UPSERTS.values(), ids=UPSERTS)
def test_refuses_an_insert_that_would_update(target: Connection, upsert: str) -> None:
    columns = "id, feature_name, version"
    assert refusal(target, OWNER, upsert) in {"history_is_append_only", GENERATED}
    narrow = f"insert into rollouts.rollout_transitions ({columns}) values (gen_random_uuid(), 'a', 1) "
    assert refusal(target, OWNER, narrow + "on conflict (id) do update set tier = 4") == "history_is_append_only"
    assert refusal(target, "rollouts_reconciler", upsert) in {DENIED, GENERATED}


@pytest.mark.parametrize(("statement", "rule"), DERIVED.values(), ids=DERIVED)
def test_refuses_what_does_not_follow_from_history(target: Connection, statement: str, rule: str) -> None:
    assert refusal(target, OWNER, statement) == rule


@pytest.mark.parametrize("role", ["rollouts_reconciler", *READERS])
@pytest.mark.parametrize("statement", [statement for statement, _ in DERIVED.values()], ids=DERIVED)
def test_denies_every_other_role_what_is_derived(target: Connection, statement: str, role: str) -> None:
    assert refusal(target, role, statement) == DENIED


def test_refuses_each_column_of_feature_rollouts_a_value_of_its_own(target: Connection) -> None:
    columns = target.execute(
        """
        select attribute.attname, format_type(attribute.atttypid, null)
        from pg_attribute attribute
        where attribute.attrelid = 'rollouts.feature_rollouts'::regclass and attribute.attnum > 0
        """
    ).fetchall()
    values = {
        "uuid": "gen_random_uuid()",
        "text": "'forged'",
        "integer": "42",
        "smallint": "42",
        "boolean": "not {column}",
        "jsonb": "'{{}}'",
        "text[]": "'{{forged}}'",
        "timestamp with time zone": "'2020-01-01'",
    }
    for column, kind in columns:
        value = values[kind].format(column=column)
        forged = f"update rollouts.feature_rollouts set {column} = {value}"
        assert refusal(target, OWNER, forged) == "derived_from_history", column


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize(("rule", "changes"), REVISIONS.values(), ids=REVISIONS)
def test_refuses_the_revision(target: Connection, role: str, rule: str, changes: dict[str, object]) -> None:
    row = _revision() | changes

    assert refusal(target, role, insertion("rollout_revisions", row), row) == rule


@pytest.mark.parametrize("role", WRITERS)
def test_allows_the_revision_that_follows(target: Connection, role: str) -> None:
    row = _revision()

    assert refusal(target, role, insertion("rollout_revisions", row), row) == ALLOWED


@pytest.mark.parametrize("column", ["at", "number"])
def test_refuses_a_revision_that_says_its_time_or_number(target: Connection, column: str) -> None:
    row = _revision() | {column: {"at": "2020-01-01", "number": 3}[column]}

    assert refusal(target, OWNER, insertion("rollout_revisions", row), row) == "time_is_the_servers"
    assert refusal(target, "rollouts_reconciler", insertion("rollout_revisions", row), row) == DENIED


def test_records_the_login_role_whatever_the_owner_says(target: Connection) -> None:
    row = _revision() | {"recorded_by": "somebody"}
    with target.transaction(force_rollback=True):
        target.execute(insertion("rollout_revisions", row), row)

        assert target.execute(
            "select recorded_by = session_user from rollouts.rollout_revisions where number = 3"
        ).fetchone() == (True,)


def _revision() -> dict[str, object]:
    return {
        "previous_number": 2,
        "root": "rollouts.d",
        "revision": commit(3),
        "kind": "apply",
        "reason": None,
        "unsafe_reason": None,
        "actor": "tests",
    }
