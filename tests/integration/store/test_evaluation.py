"""Who gets a feature, asked in SQL: the same answers as in Python, for every role."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pytest

from reconciler.evaluation.bucketing import bucket
from reconciler.evaluation.evaluator import is_enabled
from reconciler.evaluation.snapshot import Rollout
from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import SITUATIONS, a_target, prepare
from tests.builders.chain import Connection, append
from tests.builders.vectors import frozen_vectors, some_ids

BUCKETS = """
select rollouts.rollout_bucket(feature, customer)
from unnest(%s::text[], %s::text[]) with ordinality asked (feature, customer, number)
order by number
"""


@pytest.fixture(scope="module")
def opened(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        yield connection


@pytest.fixture
def target(opened: Connection) -> Iterator[Connection]:
    with opened.transaction(force_rollback=True):
        yield opened


def buckets(connection: Connection, pairs: Sequence[tuple[str, str]]) -> list[int]:
    features, customers = ([pair[side] for pair in pairs] for side in (0, 1))
    return [place for (place,) in connection.execute(BUCKETS, [features, customers]).fetchall()]


def enabled(connection: Connection, customer: str | None, feature: str = "checkout") -> bool:
    query = "select rollouts.rollout_enabled(%s, %s)"
    [(answer,)] = connection.execute(query, [feature, customer]).fetchall()
    assert isinstance(answer, bool)
    return answer


def test_the_frozen_vectors_hold_in_sql(target: Connection) -> None:
    vectors = frozen_vectors()

    assert buckets(target, [(feature, customer) for feature, customer, _ in vectors]) == [
        place for _, _, place in vectors
    ]


@pytest.mark.parametrize(
    "count",
    [5_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])],
)
def test_sql_and_python_agree(target: Connection, count: int) -> None:
    target.execute("set local statement_timeout = 0")
    pairs = [(f"feature-{number % 50}", customer) for number, customer in enumerate(some_ids(count, seed=2))]

    assert buckets(target, pairs) == [bucket(*pair) for pair in pairs]


@pytest.mark.parametrize("situation", [name for name in SITUATIONS if name != "nothing"])
def test_an_application_is_answered_as_the_evaluator_answers(target: Connection, situation: str) -> None:
    prepare(target, situation)
    if situation not in {"rolled back", "retired"}:
        is_settled = situation != "held"
        append(target, whitelisted_customers=["ada"], blacklisted_customers=["bob"], is_settled=is_settled)
    query = """
        select feature_name, tier, percentage, attempt, epoch, rolled_back, whitelisted_customers,
            blacklisted_customers from rollouts.feature_rollouts where feature_name = 'checkout'"""
    [(feature, tier, percentage, attempt, epoch, is_off, white, black)] = target.execute(query).fetchall()
    rollout = Rollout(
        feature=feature,
        tier=tier,
        exposure=percentage,
        attempt=attempt,
        epoch=epoch,
        is_rolled_back=is_off,
        whitelist=frozenset(white),
        blacklist=frozenset(black),
    )
    target.execute("set local role rollouts_application")

    for customer in ["ada", "bob", *(f"customer-{number}" for number in range(200))]:
        assert enabled(target, customer) is is_enabled({"checkout": rollout}, "checkout", customer), customer


def test_whoever_nobody_knows_has_nothing(target: Connection) -> None:
    prepare(target, "live")

    assert (enabled(target, "ada", "nothing"), enabled(target, None)) == (False, False)
    [(answer,)] = target.execute("select rollouts.rollout_enabled('nothing', 'ada', true)").fetchall()
    assert answer is True


def test_a_stranger_may_not_ask(target: Connection) -> None:
    target.execute("create role stranger nologin")
    target.execute("set local role stranger")

    with pytest.raises(psycopg.errors.InsufficientPrivilege), target.transaction():
        enabled(target, "ada")
