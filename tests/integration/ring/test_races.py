"""Many tell git at once while people push: each rollback is one commit, and no commit of a person is lost."""

from __future__ import annotations

import random
import threading
import time

import psycopg
import pytest

from reconciler.domain.write_back import WriteBackStatus
from tests.builders.chain import faults
from tests.builders.crashes import passes, unsettled
from tests.builders.database import Database
from tests.builders.ring import Ring
from tests.builders.writers import writers


def push(ring: Ring, count: int, seed: int) -> None:
    """Push like a person in a hurry, who pulls when somebody was first."""
    pauses = random.Random(seed)
    for _ in range(count):
        ring.edit("notes.md", lambda text: f"{text}more\n", tries=1_000)
        time.sleep(pauses.uniform(0, 0.3))


@pytest.mark.parametrize(
    ("workers", "rollbacks", "pushes", "seed"),
    [pytest.param(4, 3, 8, 1), *(pytest.param(8, 6, 30, seed, marks=pytest.mark.slow) for seed in range(2, 5))],
)
def test_each_rollback_is_one_commit_whoever_pushes(
    ring: Ring, workers: int, rollbacks: int, pushes: int, seed: int
) -> None:
    names = [f"feature-{number}" for number in range(rollbacks)]
    ring.push({name: {"tier": 1} for name in names})
    passes(ring, "a")
    person = threading.Thread(target=push, args=(ring, pushes, seed))
    pauses = random.Random(seed)
    with writers(ring, workers, rollbacks) as at_it:
        person.start()
        for name in names:
            ring.roll_back(name)
            time.sleep(pauses.uniform(0, 0.3))
        person.join()
        attempts = at_it.attempts()
    print(f"{rollbacks} rollbacks, {workers} writers: {sum(attempts)} attempts, {max(attempts)} at worst")

    rows = ring.write_backs()
    assert [row.status for row in rows] == [WriteBackStatus.WRITTEN] * rollbacks
    assert sorted(ring.rollback_ids()) == sorted(str(row.id) for row in rows)
    on_branch = set(ring.remote.git("rev-list", "main").split())
    assert ring.by_people <= on_branch
    assert len(on_branch) == len(ring.by_people) + rollbacks
    assert ring.remote.git("show", "main:notes.md").count("more") == pushes
    assert [ring.said(name) for name in names] == [{"tier": 0, "rolled_back": 1}] * rollbacks
    assert faults_of(ring.database) == []


def faults_of(database: Database) -> list[str]:
    with psycopg.connect(database.dsn) as connection:
        return faults(connection)


def test_two_processes_in_one_data_folder_share_no_clone(off: Ring) -> None:
    children = [off.start("run", "--once", name="a") for _ in range(2)]
    assert [child.ended().code for child in children] == [0, 0]

    assert unsettled(off) == []


def test_replicas_that_judge_at_once_roll_back_once(ring: Ring) -> None:
    ring.report("checkout", failing=12, healthy=10)
    children = [ring.start("run", "--once", name=name) for name in "abcd"]
    assert [child.ended().code for child in children] == [0] * 4
    ring.due_now()
    passes(ring, "a")

    assert unsettled(ring) == []


def test_a_person_and_errors_roll_back_once(ring: Ring) -> None:
    ring.report("checkout", failing=12, healthy=10)
    children = [
        ring.start("run", "--once", name="a"),
        ring.start("rollback", "checkout", "--reason", "double charges", name="b"),
    ]
    assert [child.ended().code for child in children] == [0, 0]
    ring.due_now()
    passes(ring, "a")

    assert unsettled(ring) == []
