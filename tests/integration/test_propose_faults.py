"""Proposals come to the same end whatever breaks: kills at any step, others at once, a remote that refuses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import psycopg
import pytest

from reconciler.errors import UnreachableError
from tests.builders.asking import PREFIX, Proposer, a_proposer, asked, branches, rows, statuses
from tests.builders.crashes import named_places
from tests.builders.database import Database
from tests.builders.git import GitSandbox
from tests.builders.remotes import a_script
from tests.builders.ring import Ring, a_ring

BRANCH = f"{PREFIX}/checkout"
ASKS = "Advance checkout: tier 1 -> 2 (1 % -> 10 %)"
REFUSES = 'while read old new ref; do case "$ref" in refs/heads/propose/*) echo no; exit 1;; esac; done'
REFUSES_DELETION = 'while read old new ref; do case "$new" in 000*) echo no; exit 1;; esac; done'


@pytest.fixture
def ring(tmp_path: Path, database: Database) -> Iterator[Ring]:
    with a_ring(tmp_path, database, {"checkout": {"tier": 1}}) as ring:
        yield ring


@pytest.fixture
def replica(ring: Ring) -> Iterator[Proposer]:
    with a_proposer(ring, "b") as replica:
        yield replica


def hook(ring: Ring, text: str | None) -> None:
    """Let the remote run this before it takes a push, nothing for None."""
    path = ring.remote.path / "hooks" / "pre-receive"
    if text is None:
        path.unlink()
    else:
        a_script(path, text)


def due_now(ring: Ring) -> None:
    """Let everything be tried again."""
    with psycopg.connect(ring.database.dsn, autocommit=True) as admin:
        admin.execute("update rollouts.rollout_proposals set waits_until = now() - interval '1 second'")


def struck(ring: Ring, point: str, action: str) -> None:
    """Make a pass in a process that is struck there."""
    ended = ring.start("run", "--once", "--propose", failpoints=f"{point}={action}").ended()
    assert ended.reached == (point,)


OPENING = ["wanting", "wanted", "pushing", "pushed", "opening", "opened"]
ENDING = ["ending", "ended", "deleting", "deleted", "settling", "settled"]
POSTPONING = ["postponing", "postponed"]
ACTIONS = ["kill", *(pytest.param(action, marks=pytest.mark.slow) for action in ("exc", "drop"))]
HALF = [step if number % 2 else pytest.param(step, marks=pytest.mark.slow) for number, step in enumerate(OPENING)]


def test_every_place_is_struck() -> None:
    names = {name for name, _ in named_places() if name.startswith("propose.")}

    assert names == {f"propose.{step}" for step in (*OPENING, *ENDING, *POSTPONING)}


@pytest.mark.parametrize("step", OPENING)
@pytest.mark.parametrize("action", ACTIONS)
def test_opens_one_whatever_strikes(ring: Ring, replica: Proposer, step: str, action: str) -> None:
    struck(ring, f"propose.{step}", action)
    replica.tick()
    replica.tick()

    assert asked(ring, "checkout") == ASKS
    assert branches(ring) == {"checkout": rows(ring)["checkout"].commit}
    assert statuses(ring) == {"checkout": "open"}
    assert ring.remote.git("rev-list", "--count", f"main..{BRANCH}") == "1"


@pytest.mark.parametrize("step", HALF)
def test_renews_it_whatever_strikes(ring: Ring, replica: Proposer, step: str) -> None:
    replica.tick()
    tip = ring.push({"checkout": {"tier": 1, "owner": "shop"}})
    struck(ring, f"propose.{step}", "kill")
    replica.tick()

    assert ring.remote.git("rev-parse", f"{BRANCH}^") == tip
    assert branches(ring) == {"checkout": rows(ring)["checkout"].commit}
    assert statuses(ring) == {"checkout": "open"}


@pytest.mark.parametrize("step", HALF)
def test_withdraws_it_whatever_struck_as_it_opened(ring: Ring, replica: Proposer, step: str) -> None:
    struck(ring, f"propose.{step}", "kill")
    ring.roll_back("checkout")
    replica.tick()
    replica.tick()

    assert branches(ring) == {}
    assert statuses(ring) in ({}, {"checkout": "withdrawn"})
    assert all(row.is_settled for row in rows(ring).values())


@pytest.mark.parametrize("step", [step for step in ENDING if not step.startswith("settl")])
@pytest.mark.parametrize("action", ACTIONS)
def test_withdraws_it_whatever_strikes(ring: Ring, replica: Proposer, step: str, action: str) -> None:
    replica.tick()
    ring.push({"checkout": {"tier": 1, "paused": True}})
    struck(ring, f"propose.{step}", action)
    replica.tick()

    assert branches(ring) == {}
    assert statuses(ring) == {"checkout": "withdrawn"}
    assert rows(ring)["checkout"].is_settled


@pytest.mark.parametrize("step", ["settling", "settled"])
def test_settles_it_whatever_strikes(ring: Ring, replica: Proposer, step: str) -> None:
    replica.tick()
    ring.push({"checkout": {"tier": 1, "paused": True}})
    struck(ring, f"propose.{step}", "kill")
    replica.tick()

    assert branches(ring) == {}
    assert rows(ring)["checkout"].is_settled


@pytest.mark.parametrize("step", POSTPONING)
def test_tries_again_whatever_strikes_after_a_refusal(ring: Ring, replica: Proposer, step: str) -> None:
    hook(ring, REFUSES)
    struck(ring, f"propose.{step}", "kill")
    hook(ring, None)
    due_now(ring)
    replica.tick()

    assert asked(ring, "checkout") == ASKS
    assert statuses(ring) == {"checkout": "open"}


def test_a_refusal_is_said_once_and_stops_no_other(ring: Ring, replica: Proposer) -> None:
    hook(ring, REFUSES.replace("propose/*", "propose/*/checkout"))
    ring.push({"search": {"tier": 1}})
    replica.tick()
    replica.tick()

    assert branches(ring).keys() == {"search"}
    assert replica.said("proposal-refused") == ["checkout"]
    [account] = replica.propose(["checkout"])
    assert account.became.value == "refused"
    assert account.why.startswith("the remote refused: ")
    assert rows(ring)["checkout"].refusals == 1


def test_a_refusal_is_tried_again_later_and_later(ring: Ring, replica: Proposer) -> None:
    hook(ring, REFUSES)
    waits = []
    for _ in range(3):
        replica.tick()
        row = rows(ring)["checkout"]
        assert row.waits_until is not None
        waits.append(round((row.waits_until - row.at).total_seconds() / 30))
        due_now(ring)

    assert waits == [1, 2, 4]
    hook(ring, None)
    replica.tick()
    assert statuses(ring) == {"checkout": "open"}
    assert rows(ring)["checkout"].refusals == 0


def test_a_branch_that_may_not_be_deleted_is_tried_again(ring: Ring, replica: Proposer) -> None:
    replica.tick()
    hook(ring, REFUSES_DELETION)
    ring.push({"checkout": {"tier": 1, "paused": True}})
    replica.tick()
    replica.tick()
    assert branches(ring).keys() == {"checkout"}
    assert (statuses(ring), rows(ring)["checkout"].refusals) == ({"checkout": "withdrawn"}, 1)

    hook(ring, None)
    due_now(ring)
    replica.tick()
    assert branches(ring) == {}
    assert rows(ring)["checkout"].is_settled


def test_a_remote_that_is_away_leaves_everything_for_later(ring: Ring, replica: Proposer) -> None:
    with ring.worker("applies") as worker:
        worker.tick()
    tip = replica.worker.clone.fetch()
    away = ring.remote.path.rename(ring.folder / "away.git")
    with pytest.raises(UnreachableError):
        replica.proposals.go_through(tip)
    assert rows(ring) == {}
    away.rename(ring.remote.path)
    replica.tick()

    assert asked(ring, "checkout") == ASKS
    assert statuses(ring) == {"checkout": "open"}


def test_a_push_that_lands_later_than_anybody_waited_is_found_there(ring: Ring, replica: Proposer) -> None:
    hook(ring, REFUSES)
    replica.tick()
    meant = rows(ring)["checkout"].commit
    hook(ring, None)
    GitSandbox(path=replica.worker.clone.folder).git("push", str(ring.remote.path), f"{meant}:refs/heads/{BRANCH}")
    replica.tick()

    assert branches(ring) == {"checkout": meant}
    assert (statuses(ring), rows(ring)["checkout"].refusals) == ({"checkout": "open"}, 0)


@pytest.mark.parametrize(
    "change", ["base = repeat('a', 40)", "message = 'Advance it'"], ids=["base gone", "other words"]
)
def test_a_commit_that_nobody_can_make_again_is_made_anew(ring: Ring, replica: Proposer, change: str) -> None:
    """History was rewritten, say, or another version of the product wrote the row."""
    struck(ring, "propose.wanted", "kill")
    meant = rows(ring)["checkout"].commit
    with psycopg.connect(ring.database.dsn, autocommit=True) as admin:
        admin.execute(f"update rollouts.rollout_proposals set {change}".encode())
    time.sleep(1.1)  # a commit counts seconds
    replica.tick()

    assert rows(ring)["checkout"].commits == (meant, branches(ring)["checkout"])
    assert asked(ring, "checkout") == ASKS
    assert ring.remote.git("rev-parse", f"{BRANCH}^") == ring.remote.tip("main")


def test_no_more_than_a_few_are_pushed_in_one_pass(ring: Ring, replica: Proposer) -> None:
    ring.push({f"feature-{number:02}": {"tier": 1} for number in range(14)})
    tick = replica.tick()
    assert len(branches(ring)) == 10
    assert tick.pause is not None
    replica.tick()

    assert len(branches(ring)) == 15
    assert set(statuses(ring).values()) == {"open"}


def all_at_once(replicas: list[Proposer], job: Callable[[Proposer], object]) -> None:
    barrier = Barrier(len(replicas))

    def run(replica: Proposer) -> None:
        replica.worker.clone.fetch()
        barrier.wait(30)
        job(replica)

    with ThreadPoolExecutor(len(replicas)) as pool:
        list(pool.map(run, replicas))


@pytest.mark.parametrize("count", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_several_at_once_ask_as_one(ring: Ring, count: int) -> None:
    names = [f"feature-{number}" for number in range(3)]
    ring.push({name: {"tier": 1} for name in names})
    with ExitStack() as stack:
        replicas = [stack.enter_context(a_proposer(ring, f"replica-{number}")) for number in range(count)]
        replicas[0].worker.clone.fetch()
        with ring.worker("applies") as worker:
            worker.tick()
        everything = {"checkout", *names}

        all_at_once(replicas, lambda replica: replica.propose())
        assert branches(ring) == {name: row.commit for name, row in rows(ring).items()}
        assert statuses(ring) == dict.fromkeys(everything, "open")

        ring.push({name: {"tier": 1, "owner": "shop"} for name in everything})
        with ring.worker("applies") as worker:
            worker.tick()
        all_at_once(replicas, lambda replica: replica.propose())
        replicas[0].propose()
        assert branches(ring) == {name: row.commit for name, row in rows(ring).items()}
        assert statuses(ring) == dict.fromkeys(everything, "open")

        ring.push({name: {"tier": 1, "paused": True} for name in everything})
        with ring.worker("applies") as worker:
            worker.tick()
        all_at_once(replicas, lambda replica: replica.propose())
        assert branches(ring) == {}
        assert statuses(ring) == dict.fromkeys(everything, "withdrawn")


def test_one_that_was_away_during_the_withdrawal_takes_its_own_push_back(ring: Ring, replica: Proposer) -> None:
    """A frozen process pushes what was withdrawn meanwhile."""
    child = ring.start("run", "--once", "--propose", failpoints="propose.pushing=sleep:3")
    child.until(lambda: "propose.pushing" in child.reached)
    ring.roll_back("checkout")
    replica.tick()
    replica.tick()
    assert statuses(ring) == {"checkout": "withdrawn"}
    assert child.ended().code == 0

    assert branches(ring) == {}
    assert statuses(ring) == {"checkout": "withdrawn"}
