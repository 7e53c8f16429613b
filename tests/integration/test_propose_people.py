"""What people do to a proposal counts: theirs is never overwritten, a no is a no, and a merge raises at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builders.asking import PREFIX, Proposer, a_proposer, asked, branches, rows, statuses
from tests.builders.database import Database
from tests.builders.remotes import a_script
from tests.builders.ring import Ring, a_ring
from tests.builders.scene import ROOT, path_of

BRANCH = f"{PREFIX}/checkout"


@pytest.fixture
def ring(tmp_path: Path, database: Database) -> Iterator[Ring]:
    with a_ring(tmp_path, database, {"checkout": {"tier": 1}}) as ring:
        yield ring


@pytest.fixture
def replica(ring: Ring) -> Iterator[Proposer]:
    with a_proposer(ring) as replica:
        replica.tick()
        yield replica


def checked_out(ring: Ring) -> None:
    """Let the person have the proposal before them."""
    ring.pull()
    ring.person.git("reset", "--quiet", "--hard", f"origin/{BRANCH}")


def pushed(ring: Ring, *options: str) -> str:
    """Let the person push what they have to the proposal's branch."""
    ring.person.git("push", "--quiet", *options, "origin", f"HEAD:refs/heads/{BRANCH}")
    return ring.person.tip()


def adds_a_commit(ring: Ring) -> str:
    checked_out(ring)
    ring.person.commit({f"{ROOT}/notes.md": "looks good\n"}, message="Say why")
    return pushed(ring)


def amends_it(ring: Ring) -> str:
    checked_out(ring)
    ring.person.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "Advance checkout, at last")
    return pushed(ring, "--force")


def brings_it_up_to_date(ring: Ring) -> str:
    ring.push({"search": {"tier": 0}})
    checked_out(ring)
    ring.person.git("merge", "--quiet", "--no-edit", "origin/main")
    return pushed(ring)


TOUCHES = [adds_a_commit, amends_it, brings_it_up_to_date]


@pytest.mark.parametrize("touch", TOUCHES)
def test_a_branch_that_a_person_changed_is_theirs(
    ring: Ring, replica: Proposer, touch: Callable[[Ring], str]
) -> None:
    theirs = touch(ring)
    replica.tick()
    ring.push({"checkout": {"tier": 1, "owner": "shop"}})  # it would be renewed
    replica.tick()
    ring.report("checkout", failing=12, healthy=10)  # it would be withdrawn
    replica.tick()
    ring.roll_back("checkout")
    replica.tick()
    replica.tick()

    assert branches(ring) == {"checkout": theirs}
    assert statuses(ring) == {"checkout": "touched"}
    assert replica.said("proposal-touched") == ["checkout"]


def test_a_branch_that_a_person_changed_is_still_theirs_in_the_next_attempt(ring: Ring, replica: Proposer) -> None:
    theirs = adds_a_commit(ring)
    replica.tick()
    ring.roll_back("checkout")
    replica.tick()
    ring.push({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}})
    replica.tick()
    replica.tick()

    assert branches(ring) == {"checkout": theirs}
    assert replica.said("proposal-blocked") == ["checkout"]
    assert replica.why("checkout") == f"branch {BRANCH} holds what is not ours"

    ring.person.git("push", "--quiet", "origin", f":refs/heads/{BRANCH}")
    replica.tick()
    assert statuses(ring) == {"checkout": "open"}


def test_a_commit_that_comes_between_look_and_push_stays(ring: Ring, replica: Proposer) -> None:
    """The person pushes after the remote was asked what it holds."""
    ring.push({"checkout": {"tier": 1, "owner": "shop"}})
    with ring.worker("other") as other:
        other.tick()
    checked_out(ring)
    theirs = ring.person.commit({f"{ROOT}/notes.md": "looks good\n"}, message="Say why")
    ring.person.git("push", "--quiet", "origin", "HEAD:refs/heads/elsewhere")
    hook = ring.remote.path / "hooks" / "pre-receive"
    moves = f"env -u GIT_QUARANTINE_PATH git update-ref refs/heads/{BRANCH} {theirs}"
    a_script(hook, f"{moves}\nrm -- {hook}")
    replica.propose()
    replica.tick()

    assert branches(ring) == {"checkout": theirs}
    assert statuses(ring) == {"checkout": "touched"}


def test_a_deleted_branch_is_a_no_for_this_tier(ring: Ring, replica: Proposer) -> None:
    ring.person.git("push", "--quiet", "origin", f":refs/heads/{BRANCH}")
    replica.tick()
    ring.push({"checkout": {"tier": 1, "owner": "shop"}})
    replica.tick()
    ring.report("checkout", failing=0, healthy=100)
    replica.tick()

    assert branches(ring) == {}
    assert statuses(ring) == {"checkout": "declined"}
    assert replica.said("proposal-declined") == ["checkout"]
    assert replica.became(["checkout"]) == {"checkout": "declined"}


