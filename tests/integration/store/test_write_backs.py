"""The outbox: a rollback is handed to one worker at a time, says what its commit has to say, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest

from reconciler.domain.analysis import Cohort
from reconciler.domain.breach import Breach
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.ladder import Tier
from reconciler.domain.write_back import WriteBack, WriteBackStatus
from reconciler.reconcile.override import Grounds, roll_back
from reconciler.store.connection import connect
from reconciler.store.postgres import PostgresStore
from reconciler.store.write_backs import claim_write_backs
from tests.builders.chain import commit, faults
from tests.builders.database import Database
from tests.builders.domain import INSTANT
from tests.builders.scene import Scene, a_scene

MINUTE = timedelta(minutes=1)
AT_ONCE = timedelta()
FEATURES = ("basket", "checkout", "search")
DWELL = {1: "24h", 2: "72h", 3: "7d"}
BREACH = Breach(
    cohort=Cohort(customers=100, failing=12),
    thresholds=Thresholds(error_rate=0.1 + 0.2, window=timedelta(days=366), confidence=0.999),
)


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    """Three features at tier 3, by one commit."""
    with a_scene(database) as scene:
        scene.commit({feature: {"tier": 3, "dwell": DWELL} for feature in FEATURES})
        scene.apply(adopt=True)
        yield scene


def claim(scene: Scene, most: int = 9) -> list[str]:
    """Take what is due for a minute, and return the features in the order in which it came."""
    return [each.feature for each in scene.store.claim_write_backs(most=most, lease=MINUTE)]


def the_one(scene: Scene, feature: str = "checkout") -> WriteBack:
    """Return the row of a feature's only rollback."""
    [found] = [each for each in scene.store.write_backs(all_of_them=True) if each.feature == feature]
    return found


def written(scene: Scene, feature: str = "checkout", revision: str = commit(9)) -> WriteBack:
    """Say that git was told of a feature's rollback."""
    done = replace(the_one(scene, feature), status=WriteBackStatus.WRITTEN, revision=revision)
    scene.store.update_write_back(done, AT_ONCE)
    return done


@pytest.mark.parametrize("breach", [None, BREACH], ids=["a person's", "by its errors"])
def test_a_claim_holds_all_that_the_commit_has_to_say(scene: Scene, breach: Breach | None) -> None:
    grounds = Grounds(reason="it \"burns\"\n'é'", actor="ada", breach=breach)
    done = roll_back(scene.store, "checkout", grounds, uuid4)
    [found] = scene.store.claim_write_backs(most=9, lease=MINUTE)

    assert found == WriteBack(
        id=done.id or uuid4(),
        feature="checkout",
        attempt=1,
        epoch=1,
        tier=Tier.GENERAL,
        at=scene.now,
        reason=grounds.reason,
        actor="ada",
        gates=Gates(
            dwell=Dwell(tier_1=timedelta(hours=24), tier_2=timedelta(hours=72), tier_3=timedelta(days=7)),
            thresholds=Thresholds(min_exposed=0),
        ),
        breach=breach,
        in_force=scene.commits.tip(),
        status=WriteBackStatus.PENDING,
    )
    assert found.returns_at == scene.now + timedelta(hours=96)
    assert str(found.breach) == str(breach)


def test_the_commit_in_force_is_that_of_the_moment(scene: Scene) -> None:
    then = scene.commits.tip()
    scene.roll_back("checkout")
    scene.commit({"search": {"tier": 3, "dwell": DWELL, "owner": "team-a"}})
    scene.apply()

    assert the_one(scene).in_force == then


def test_a_claim_is_for_one_worker_until_its_lease_is_over(scene: Scene) -> None:
    scene.roll_back("checkout")
    taken = claim(scene)
    scene.pass_time(minutes=1, microseconds=-1)
    early = claim(scene)
    scene.pass_time(microseconds=1)

    assert (taken, early, claim(scene)) == (["checkout"], [], ["checkout"])


def test_the_oldest_come_first_and_no_more_than_are_wanted(scene: Scene) -> None:
    for feature in ("search", "basket", "checkout"):
        scene.roll_back(feature)
        scene.pass_time(seconds=1)

    assert [claim(scene, most=2), claim(scene, most=2), claim(scene)] == [["search", "basket"], ["checkout"], []]


def test_who_comes_second_waits_for_nobody(scene: Scene, database: Database) -> None:
    """The first claim is not committed yet: the other worker takes what is left, at once."""
    for feature in FEATURES:
        scene.roll_back(feature)
    with connect(database.dsn_for("rollouts_reconciler")) as other, other.transaction():
        first = claim_write_backs(other, most=2, lease=MINUTE)
        second = claim(scene)

    assert (len(first), len(second)) == (2, 1)
    assert {*second, *(each.feature for each in first)} == {*FEATURES}


