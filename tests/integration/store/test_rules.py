"""The rules that a check looks for are those that the migrations make, all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from reconciler.domain.chain import FIRST, OWN, STEP
from reconciler.store.connection import Connection, connect
from reconciler.store.rules import RULES
from reconciler.store.statements import statement
from tests.builders.database import Database

# What only a statement of SQL can break, or what shows by itself: a list, a text or a key that is none.
BY_THEMSELVES = {
    *("blacklist_is_a_list", "whitelist_is_a_list", "feature_name_is_valid", "texts_are_short", "gates_are_whole"),
    *("one_row_a_version", "chain_key", "rollout_transitions_pkey"),
}
FOUND_OTHERWISE = {"follows_directly", "one_raise_a_commit", "rollback_is_told"}


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with closing(connect(database.dsn)) as connection:
        yield connection


def test_every_rule_of_the_migrations_is_looked_for(connection: Connection) -> None:
    found = {row["rule"] for row in connection.execute(statement("audit_rules"), {}).fetchall()}

    assert found == RULES, "name what a migration added or took away in reconciler/store/rules.py"


def test_every_rule_of_the_chain_is_computed_once_more(connection: Connection) -> None:
    rules = {name.partition(".")[2] for name in RULES if name.startswith("rollout_transitions.")}
    constraints = {rule for rule in rules if ": " not in rule}

    assert constraints - BY_THEMSELVES - FOUND_OTHERWISE - {*OWN, *FIRST, *STEP} == set()


@pytest.mark.parametrize("role", ["rollouts_reader", "rollouts_reconciler"])
def test_whoever_may_look_may_check(database: Database, role: str) -> None:
    with closing(connect(database.dsn_for(role))) as connection:
        assert {row["rule"] for row in connection.execute(statement("audit_rules"), {}).fetchall()} == RULES


def test_a_constraint_that_was_never_validated_is_none(database: Database, connection: Connection) -> None:
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        admin.execute("alter table rollouts.rollout_transitions drop constraint no_skip")
        admin.execute(
            "alter table rollouts.rollout_transitions "
            "add constraint no_skip check (tier <= previous_tier + 1) not valid"
        )

    found = {row["rule"] for row in connection.execute(statement("audit_rules"), {}).fetchall()}

    assert RULES - found == {"rollout_transitions.no_skip"}
