"""The store against a real server: what goes in comes out, every failure names its remedy, a write lands once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reconciler.domain.analysis import Verdict
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.ladder import Tier
from reconciler.domain.ledger import Cause, Index, RevisionRecord, Scope
from reconciler.domain.plan import Change, Create, Demote, Promote, Restart, Retire, Rollback, Update
from reconciler.domain.state import RollbackRecord, Standing, State
from reconciler.domain.transition import succeed
from reconciler.errors import (
    ConflictError,
    DatabaseDeniedError,
    DatabaseOutdatedError,
    ReconcilerError,
    RuleViolatedError,
    SupersededError,
)
from reconciler.store.embedded import EmbeddedServer
from reconciler.store.postgres import PostgresStore
from tests.builders.chain import commit, faults
from tests.builders.database import Database, a_database, set_clock

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
CAUSE = Cause(revision=commit(1), actor="tests")
EASY = Gates(dwell=Dwell(tier_1=timedelta(), tier_2=timedelta(), tier_3=timedelta()))
EXTREME = Standing(
    tier=Tier.DISABLED,
    attempt=999_998,
    target=Tier.GENERAL,
    paused=True,
    description="é\"'\\{}\n\t\u2028" + "x" * 8_000,
    owner="",
    whitelist=frozenset({"007", "null", '{"a", b}', "\\", "é" * 128, " ", "x" * 256}),
    blacklist=frozenset(f"customer-{number}" for number in range(2_000)),
    gates=Gates(
        dwell=Dwell(tier_1=timedelta(days=366), tier_2=timedelta(), tier_3=timedelta(seconds=1)),
        thresholds=Thresholds(
            error_rate=0.1 + 0.2,
            success_rate=1e-17,
            window=timedelta(days=366),
            min_exposed=1_000_000_000,
            confidence=0.999,
        ),
    ),
)
EXTREME = replace(EXTREME, settled=EXTREME.gates)


@pytest.fixture
def store(database: Database) -> Iterator[PostgresStore]:
    """A store as a job has it, with the first commit in force and a clock that stands at MONDAY."""
    with psycopg.connect(database.dsn) as connection:
        set_clock(connection, MONDAY)
    store = PostgresStore.at(database.dsn_for("rollouts_reconciler"))
    store.take_revision(a_record(0, commit(1)))
    yield store
    store.close()


def a_record(previous: int, revision: str, **named: Any) -> RevisionRecord:
    return RevisionRecord(previous_number=previous, root="rollouts.d", revision=revision, actor="tests", **named)


def a_creation(standing: Standing | None = None) -> Create:
    after = standing or Standing(tier=Tier.INTERNAL, gates=EASY, settled=EASY)
    return Create(feature="checkout", before=None, after=after, reason="a new rollout")


def carry_out(store: PostgresStore, change: Change, number: int, *, at: datetime = MONDAY) -> State:
    """Carry a change out and return the state that it should leave."""
    revision = store.scope().revision or ""
    cause = replace(CAUSE, revision=revision)
    store.transition(change, transition_id=UUID(int=number), cause=cause)
    return succeed(change, at=at, revision=revision, transition=UUID(int=number))


def test_an_empty_database_has_neither_root_nor_commit(database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        set_clock(connection, MONDAY)
    store = PostgresStore.at(database.dsn)

    assert replace(store.scope(), place=None) == Scope(number=0, root=None, revision=None, now=MONDAY)
    assert store.index() == Index(features=frozenset(), retired=frozenset(), exposed=frozenset(), keys={})
    assert store.states(None) == {}
    assert store.history("checkout") == ()
    store.close()


def test_the_commit_taken_last_is_in_force(store: PostgresStore) -> None:
    store.take_revision(a_record(1, commit(2), unsafe_reason="agreed"))
    store.take_revision(a_record(2, commit(1), kind="reanchor", reason="the branch was reset"))

    scope = replace(store.scope(), place=None)
    assert scope == Scope(number=3, root="rollouts.d", revision=commit(1), now=MONDAY, looks_back=True)


@pytest.mark.parametrize("standing", [None, EXTREME], ids=["plain", "extreme"])
def test_a_state_comes_back_as_it_was_written(store: PostgresStore, standing: Standing | None) -> None:
    expected = carry_out(store, a_creation(standing), 1)

    assert store.states(["checkout"]) == {"checkout": expected}


def test_every_kind_of_change_leaves_the_state_that_the_domain_predicts(
    store: PostgresStore, database: Database
) -> None:
    created = carry_out(store, a_creation(), 1)
    store.take_revision(a_record(1, commit(2)))
    two = replace(created.standing, tier=Tier.EARLY_ADOPTERS)
    promotion = Promote(feature="checkout", before=created, after=two, reason="up", verdict=Verdict.HEALTHY)
    promoted = carry_out(store, promotion, 2)
    held = replace(two, paused=True, gates=replace(EASY, dwell=Dwell()))
    update = Update(feature="checkout", before=promoted, after=held, reason="held", is_settled=False)
    updated = carry_out(store, update, 3)
    lowered = carry_out(store, Demote(feature="checkout", before=updated, after=created.standing, reason="down"), 4)
    off = replace(lowered.standing, tier=Tier.DISABLED, rolled_back=True)
    rollback = Rollback(
        feature="checkout", before=lowered, after=off, reason="git knows", commit=commit(9), is_settled=False
    )
    rolled_back = carry_out(store, rollback, 5)
    store.take_revision(a_record(2, commit(3)))
    again = replace(created.standing, attempt=2)
    restarted = carry_out(store, Restart(feature="checkout", before=rolled_back, after=again, reason="again"), 6)
    parked = replace(again, tier=Tier.DISABLED)
    down = carry_out(store, Demote(feature="checkout", before=restarted, after=parked, reason="down"), 7)
    gone = replace(parked, retired=True)
    retired = carry_out(store, Retire(feature="checkout", before=down, after=gone, reason="no file"), 8)

    assert rolled_back.rollback == RollbackRecord(id=UUID(int=5), at=MONDAY, reason="git knows", in_git=commit(9))
    assert store.states(None) == {"checkout": retired}
    kinds = [transition.kind for transition in store.history("checkout")]
    assert kinds == ["create", "promote", "update", "demote", "rollback", "restart", "demote", "retire"]
    with psycopg.connect(database.dsn) as connection:
        assert faults(connection) == []


def test_a_rolled_back_state_comes_back_with_its_rollback(store: PostgresStore) -> None:
    created = carry_out(store, a_creation(), 1)
    off = replace(created.standing, tier=Tier.DISABLED, rolled_back=True)
    rollback = Rollback(
        feature="checkout", before=created, after=off, reason="r", commit=commit(9), is_settled=False
    )
    expected = carry_out(store, rollback, 2)

    assert store.states(None) == {"checkout": expected}


def test_states_are_those_of_the_named_features_that_exist(store: PostgresStore) -> None:
    for number, feature in enumerate(("checkout", "search"), start=1):
        carry_out(store, replace(a_creation(), feature=feature), number)

    assert store.states([]) == {}
    assert store.states(["search", "unknown"]).keys() == {"search"}
    assert store.states(None).keys() == {"checkout", "search"}


def test_a_source_is_known_at_the_version_where_it_is_in_force_only(store: PostgresStore) -> None:
    created = carry_out(store, a_creation(), 1)
    store.remember_sources({"checkout": (1, "a" * 40), "unknown": (1, "b" * 40)})
    assert store.index().keys == {"checkout": "a" * 40}

    paused = replace(created.standing, paused=True)
    carry_out(store, Update(feature="checkout", before=created, after=paused, reason="pause"), 2)
    assert store.index().keys == {}

    store.remember_sources({"checkout": (2, "c" * 40)})
    store.remember_sources({"checkout": (1, "a" * 40)})
    assert store.index() == Index(
        features=frozenset({"checkout"}),
        retired=frozenset(),
        exposed=frozenset({"checkout"}) if created.standing.tier else frozenset(),
        keys={"checkout": "c" * 40},
    )


def test_an_adoption_is_recorded_as_one(store: PostgresStore) -> None:
    adopted = replace(a_creation(Standing(tier=Tier.FULL)), adopted=True)
    carry_out(store, adopted, 1)

    assert [row.kind for row in store.history("checkout")] == ["adopt"]


Attempt = Callable[[PostgresStore], None]
STATE = succeed(a_creation(), at=MONDAY, revision=commit(1), transition=UUID(int=1))
SKIP = Promote(
    feature="checkout",
    before=STATE,
    after=replace(STATE.standing, tier=Tier.GENERAL),
    reason="up",
    verdict=Verdict.HEALTHY,
)
NAMED = a_creation(replace(STATE.standing, description="a NUL \0"))
FAILURES: dict[str, tuple[type[ReconcilerError], str, Attempt]] = {
    "a number decided on before": (
        ConflictError,
        f"revision {commit(2)} was decided on number 0, the last is 1",
        lambda store: store.take_revision(a_record(0, commit(2))),
    ),
    "a version decided on before": (
        ConflictError,
        "checkout is at version 1, version 3 was decided on another",
        lambda store: _carry(store, replace(SKIP, before=replace(STATE, version=2))),
    ),
    "a commit no longer in force": (
        SupersededError,
        f"a newer revision came into force: commit {commit(9)} is not the one in force, {commit(1)} is",
        lambda store: _carry(store, SKIP, revision=commit(9)),
    ),
    "a rule": (
        RuleViolatedError,
        'no_skip: new row for relation "rollout_transitions" violates check constraint "no_skip"',
        lambda store: _carry(store, SKIP),
    ),
    "another root": (
        RuleViolatedError,
        "one_root: this database serves the root rollouts.d, not elsewhere",
        lambda store: store.take_revision(replace(a_record(1, commit(2)), root="elsewhere")),
    ),
    "a number too large for SQL": (
        RuleViolatedError,
        "22003: integer out of range",
        lambda store: _carry(store, replace(SKIP, dwell=timedelta(days=36_600))),
    ),
    "a NUL": (
        RuleViolatedError,
        "text_is_unicode: PostgreSQL text fields cannot contain NUL (0x00) bytes",
        lambda store: _carry(store, replace(NAMED, feature="search")),
    ),
    "half a character": (
        RuleViolatedError,
        "text_is_unicode: 'x\\udcff' holds what is no character",
        lambda store: store.take_revision(replace(a_record(1, commit(2)), actor="x\udcff")),
    ),
}


def _carry(store: PostgresStore, change: Change, *, revision: str = commit(1)) -> None:
    store.transition(change, transition_id=UUID(int=7), cause=replace(CAUSE, revision=revision))


@pytest.mark.parametrize(("kind", "message", "attempt"), FAILURES.values(), ids=FAILURES)
def test_a_refusal_names_its_remedy(
    store: PostgresStore, kind: type[ReconcilerError], message: str, attempt: Attempt
) -> None:
    carry_out(store, a_creation(), 1)
    before = store.scope(), store.history("checkout")

    with pytest.raises(ReconcilerError) as refusal:
        attempt(store)
    assert (type(refusal.value), str(refusal.value)) == (kind, message)
    assert (store.scope(), store.history("checkout")) == before


def test_a_role_that_may_only_read_is_told_which_to_use(store: PostgresStore, database: Database) -> None:
    reader = PostgresStore.at(database.dsn_for("rollouts_reader"))

    with pytest.raises(DatabaseDeniedError, match=r"granted .* rollouts_reconciler \(to apply\)"):
        reader.take_revision(a_record(1, commit(2)))
    assert reader.scope() == store.scope()
    reader.close()


def test_a_database_that_was_not_migrated_is_told_so(server: EmbeddedServer) -> None:
    with a_database(server) as empty:
        store = PostgresStore.at(empty.dsn)

        with pytest.raises(DatabaseOutdatedError, match="run `reconciler db migrate`"):
            store.scope()
        store.close()


def test_the_options_of_a_dsn_stand_beside_our_own(database: Database) -> None:
    dsn = make_conninfo(database.dsn_for("rollouts_reconciler"), application_name="mine")
    store = PostgresStore.at(make_conninfo(dsn, options="-c role=rollouts_reconciler -c statement_timeout=7s"))
    assert store.scope().number == 0
    with psycopg.connect(database.dsn) as connection:
        names = connection.execute(
            "select application_name from pg_stat_activity where datname = current_database()"
        )
        assert ("mine",) in names.fetchall()
    store.close()


def test_the_schema_names_each_tier_as_the_ladder_does(database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        rows = connection.execute(
            "select tier, rollouts.tier_name(tier) from generate_series(0, 4) t, cast(t as smallint) tier"
        ).fetchall()

    assert rows == [(int(tier), tier.database_name) for tier in Tier]