def test_eight_workers_take_each_rollback_once(scene: Scene, database: Database) -> None:
    features = [f"feature-{number}" for number in range(6)]
    scene.commit({feature: {"tier": 1} for feature in features})
    scene.apply()
    for feature in features:
        scene.roll_back(feature)
    barrier = Barrier(8)

    def work(_number: int) -> list[str]:
        store = PostgresStore.at(database.dsn_for("rollouts_reconciler"))
        store.scope()
        barrier.wait(30)
        taken = [each.feature for _ in range(6) for each in store.claim_write_backs(most=1, lease=MINUTE)]
        store.close()
        return taken

    with ThreadPoolExecutor(8) as pool:
        taken = [feature for some in pool.map(work, range(8)) for feature in some]

    assert sorted(taken) == features


@pytest.mark.parametrize("status", [WriteBackStatus.PENDING, WriteBackStatus.OFFERED])
def test_what_is_postponed_is_due_again_when_its_pause_is_over(scene: Scene, status: WriteBackStatus) -> None:
    scene.roll_back("checkout")
    waits = replace(the_one(scene), status=status, branch="refs/heads/rollback/checkout-1", refusals=3, note="no")
    scene.store.update_write_back(waits, 2 * MINUTE)
    scene.pass_time(minutes=2, microseconds=-1)
    early, pause = claim(scene), scene.store.next_write_back()
    scene.pass_time(microseconds=1)

    assert (early, pause) == ([], INSTANT)
    assert scene.store.claim_write_backs(most=9, lease=MINUTE) == [waits]


def test_a_clock_that_is_set_back_postpones_nothing_for_long(scene: Scene) -> None:
    """A rollback came while the clock was a year ahead."""
    scene.pass_time(days=365)
    scene.roll_back("checkout")
    scene.pass_time(days=-365)

    assert (scene.store.next_write_back(), claim(scene), claim(scene)) == (AT_ONCE, ["checkout"], [])


def test_what_git_was_told_of_is_due_no_more(scene: Scene) -> None:
    scene.roll_back("checkout")
    scene.roll_back("search")
    waiting = scene.store.next_write_back()
    done = written(scene)
    written(scene, "search", commit(8))
    scene.pass_time(days=99)

    assert (waiting, scene.store.next_write_back(), claim(scene)) == (AT_ONCE, None, [])
    assert done in scene.store.write_backs(all_of_them=True)


def test_what_is_said_of_it_is_cut_to_what_fits(scene: Scene) -> None:
    scene.roll_back("checkout")
    scene.store.update_write_back(replace(the_one(scene), note="\U0001f525" * 9_999), AT_ONCE)

    assert the_one(scene).note == "\U0001f525" * 500


def test_git_knows_of_a_rollback_from_its_commit_on_until_that_is_lost(scene: Scene) -> None:
    def in_git() -> str | None:
        record = scene.states()["checkout"].rollback
        assert record is not None
        return record.in_git

    scene.roll_back("checkout")
    pending = in_git()
    offered = replace(the_one(scene), status=WriteBackStatus.OFFERED, branch="refs/heads/r", revision=commit(7))
    scene.store.update_write_back(offered, AT_ONCE)
    on_a_branch = in_git()
    done = written(scene)
    told = in_git()
    scene.store.update_write_back(replace(done, status=WriteBackStatus.PENDING), AT_ONCE)

    assert (pending, on_a_branch, told, in_git()) == (None, None, commit(9), None)
    assert claim(scene) == ["checkout"]


def test_looked_at_again_is_what_stands_in_git_or_waits_for_a_pull_request(scene: Scene) -> None:
    for feature in FEATURES:
        scene.roll_back(feature)
    written(scene)
    offered = replace(the_one(scene, "search"), status=WriteBackStatus.OFFERED, branch="refs/heads/r")
    scene.store.update_write_back(offered, AT_ONCE)
    standing = [each.feature for each in scene.store.write_backs()]
    scene.commit({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1, "dwell": DWELL}})
    scene.pass_time(seconds=1)
    scene.apply()
    scene.roll_back("checkout")

    assert sorted(standing) == ["checkout", "search"]
    assert [each.feature for each in scene.store.write_backs()] == ["search"]
    every = [(each.feature, each.attempt) for each in scene.store.write_backs(all_of_them=True)]
    assert sorted(every) == [("basket", 1), ("checkout", 1), ("checkout", 2), ("search", 1)]
    assert every[-1] == ("checkout", 2)
    assert faults(scene.admin) == []
