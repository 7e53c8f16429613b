"""The next step for a proposal, decided from the row, the remote and what is in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.proposal import Obstacle, Outlook, Place, Proposal, ProposalStatus, branch_of, folder_of
from reconciler.domain.proposing import Ask, Confirm, Delete, End, Push, Rest, Seek, Settle, Step, View, next_step
from tests.builders.domain import NOW, a_state, rolled_back

OURS, OLDER, THEIRS = "1" * 40, "2" * 40, "3" * 40
BRANCH = "refs/heads/propose/rollouts.d/checkout"
HERE = Place(path="rollouts.d/checkout.yaml", blob="a" * 40)
FREEZE = Obstacle(why="raises are frozen: sale")
PAUSED = Obstacle(why="the rollout is paused", ends=True)
AILING = Obstacle(why="12 of 22 have an error", ends=True, is_evidence=True)
BARRED = Obstacle(why="the tip is not in force")
BLOCKED = Rest(
    Obstacle(
        why="branch propose/rollouts.d/checkout holds what is not ours",
        remedy="merge, rename or delete that branch",
    ),
    is_blocked=True,
)


def a_proposal(status: str = "open", **named: Any) -> Proposal:
    """Return a row about the epoch of `an_outlook`."""
    plain = Proposal(
        feature="checkout",
        branch=BRANCH,
        attempt=1,
        epoch=2,
        tier=Tier.EARLY_ADOPTERS,
        base="b" * 40,
        place=HERE,
        at=NOW,
        message="Advance checkout",
        commits=(OLDER, OURS),
        status=ProposalStatus(status),
        is_settled=status not in ("opening", "open"),
        version=1,
    )
    return replace(plain, **named)


def an_outlook(**named: Any) -> Outlook:
    """Return `checkout` at tier 1 with nothing in its way."""
    return replace(Outlook(feature="checkout", state=a_state(1), said=Tier.INTERNAL, place=HERE), **named)


def step(proposal: Proposal | None, at_remote: str | None = None, **named: Any) -> Step:
    """Return the next step; `barred` and fields of the outlook may be named."""
    barred = named.pop("barred", None)
    view = View(
        outlook=an_outlook(**named), now=NOW, branch=BRANCH, proposal=proposal, at_remote=at_remote, barred=barred
    )
    return next_step(view)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(step(None), Ask(is_anew=True), id="nothing in the way"),
        pytest.param(step(None, obstacle=FREEZE), Rest(FREEZE), id="frozen"),
        pytest.param(step(None, barred=BARRED), Rest(BARRED), id="the tip is not in force"),
        pytest.param(step(None, THEIRS), BLOCKED, id="a branch is in the way"),
        pytest.param(step(a_proposal("withdrawn")), Ask(is_anew=True), id="withdrawn, and all is well again"),
        pytest.param(step(a_proposal("withdrawn"), OURS), Ask(is_anew=True), id="its branch is there still"),
        pytest.param(step(a_proposal("withdrawn"), THEIRS), BLOCKED, id="withdrawn, and a person's since"),
        pytest.param(step(a_proposal("declined", epoch=1)), Ask(is_anew=True), id="declined at another tier"),
        pytest.param(step(a_proposal("touched", epoch=1), THEIRS), BLOCKED, id="a person's since another tier"),
        pytest.param(step(a_proposal("merged", attempt=2)), Ask(is_anew=True), id="merged in another attempt"),
    ],
)
def test_asks_anew(found: Step, expected: Step) -> None:
    assert found == expected


@pytest.mark.parametrize("wait", [timedelta(seconds=1), timedelta(0)])
def test_waits_until_errors_are_old(wait: timedelta) -> None:
    proposal = a_proposal("withdrawn", note="12 of 22 have an error", waits_until=NOW + wait)
    rest = Rest(Obstacle(why="it was withdrawn: 12 of 22 have an error", until=NOW + wait))

    assert step(proposal) == (rest if wait else Ask(is_anew=True))


def test_waits_for_no_errors_of_another_epoch() -> None:
    assert step(a_proposal("withdrawn", epoch=1, waits_until=NOW + timedelta(hours=1))) == Ask(is_anew=True)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(step(a_proposal("opening")), Push(), id="not there yet"),
        pytest.param(step(a_proposal("opening"), OURS), Confirm(), id="there, and not noted"),
        pytest.param(step(a_proposal("opening"), obstacle=FREEZE), Rest(FREEZE), id="not there yet, and frozen"),
        pytest.param(step(a_proposal("opening"), OURS, obstacle=FREEZE), Confirm(), id="there, and frozen"),
        pytest.param(step(a_proposal("opening"), barred=BARRED), Rest(BARRED), id="not there yet, another tip"),
        pytest.param(step(a_proposal(), OURS), Rest(), id="there"),
        pytest.param(step(a_proposal(), OURS, obstacle=FREEZE), Rest(FREEZE), id="there, and frozen"),
        pytest.param(step(a_proposal(), OLDER), Push(), id="an older one is there"),
        pytest.param(
            step(a_proposal(), OURS, place=replace(HERE, blob="c" * 40)), Ask(is_anew=False), id="changed"
        ),
        pytest.param(step(a_proposal(), OURS, place=replace(HERE, path="b.yaml")), Ask(is_anew=False), id="moved"),
        pytest.param(
            step(a_proposal(), OURS, place=None, said=None, obstacle=FREEZE), Rest(FREEZE), id="unreadable"
        ),
        pytest.param(step(a_proposal()), Seek(), id="the branch is gone"),
    ],
)
def test_keeps_it_as_it_is_meant(found: Step, expected: Step) -> None:
    assert found == expected


@pytest.mark.parametrize("status", ["opening", "open"])
@pytest.mark.parametrize("at_remote", [None, OURS, OLDER, THEIRS])
def test_ends_what_is_under_way(status: str, at_remote: str | None) -> None:
    proposal = a_proposal(status)
    touched = End(ProposalStatus.TOUCHED, "a person changed its branch, which is theirs now")
    is_theirs = at_remote == THEIRS

    merged = step(proposal, at_remote, said=Tier.EARLY_ADOPTERS, obstacle=PAUSED)
    assert merged == End(ProposalStatus.MERGED, "its file says so")
    paused = step(proposal, at_remote, obstacle=PAUSED)
    assert paused == (touched if is_theirs else End(ProposalStatus.WITHDRAWN, "the rollout is paused"))
    ailing = step(proposal, at_remote, obstacle=AILING)
    expected = End(ProposalStatus.WITHDRAWN, "12 of 22 have an error", is_evidence=True)
    assert ailing == (touched if is_theirs else expected)


@pytest.mark.parametrize("at_remote", [None, OURS, THEIRS])
def test_ends_what_is_about_another_epoch(at_remote: str | None) -> None:
    def outlived(**named: Any) -> Step:
        return step(a_proposal(), at_remote, **named)

    promoted = replace(a_state(2), epoch=3)
    assert outlived(state=promoted, said=Tier.EARLY_ADOPTERS) == End(ProposalStatus.MERGED, "its file says so")
    lowered = replace(a_state(0), epoch=3)
    assert outlived(state=lowered, said=Tier.DISABLED) == End(
        ProposalStatus.WITHDRAWN, "attempt 1 stands at tier 0 now"
    )
    off = replace(rolled_back(), epoch=3)
    why = "attempt 1 was rolled back: 12 of 100 failed"
    assert outlived(state=off, said=Tier.INTERNAL) == End(ProposalStatus.WITHDRAWN, why)
    again = a_state(2, attempt=2)
    assert outlived(state=again, said=Tier.EARLY_ADOPTERS) == End(
        ProposalStatus.WITHDRAWN, "attempt 2 stands at tier 2 now"
    )


@pytest.mark.parametrize("status", ["withdrawn", "declined", "touched", "merged"])
@pytest.mark.parametrize("is_settled", [False, True])
def test_tidies_up_what_is_over(status: str, *, is_settled: bool) -> None:
    proposal = a_proposal(status, is_settled=is_settled)
    gone, ours, theirs = (step(proposal, at, obstacle=PAUSED) for at in (None, OURS, THEIRS))
    rests = {
        "withdrawn": PAUSED,
        "declined": Obstacle(why="its branch was deleted; it is proposed again at the next tier or attempt"),
        "touched": Obstacle(why="a person changed its branch, which is theirs now"),
        "merged": Obstacle(why="its file says so; `reconciler plan` tells what that waits for"),
    }
    done = Rest(rests[status]) if is_settled else Settle()

    assert (gone, theirs) == (done, done)
    assert ours == (done if status in ("declined", "touched") else Delete())


@pytest.mark.parametrize("status", ["withdrawn", "declined", "touched", "merged"])
def test_tidies_up_our_commit_of_another_epoch(status: str) -> None:
    assert step(a_proposal(status, epoch=1), OURS, obstacle=FREEZE) == Delete()


def test_tries_later_what_the_remote_refused() -> None:
    later = NOW + timedelta(seconds=30)
    refused = {"refusals": 1, "note": "the remote refused: no", "waits_until": later}
    rest = Rest(Obstacle(why="the remote refused: no", until=later))

    assert step(a_proposal("opening", **refused)) == rest
    assert step(a_proposal("open", **refused), OLDER) == rest
    assert step(a_proposal("open", **refused), OURS) == Confirm()
    assert step(a_proposal("withdrawn", **refused), OURS, obstacle=PAUSED) == Rest(PAUSED)
    due = {**refused, "waits_until": NOW}
    assert step(a_proposal("opening", **due)) == Push()
    assert step(a_proposal("withdrawn", **due), OURS, obstacle=PAUSED) == Delete()


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("rollouts.d", "rollouts.d"),
        ("rollouts.d/production", "rollouts.d/production"),
        (".github/rollouts", "%2Egithub/rollouts"),
        ("a..b", "a.%2Eb"),
        ("flags.lock", "flags%2Elock"),
        ("flags.", "flags%2E"),
        ("..", "%2E%2E"),
        ("a~b^c:d?e*f[g\\h", "a%7Eb%5Ec%3Ad%3Fe%2Af%5Bg%5Ch"),
        ("my rollouts", "my%20rollouts"),
        ("été/@{1}", "%C3%A9t%C3%A9/@%7B1%7D"),
        ("100%", "100%25"),
    ],
)
def test_the_folder_of_a_root_is_a_name_that_git_takes(root: str, expected: str) -> None:
    assert folder_of(root) == f"refs/heads/propose/{expected}/"
    assert branch_of(root, "a-b_c") == f"refs/heads/propose/{expected}/a-b_c"
