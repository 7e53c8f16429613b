"""A rollback by a person or by errors: off for everybody, from wherever it stands, once, whoever comes between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.ledger import Cause
from reconciler.domain.plan import Change
from reconciler.errors import UsageError
from reconciler.evaluation.evaluator import Reason, explain, is_enabled
from reconciler.reconcile.override import Grounds, RolledBack, roll_back
from reconciler.store.connection import connect
from reconciler.store.postgres import PostgresStore
from reconciler.store.rollouts import read_rollouts
from tests.builders.chain import faults
from tests.builders.clients import a_client, until
from tests.builders.database import Database
from tests.builders.scene import Scene, a_scene, summary

BY_ADA = Grounds(reason="customers call", actor="ada")
BY_ERRORS = Grounds(reason="12 of 100 exposed customers have an error", actor="analysis", attempt=1)
CUSTOMERS = ("ada", *(f"c{number}" for number in range(200)))

STANDINGS: Mapping[str, dict[str, Any]] = {
    **{f"tier {tier}": {"tier": tier} for tier in range(5)},
    "whitelisted at tier 0": {"tier": 0, "whitelist": ["ada"]},
    "blacklists": {"tier": 4, "blacklist": ["c1"]},
    "paused": {"tier": 2, "paused": True},
    "completed below 100 %": {"tier": 2, "target": 2},
    "the third attempt": {"tier": 3, "attempt": 3, "rolled_back": 2},
}


class Interrupted(PostgresStore):
    """The real store, with something that happens once before a transition."""

    happens: Callable[[], object] | None = None

    def transition(self, change: Change, *, transition_id: UUID, cause: Cause) -> None:
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        super().transition(change, transition_id=transition_id, cause=cause)


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        yield scene


@pytest.fixture
def interrupted(scene: Scene, database: Database) -> Iterator[Interrupted]:
    store = Interrupted.at(database.dsn_for("rollouts_reconciler"))
    yield store
    store.close()


def begin(scene: Scene, fields: Mapping[str, Any]) -> None:
    """Take `checkout` over, beside `search` at 100 %."""
    scene.commit({"checkout": fields, "search": {"tier": 4}})
    scene.apply(adopt=True)


def roll(scene: Scene, grounds: Grounds = BY_ADA) -> RolledBack:
    return roll_back(scene.store, "checkout", grounds, uuid4)


def those_with(database: Database, feature: str) -> tuple[set[str], set[str]]:
    """Return who of the customers has a feature, asked in SQL and in Python."""
    with connect(database.dsn_for("rollouts_application")) as connection:
        query = "select c as customer from unnest(%s::text[]) c where rollouts.rollout_enabled(%s, c)"
        in_sql = {row["customer"] for row in connection.execute(query, [list(CUSTOMERS), feature]).fetchall()}
        rollouts = {name: one.rollout for name, one in read_rollouts(connection).items()}
    return in_sql, {customer for customer in CUSTOMERS if is_enabled(rollouts, feature, customer)}


@pytest.mark.parametrize("fields", STANDINGS.values(), ids=STANDINGS)
def test_a_rollback_takes_a_feature_from_everybody(
    scene: Scene, database: Database, fields: dict[str, Any]
) -> None:
    begin(scene, fields)
    before = scene.states()["checkout"]
    done = roll(scene)
    after = scene.states()["checkout"]

    assert (done.is_new, done.before) == (True, before)
    assert after.standing == replace(before.standing, tier=Tier.DISABLED, rolled_back=True)
    assert summary(scene, "checkout") == ("tier_0_disabled", 0, "rolled_back")
    assert those_with(database, "checkout") == (set(), set())
    assert those_with(database, "search") == ({*CUSTOMERS}, {*CUSTOMERS})
    assert faults(scene.admin) == []


def test_a_retired_feature_is_rolled_back_and_stays_retired(scene: Scene, database: Database) -> None:
    begin(scene, {"tier": 4, "whitelist": ["ada"]})
    scene.commit({"checkout": None})
    scene.apply()
    had_it = those_with(database, "checkout")
    roll(scene)

    assert had_it == ({*CUSTOMERS}, {*CUSTOMERS})
    assert scene.rows()["checkout"].retired
    assert those_with(database, "checkout") == (set(), set())
    assert faults(scene.admin) == []


def test_a_whitelisted_customer_is_told_why(scene: Scene, database: Database) -> None:
    begin(scene, {"tier": 2, "whitelist": ["ada"]})
    with a_client(database) as rollouts:
        assert rollouts.is_enabled("checkout", "ada")
        roll(scene)

        until(lambda: not rollouts.is_enabled("checkout", "ada"))
    with connect(database.dsn_for("rollouts_application")) as connection:
        known = {name: one.rollout for name, one in read_rollouts(connection).items()}
    assert explain(known, "checkout", "ada").reason is Reason.ROLLED_BACK


def test_it_says_who_and_why_and_names_no_commit(scene: Scene) -> None:
    begin(scene, {"tier": 2})
    done = roll(scene)
    [_, row] = scene.store.history("checkout")

    assert (row.kind, row.reason, row.actor, row.revision) == ("rollback", "customers call", "ada", None)
    assert row.rollback_commit is None
    [write_back] = scene.store.write_backs(all_of_them=True)
    assert (write_back.id, write_back.tier, write_back.breach) == (done.id, Tier.EARLY_ADOPTERS, None)


def test_git_plays_no_part_in_it(scene: Scene) -> None:
    """The branch was rewritten and nobody reanchored; no commit is asked for."""
    begin(scene, {"tier": 2})
    scene.commits.by_id.clear()
    scene.commits.main = ""

    assert roll(scene).is_new
    assert scene.chain("checkout") == [("adopt", 2, 1), ("rollback", 0, 1)]


@pytest.mark.parametrize("grounds", [BY_ADA, BY_ERRORS], ids=["a person", "errors"])
def test_twice_is_once(scene: Scene, grounds: Grounds) -> None:
    begin(scene, {"tier": 2})
    first = roll(scene)
    again = roll(scene, grounds)

    assert (first.is_new, again.is_new, again.id) == (True, False, None)
    assert again.before == scene.states()["checkout"]
    assert scene.chain("checkout") == [("adopt", 2, 1), ("rollback", 0, 1)]
    assert faults(scene.admin) == []


def test_what_git_remembered_first_is_not_rolled_back_again(scene: Scene) -> None:
    begin(scene, {"tier": 2})
    scene.commit({}, rollbacks={"checkout": 1})
    scene.apply()

    assert not roll(scene).is_new
    assert scene.store.write_backs(all_of_them=True) == []


def test_a_feature_that_nobody_knows_is_an_error(scene: Scene) -> None:
    with pytest.raises(UsageError, match="feature checkout is not in this database"):
        roll(scene)


@pytest.mark.parametrize("attempt", [1, 3])
def test_errors_of_another_attempt_roll_nothing_back(scene: Scene, attempt: int) -> None:
    begin(scene, {"tier": 2, "attempt": 2, "rolled_back": 1})
    done = roll(scene, replace(BY_ERRORS, attempt=attempt))

    assert not done.is_new
    assert scene.chain("checkout") == [("adopt", 2, 2)]


def test_a_promotion_in_between_is_rolled_back(scene: Scene, interrupted: Interrupted) -> None:
    begin(scene, {"tier": 2})
    scene.pass_time(hours=48)
    scene.commit({"checkout": {"tier": 3, "thresholds": {"min_exposed": 0}}})
    interrupted.happens = scene.apply
    done = roll_back(interrupted, "checkout", BY_ERRORS, uuid4)

    assert (done.is_new, done.before.standing.tier) == (True, Tier.GENERAL)
    assert scene.chain("checkout") == [("adopt", 2, 1), ("promote", 3, 1), ("rollback", 0, 1)]
    assert faults(scene.admin) == []


def test_a_rollback_in_between_is_the_only_one(scene: Scene, interrupted: Interrupted) -> None:
    begin(scene, {"tier": 2})
    interrupted.happens = lambda: roll(scene)
    done = roll_back(interrupted, "checkout", BY_ERRORS, uuid4)

    assert not done.is_new
    assert [row.actor for row in scene.store.history("checkout")] == ["tests", "ada"]
    assert faults(scene.admin) == []


@pytest.mark.parametrize(
    ("grounds", "chain"),
    [
        pytest.param(BY_ERRORS, [], id="errors of the first attempt end with it"),
        pytest.param(BY_ADA, [("rollback", 0, 2)], id="a person means what is there"),
    ],
)
def test_a_restart_in_between(
    scene: Scene, interrupted: Interrupted, grounds: Grounds, chain: list[tuple[str, int, int]]
) -> None:
    def restart() -> None:
        roll(scene)
        scene.commit({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}})
        scene.apply()

    begin(scene, {"tier": 2})
    interrupted.happens = restart
    done = roll_back(interrupted, "checkout", grounds, uuid4)

    assert done.is_new is bool(chain)
    assert scene.chain("checkout")[1:] == [("rollback", 0, 1), ("restart", 1, 2), *chain]
    assert faults(scene.admin) == []


def test_clients_are_told_of_a_rollback_once(scene: Scene, database: Database) -> None:
    begin(scene, {"tier": 2})
    with psycopg.connect(database.dsn_for("rollouts_application"), autocommit=True) as listener:
        listener.execute("listen rollouts")
        roll(scene)
        roll(scene)

        assert [notice.payload for notice in listener.notifies(timeout=0.5, stop_after=2)] == ["checkout"]
