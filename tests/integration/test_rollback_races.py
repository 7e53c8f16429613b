"""Rollback against promotion against rollback, many at once: one chain, one rollback, and it is what stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TypeAlias
from uuid import uuid4

import psycopg
import pytest

from reconciler.reconcile.override import Grounds, RolledBack, roll_back
from reconciler.store.postgres import PostgresStore
from tests.builders.applying import History, some_files
from tests.builders.chain import Connection, faults
from tests.builders.database import Database
from tests.builders.racing import all_at_once

Job: TypeAlias = Callable[[PostgresStore], RolledBack | None]
THREADS = 24
PERSON = Grounds(reason="customers call", actor="ada")
ERRORS = Grounds(reason="12 of 100 exposed customers have an error", actor="analysis", attempt=1)
SEEDS = [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 40))]
CLIMB = (1, 2, 3, 4, 3, 4, 2, 3)


@pytest.fixture
def admin(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        yield connection


def applying(history: History, number: int) -> Job:
    def job(store: PostgresStore) -> None:
        outcome = history.apply(store, number)
        assert (outcome.is_settled, outcome.broken) == (True, ())

    return job


def rolling_back(grounds: Grounds) -> Job:
    return lambda store: roll_back(store, "checkout", grounds, uuid4)


def raced(database: Database, jobs: list[Job], seed: int) -> list[RolledBack]:
    """Let all begin at once, and return what those who rolled back came to."""
    Random(seed).shuffle(jobs)
    return [done for done in all_at_once(database, jobs) if done is not None]


def chain(admin: Connection) -> list[tuple[str, int]]:
    """Return kind and attempt of each transition of `checkout`, oldest first."""
    rows = admin.execute(
        "select kind, attempt from rollouts.rollout_transitions where feature_name = 'checkout' order by version"
    )
    return [(kind, attempt) for kind, attempt in rows.fetchall()]


@pytest.mark.parametrize("seed", SEEDS)
def test_among_promotions_and_demotions_one_rollback_lands_and_stays(
    database: Database, admin: Connection, seed: int
) -> None:
    history = History(trees=[some_files(checkout=tier, search=1) for tier in CLIMB])
    with_one = PostgresStore.at(database.dsn)
    history.apply(with_one, 1)
    with_one.close()
    jobs = [applying(history, number) for number in range(1, len(CLIMB) + 1)]
    jobs += [rolling_back(grounds) for grounds in (PERSON, ERRORS)] * ((THREADS - len(jobs)) // 2)
    done = raced(database, jobs, seed)

    assert len(jobs) == THREADS
    assert sum(one.is_new for one in done) == 1
    kinds = [kind for kind, _ in chain(admin)]
    assert (kinds.count("rollback"), kinds[-1]) == (1, "rollback")
    [write_back] = admin.execute("select rollback_id from rollouts.rollout_write_backs").fetchall()
    assert write_back == next((one.id,) for one in done if one.is_new)
    assert faults(admin) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_errors_of_the_first_attempt_never_end_the_second(database: Database, admin: Connection, seed: int) -> None:
    """Watchers that are late meet a restart; those of the second attempt roll it back once."""
    again: dict[str, object] = {"tier": 1, "attempt": 2, "rolled_back": 1}
    history = History(trees=[some_files(checkout=1), some_files(checkout=again)])
    store = PostgresStore.at(database.dsn)
    history.apply(store, 1)
    roll_back(store, "checkout", PERSON, uuid4)
    store.close()
    late = Grounds(reason="late", actor="late", attempt=1)
    second = Grounds(reason="again", actor="analysis", attempt=2)
    jobs = [applying(history, 2)] * 4 + [rolling_back(late)] * 12 + [rolling_back(second)] * 8
    raced(database, jobs, seed)

    told = admin.execute("select count(*) from rollouts.rollout_transitions where actor = 'late'").fetchone()
    assert told == (0,)
    begun = [("create", 1), ("rollback", 1), ("restart", 2)]
    assert chain(admin) in (begun, [*begun, ("rollback", 2)])
    assert faults(admin) == []


def test_six_rollbacks_of_six_features_disturb_nobody(database: Database, admin: Connection) -> None:
    features = [f"feature-{number}" for number in range(6)]
    store = PostgresStore.at(database.dsn)
    History(trees=[some_files(**dict.fromkeys(features, 1))]).apply(store, 1)
    store.close()
    jobs: list[Job] = [
        lambda store, feature=feature: roll_back(store, feature, PERSON, uuid4)  # type: ignore[misc]
        for feature in features
        for _ in range(4)
    ]
    done = all_at_once(database, jobs)

    assert sorted(one.feature for one in done if one is not None and one.is_new) == features
    assert faults(admin) == []
