"""Many at once: whoever loses says so and settles, and what is stored is one valid chain."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from random import Random
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.ledger import Cause
from reconciler.domain.plan import Create
from reconciler.domain.state import Standing
from reconciler.errors import ConflictError
from reconciler.reconcile.apply import Outcome
from reconciler.store.postgres import PostgresStore
from tests.builders.applying import History, some_files
from tests.builders.chain import append, commit, contents, faults, following, insert, take
from tests.builders.database import Database
from tests.builders.racing import all_at_once

THREADS = 24
FEATURES = ("checkout", "search", "basket", "login")


def a_history(length: int, seed: int) -> History:
    """Return commits that change one thing or several each, by no more than a rung."""
    random = Random(seed)
    tiers = dict.fromkeys(FEATURES, 0)
    trees = []
    for number in range(length):
        for feature in random.sample(FEATURES, 2):
            tiers[feature] = random.choice([tier for tier in (tiers[feature] + 1, tiers[feature], 0) if tier <= 4])
        trees.append(
            some_files(
                **{feature: {"tier": tier, "description": f"as of {number}"} for feature, tier in tiers.items()}
            )
        )
    return History(trees=trees)


def faults_of(database: Database) -> list[str]:
    with psycopg.connect(database.dsn) as connection:
        return faults(connection)


def tiers_of(store: PostgresStore) -> dict[str, int]:
    return {feature: int(state.standing.tier) for feature, state in store.states(None).items()}


def applying(history: History, number: int) -> Callable[[PostgresStore], Outcome]:
    return lambda store: history.apply(store, number)


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 30))])
def test_24_threads_that_apply_24_revisions_leave_one_valid_chain(database: Database, seed: int) -> None:
    history = a_history(THREADS, seed)
    outcomes = all_at_once(database, [applying(history, number) for number in range(1, THREADS + 1)])

    assert faults_of(database) == []
    assert [number for number, outcome in enumerate(outcomes, start=1) if not outcome.is_settled] == []
    assert [outcome.broken for outcome in outcomes] == [()] * THREADS
    conflicts = [conflict for outcome in outcomes for conflict in outcome.conflicts]
    assert conflicts
    assert [conflict for conflict in conflicts if "deadlock" in conflict] == []
    store = PostgresStore.at(database.dsn)
    assert store.scope().revision == commit(THREADS)
    assert history.apply(store, THREADS).done == ()
    store.close()


def test_24_threads_that_apply_one_revision_carry_out_each_change_once(database: Database) -> None:
    history = History(trees=[some_files(**dict.fromkeys(FEATURES, 1))])
    outcomes = all_at_once(database, [applying(history, 1)] * THREADS)

    assert sorted(change.feature for outcome in outcomes for change in outcome.done) == sorted(FEATURES)
    assert all(outcome.is_settled for outcome in outcomes)
    assert faults_of(database) == []


def test_no_older_revision_raises_after_a_newer_was_taken(database: Database) -> None:
    """The older commits raise, the newest takes everything back: whatever the order, all ends at tier 0."""
    raised = [some_files(**dict.fromkeys(FEATURES, 1)) for _ in range(THREADS - 1)]
    history = History(trees=[*raised, some_files(**dict.fromkeys(FEATURES, 0))])
    all_at_once(database, [applying(history, number) for number in range(1, THREADS + 1)])

    assert faults_of(database) == []
    store = PostgresStore.at(database.dsn)
    assert tiers_of(store) == dict.fromkeys(FEATURES, 0)
    store.close()


def test_24_threads_that_create_one_feature_leave_one_row(database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        take(connection, commit(1))
    creation = Create(feature="checkout", before=None, after=Standing(tier=Tier.INTERNAL), reason="a new rollout")

    def create(store: PostgresStore) -> str:
        try:
            store.transition(creation, transition_id=uuid4(), cause=Cause(revision=commit(1), actor="tests"))
        except ConflictError:
            return "conflict"
        return "created"

    said = all_at_once(database, [create] * THREADS)

    assert sorted(said) == ["conflict"] * (THREADS - 1) + ["created"]
    assert faults_of(database) == []


def test_raises_and_demotions_of_one_version_leave_one_of_them(database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        take(connection, commit(1))
        append(connection, tier=1)
        take(connection, commit(2))
        up = [
            following(connection, kind="promote", tier=2, gate_dwell_seconds=0, verdict="healthy")
            for _ in range(12)
        ]
        down = [following(connection, kind="demote", tier=0) for _ in range(6)]
        off = {"kind": "rollback", "tier": 0, "rolled_back": True, "is_settled": False, "revision": None}
        back = [following(connection, **off) for _ in range(6)]
    barrier = Barrier(THREADS)

    def write(row: dict[str, object]) -> str | None:
        with psycopg.connect(database.dsn_for("rollouts_reconciler")) as connection:
            barrier.wait(30)
            try:
                insert(connection, "rollout_transitions", row)
                if row["kind"] == "rollback":
                    insert(connection, "rollout_write_backs", {"rollback_id": row["id"]})
                connection.commit()
            except psycopg.Error as error:
                return error.diag.constraint_name
        return "written"

    with ThreadPoolExecutor(THREADS) as pool:
        said = sorted(str(word) for word in pool.map(write, [*up, *down, *back]))

    counts = {word: len(list(words)) for word, words in groupby(said)}
    assert counts.pop("written") == 1
    assert counts.keys() <= {"one_row_a_version", "version_conflict"}
    with psycopg.connect(database.dsn) as connection:
        assert len(contents(connection)["rollout_transitions"]) == 2
        assert faults(connection) == []
