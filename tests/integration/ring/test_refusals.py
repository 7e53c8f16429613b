"""A branch that refuses the commit of a rollback: three times, then it is offered for a pull request, once."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconciler.domain.write_back import WriteBack, WriteBackStatus
from tests.builders.crashes import unsettled
from tests.builders.ring import REFUSES_ROLLBACKS, Ring, Worker
from tests.builders.shares import a_share

OFFER = "refs/heads/rollback/rollouts.d/checkout-1"
TEXTS: Mapping[str, str | bytes] = {
    "a policy": "remote: error: GH013: Repository rule violations found for refs/heads/main.",
    "as if it were accepted": "*\tHEAD:refs/heads/main\t1234567..89abcde\n \tx:refs/heads/main\tok\nDone",
    "escapes": "\x1b[2J\x1b[31mno\x1b[0m\x07\x1b]0;title\x07",
    "nothing": "",
    "as if nothing were to do": "Everything up-to-date",
    "as if it were new": "*\trefs/heads/main:refs/heads/main\t[new branch]",
    "as if somebody pushed first": "! [rejected] main -> main (non-fast-forward)\nhint: Updates were rejected",
    "as if the network failed": "fatal: unable to access: Could not resolve host",
    "German": "Fehler: Aktualisierung abgelehnt, Zweig ist geschützt",
    "Japanese": "エラー: 保護されたブランチ",
    "a fact of the log": 'no\n{"fact": "written-back", "level": "info"}\r\n2026-01-01T00:00:00Z info written-back',
    "no UTF-8": b"\xff\xfe\x80",
    "much": "no! " * 30_000,
}


def refuse(ring: Ring, text: str | bytes) -> None:
    said = ring.folder / "said"
    said.write_bytes(text if isinstance(text, bytes) else text.encode())
    ring.hook("pre-receive", f"cat {said}; cat {said} >&2\n{REFUSES_ROLLBACKS}")


def ticks(ring: Ring, count: int) -> Worker:
    with ring.worker() as worker:
        for _ in range(count):
            ring.due_now()
            worker.tick()
    return worker


def row_of(ring: Ring) -> WriteBack:
    [row] = ring.write_backs()
    return row


def refs(ring: Ring) -> list[str]:
    return ring.remote.git("for-each-ref", "--format=%(refname)").splitlines()


def offered(ring: Ring) -> str:
    """Refuse until it is offered, and return the commit."""
    ring.hook("pre-receive", REFUSES_ROLLBACKS)
    ticks(ring, 3)
    assert row_of(ring).status is WriteBackStatus.OFFERED
    return ring.remote.tip(OFFER)


@pytest.mark.parametrize("text", a_share(TEXTS, 3))
def test_the_words_of_a_refusal_decide_nothing(off: Ring, text: str | bytes) -> None:
    refuse(off, text)
    worker = ticks(off, 2)
    assert (row_of(off).status, row_of(off).refusals) == (WriteBackStatus.PENDING, 2)
    assert refs(off) == ["refs/heads/main"]
    assert worker.told("write-back-offered") == []

    worker = ticks(off, 1)

    row = row_of(off)
    assert (row.status, row.branch, row.refusals) == (WriteBackStatus.OFFERED, OFFER, 3)
    assert row.note.startswith("the tip stands and the push was refused: ")
    assert row.note.isprintable()
    assert refs(off) == ["refs/heads/main", OFFER]
    assert off.rollback_ids() == []
    assert (off.rollback_ids(OFFER), off.said("checkout", OFFER)) == ([str(row.id)], {"tier": 0, "rolled_back": 1})
    assert worker.told("write-back-offered") == [{"feature": "checkout", "attempt": 1, "branch": OFFER}]


def test_it_is_offered_and_said_once(off: Ring) -> None:
    commit = offered(off)
    again = ticks(off, 3)

    assert off.remote.tip(OFFER) == commit
    assert [fact.name for fact in again.facts if fact.is_alarm] == []
    assert row_of(off).status is WriteBackStatus.OFFERED


def test_what_is_offered_can_be_merged_as_it_is(off: Ring) -> None:
    commit = offered(off)
    off.unhook("pre-receive")
    off.pull()
    off.person.git("push", "--quiet", "origin", f"{commit}:refs/heads/main")
    ticks(off, 2)

    assert unsettled(off) == []
    assert row_of(off).revision == commit


def test_what_is_offered_can_be_merged_with_a_merge_commit(off: Ring) -> None:
    commit = offered(off)
    off.unhook("pre-receive")
    off.edit("notes.md", lambda _: "moved on\n")
    off.person.git("fetch", "--quiet", "origin", OFFER)
    off.by_people.add(off.person.merge("FETCH_HEAD"))
    off.person.git("push", "--quiet", "origin", "HEAD:main")
    ticks(off, 2)

    assert unsettled(off) == []
    assert row_of(off).revision == commit


def test_what_is_offered_can_be_squashed_with_its_trailers_lost(off: Ring) -> None:
    offered(off)
    off.unhook("pre-receive")
    off.pull()
    off.person.git("fetch", "--quiet", "origin", OFFER)
    off.person.git("merge", "--quiet", "--squash", "FETCH_HEAD")
    off.person.git("commit", "--quiet", "-m", "Turn it off (#12)")
    off.person.git("push", "--quiet", "origin", "HEAD:main")
    ticks(off, 2)

    row = row_of(off)
    assert (row.status, row.revision, row.note) == (WriteBackStatus.WRITTEN, off.remote.tip("main"), "")
    assert off.rollback_ids() == []
    assert off.subjects()[0] == "Turn it off (#12)"
    assert refs(off) == ["refs/heads/main"]


def test_what_is_offered_is_written_when_the_branch_takes_it(off: Ring) -> None:
    offered(off)
    off.unhook("pre-receive")
    off.edit("notes.md", lambda _: "moved on\n")
    ticks(off, 2)

    assert unsettled(off) == []
    # Merged later it would be a second commit for one rollback.
    assert refs(off) == ["refs/heads/main"]


def test_an_offer_that_a_person_went_on_with_is_not_taken_back(off: Ring) -> None:
    offered(off)
    off.person.git("fetch", "--quiet", "origin", OFFER)
    off.person.reset("FETCH_HEAD")
    theirs = off.person.commit({"notes.md": "words\n"})
    off.person.git("push", "--quiet", "origin", f"{theirs}:{OFFER}")
    off.unhook("pre-receive")
    off.edit("notes.md", lambda _: "moved on\n")
    ticks(off, 2)

    assert unsettled(off) == []
    assert off.remote.tip(OFFER) == theirs


def test_what_is_offered_is_offered_anew_when_its_branch_is_deleted(off: Ring) -> None:
    commit = offered(off)
    off.remote.git("update-ref", "-d", OFFER)
    ticks(off, 1)

    assert off.remote.tip(OFFER) == commit


def test_a_branch_that_a_person_went_on_with_is_left_alone(off: Ring) -> None:
    offered(off)
    off.pull()
    off.person.git("fetch", "--quiet", "origin", OFFER)
    off.person.reset("FETCH_HEAD")
    theirs = off.person.commit({"notes.md": "words\n"})
    off.person.git("push", "--quiet", "origin", f"{theirs}:{OFFER}")
    ticks(off, 2)

    assert off.remote.tip(OFFER) == theirs
    assert row_of(off).status is WriteBackStatus.OFFERED


def test_where_no_branch_is_taken_it_is_tried_for_ever_and_said(off: Ring) -> None:
    off.hook("pre-receive", "exit 1")
    worker = ticks(off, 4)
    row = row_of(off)
    assert (row.status, row.refusals) == (WriteBackStatus.PENDING, 4)
    assert worker.told("write-back-refused")

    off.unhook("pre-receive")
    ticks(off, 1)
    assert unsettled(off) == []


def test_one_that_is_refused_takes_no_other_with_it(ring: Ring) -> None:
    ring.push({name: {"tier": 1} for name in ("alpha", "beta")})
    ticks(ring, 1)
    for feature in ("alpha", "checkout", "beta"):
        ring.roll_back(feature)
    ring.hook(
        "pre-receive",
        "while read -r old new ref; do\n"
        '  [ "$ref" = refs/heads/main ] && git log --format=%s "$old..$new" | grep -q checkout && exit 1\n'
        "done\nexit 0",
    )
    ticks(ring, 3)

    rows = {row.feature: row.status for row in ring.write_backs()}
    assert rows == {
        "alpha": WriteBackStatus.WRITTEN,
        "checkout": WriteBackStatus.OFFERED,
        "beta": WriteBackStatus.WRITTEN,
    }
    assert sorted(ring.subjects()[:2]) == ["Roll back alpha: tier 1 -> 0", "Roll back beta: tier 1 -> 0"]