def test_a_no_holds_until_the_next_tier(ring: Ring, replica: Proposer) -> None:
    ring.person.git("push", "--quiet", "origin", f":refs/heads/{BRANCH}")
    replica.tick()
    ring.push({"checkout": {"tier": 2}})
    replica.tick()

    assert ring.states()["checkout"].standing.tier == 2
    assert asked(ring, "checkout") == "Advance checkout: tier 2 -> 3 (10 % -> 50 %)"


def test_a_branch_that_was_there_before_is_in_the_way(ring: Ring, replica: Proposer) -> None:
    ring.pull()
    theirs = ring.person.commit({f"{ROOT}/notes.md": "mine\n"}, message="Mine")
    ring.person.git("push", "--quiet", "origin", f"HEAD:refs/heads/{PREFIX}/search")
    ring.push({"search": {"tier": 1}})
    replica.tick()
    replica.tick()

    assert branches(ring)["search"] == theirs
    assert replica.said("proposal-blocked") == ["search"]
    assert "search" not in rows(ring)


def with_a_merge_commit(ring: Ring) -> None:
    ring.person.git("merge", "--quiet", "--no-ff", "-m", "Merge pull request #1", f"origin/{BRANCH}")


def fast_forward(ring: Ring) -> None:
    ring.person.git("merge", "--quiet", "--ff-only", f"origin/{BRANCH}")


def squashed(ring: Ring) -> None:
    ring.person.git("merge", "--quiet", "--squash", f"origin/{BRANCH}")
    ring.person.git("commit", "--quiet", "-m", "Advance checkout (#1)")


def rebased(ring: Ring) -> None:
    ring.person.commit({f"{ROOT}/notes.md": "first\n"}, message="Something else")
    ring.person.git("cherry-pick", f"origin/{BRANCH}")


MERGES = [with_a_merge_commit, fast_forward, squashed, rebased]


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("is_deleted", [False, True], ids=["branch stays", "branch deleted"])
def test_what_is_merged_is_raised_at_once(
    ring: Ring, replica: Proposer, merge: Callable[[Ring], None], *, is_deleted: bool
) -> None:
    ring.pull()
    merge(ring)
    ring.person.git("push", "--quiet", "origin", "HEAD:main")
    if is_deleted:
        ring.person.git("push", "--quiet", "origin", f":refs/heads/{BRANCH}")
    replica.tick()

    assert ring.states()["checkout"].standing.tier == 2
    assert replica.said("applied-promote") == replica.said("proposal-merged") == ["checkout"]
    assert asked(ring, "checkout") == "Advance checkout: tier 2 -> 3 (10 % -> 50 %)"
    assert rows(ring)["checkout"].tier == 3


def test_what_is_merged_and_held_is_not_asked_for_again(ring: Ring, replica: Proposer) -> None:
    ring.pull()
    with_a_merge_commit(ring)
    content = (ring.person.path / path_of("checkout")).read_text()
    ring.person.commit({path_of("checkout"): f"{content}paused: true\n"})
    ring.person.git("push", "--quiet", "origin", "HEAD:main")
    replica.tick()

    assert ring.states()["checkout"].standing.tier == 1
    assert branches(ring) == {}
    assert statuses(ring) == {"checkout": "merged"}


def test_a_branch_that_a_person_changed_and_merged_is_left_to_them(ring: Ring, replica: Proposer) -> None:
    theirs = adds_a_commit(ring)
    ring.pull()
    with_a_merge_commit(ring)
    ring.person.git("push", "--quiet", "origin", "HEAD:main")
    replica.tick()

    assert ring.states()["checkout"].standing.tier == 2
    assert branches(ring) == {"checkout": theirs}


def test_a_merge_that_deletes_the_branch_under_its_eyes_is_no_no(ring: Ring, replica: Proposer) -> None:
    """Merged after the tip was read, and deleted before the remote was asked what it holds."""
    tip = replica.worker.clone.fetch()
    ring.pull()
    squashed(ring)
    ring.person.git("push", "--quiet", "origin", "HEAD:main", f":refs/heads/{BRANCH}")
    [account] = replica.proposals.go_through(tip)
    assert (account.became.value, replica.proposals.pause() is not None) == ("waiting", True)
    replica.tick()

    assert replica.said("proposal-declined") == []
    assert replica.said("proposal-merged") == ["checkout"]


def test_a_merge_that_is_reverted_is_a_no(ring: Ring, replica: Proposer) -> None:
    ring.push({"checkout": {"tier": 1, "dwell": "48h"}})
    ring.push({"checkout": {"tier": 1}})
    replica.tick()
    ring.push({"checkout": {"tier": 2, "paused": True}})
    replica.tick()
    ring.push({"checkout": {"tier": 1}})
    replica.tick()

    assert branches(ring) == {}
    assert replica.became(["checkout"]) == {"checkout": "merged"}
