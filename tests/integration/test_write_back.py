"""The ring closes: a rollback becomes one commit, whoever does it, and nothing lifts it but a new attempt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.domain.write_back import WriteBackStatus
from tests.builders.database import Database
from tests.builders.ring import Ring, a_ring

LIVE = {"tier": 1, "whitelist": ["ada"]}


@pytest.fixture
def ring(tmp_path: Path, database: Database) -> Iterator[Ring]:
    with a_ring(tmp_path, database, {"checkout": LIVE}) as ring, ring.worker("first") as worker:
        worker.tick()
        yield ring


def test_errors_take_a_feature_from_everybody_and_git_is_told(ring: Ring) -> None:
    ring.report("checkout", failing=12, healthy=10)
    with ring.worker() as worker:
        assert worker.look() == ["checkout"]
        worker.tick()

    assert ring.said("checkout") == {"tier": 0, "rolled_back": 1}
    assert ring.subjects()[0] == "Roll back checkout: tier 1 -> 0"
    assert ring.rollback_ids() == [str(write_back.id) for write_back in ring.write_backs()]
    assert [write_back.status for write_back in ring.write_backs()] == [WriteBackStatus.WRITTEN]


def test_the_commit_says_why_since_when_and_how_to_start_again(ring: Ring) -> None:
    ring.report("checkout", failing=12, healthy=10)
    with ring.worker() as worker:
        worker.look()
        worker.tick()

    [write_back] = ring.write_backs()
    assert ring.remote.git("log", "-1", "--format=%B", "main") == (
        "Roll back checkout: tier 1 -> 0\n"
        "\n"
        "12 of 22 exposed customers have an error in the last 1h, the limit is\n"
        "5 %.\n"
        "\n"
        f"Off for everybody since {write_back.at:%a %Y-%m-%d %H:%M:%S} UTC. To start again set\n"
        "`attempt: 2` and `tier: 1`.\n"
        "\n"
        f"Rollback-Id: {write_back.id}\n"
        "Rollout-Feature: checkout\n"
        "Rollout-Attempt: 1\n"
        "Environment: rollouts.d\n"
    )
    assert ring.remote.git("log", "-1", "--format=%an <%ae> %at %ct", "main") == (
        f"robot <robot@example.com> {int(write_back.at.timestamp())} {int(write_back.at.timestamp())}"
    )


def test_applying_the_commit_changes_nothing_and_causes_no_other(ring: Ring) -> None:
    ring.roll_back("checkout")
    with ring.worker() as worker:
        worker.tick()
        version, commits = ring.states()["checkout"].version, ring.subjects()
        worker.tick()
        worker.tick()

    assert ring.states()["checkout"].version == version
    assert ring.subjects() == commits


def test_nothing_is_raised_again_but_by_a_new_attempt(ring: Ring) -> None:
    ring.roll_back("checkout")
    with ring.worker() as worker:
        worker.tick()
        ring.person.git("fetch", "--quiet")
        ring.push({"checkout": {"tier": 1, "attempt": 1}}, message="Revert the rollback")
        tick = worker.tick()
        assert tick.outcome is not None
        assert [refusal.rule for refusal in tick.outcome.plan.refusals] == ["rolled-back"]
        assert ring.states()["checkout"].standing.tier == 0

        ring.push({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}}, message="Try again")
        worker.tick()

    standing = ring.states()["checkout"].standing
    assert (standing.tier, standing.attempt, standing.rolled_back) == (1, 2, False)
    assert len(ring.rollback_ids()) == 1
