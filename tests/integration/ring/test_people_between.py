"""A person pushes between what a worker read and what it pushes: theirs stays, ours is decided anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from reconciler.domain.write_back import WriteBackStatus
from tests.builders.between import interrupted
from tests.builders.crashes import unsettled
from tests.builders.git import Symlink
from tests.builders.ring import Ring, Worker
from tests.builders.scene import path_of
from tests.builders.shares import a_share

FILE = path_of("checkout")
ELSEWHERE = path_of("checkout", "payments/")


def write_back(ring: Ring, *happens: Callable[[], object]) -> Worker:
    """Make a pass, in which these things happen before one push after the other."""
    with ring.worker() as worker:
        worker.writing.clone = interrupted(worker.clone, *happens)
        worker.tick()
    return worker


def standing(ring: Ring) -> tuple[WriteBackStatus, str]:
    [row] = ring.write_backs()
    return row.status, row.note


def with_(**fields: Any) -> Callable[[str], str]:
    """Return what writes these fields into a definition."""
    return lambda text: "".join(f"{key}: {value}\n" for key, value in {**yaml.safe_load(text), **fields}.items())


def moved(ring: Ring) -> None:
    """Move the file into a folder."""
    content = ring.content("checkout")
    ring.commit({ELSEWHERE: content}, delete=[FILE])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_(tier=0), id="lowers it"),
        pytest.param(with_(tier=2), id="raises it"),
        pytest.param(with_(description="words"), id="changes another line"),
        pytest.param(lambda text: f"# why\n\n{text}", id="moves every line"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="writes other line ends"),
        pytest.param(with_(paused="true"), id="pauses it"),
        pytest.param(with_(target=1), id="ends it"),
    ],
)
def test_what_a_person_changes_in_the_file_stays_and_it_is_off(off: Ring, change: Callable[[str], str]) -> None:
    write_back(off, lambda: off.edit(FILE, change))

    assert unsettled(off) == []
    [commit, *_] = off.remote.git("rev-list", "main").splitlines()
    before = yaml.safe_load(off.content("checkout", f"{commit}^"))
    assert yaml.safe_load(off.content("checkout")) == {**before, "tier": 0, "rolled_back": 1}


def test_a_file_that_moves_is_found_by_its_name(off: Ring) -> None:
    write_back(off, lambda: moved(off))

    assert off.said("checkout", path=ELSEWHERE) == {"tier": 0, "rolled_back": 1}
    assert len(off.rollback_ids()) == 1
    assert standing(off) == (WriteBackStatus.WRITTEN, "")


def test_others_who_push_again_and_again_are_waited_for(off: Ring) -> None:
    pushes = [lambda: off.edit("notes.md", lambda text: f"{text}more\n")] * 6
    write_back(off, *pushes)

    assert unsettled(off) == []
    assert len(off.by_people) == 7


@pytest.mark.slow
def test_whoever_pushes_without_end_is_given_way_to_for_a_while(off: Ring) -> None:
    pushes = [lambda: off.edit("notes.md", lambda text: f"{text}more\n")] * 20
    worker = write_back(off, *pushes)

    assert standing(off) == (WriteBackStatus.PENDING, "others pushed first all the while")
    assert worker.told("write-back-waits")
    off.due_now()
    write_back(off)
    assert unsettled(off) == []


def test_what_a_person_wrote_first_is_taken_for_ours(off: Ring) -> None:
    """By the same words as the product's, or any others that say so: there is nothing left to write."""
    by_hand = []
    write_back(off, lambda: by_hand.append(off.edit(FILE, with_(tier=0, rolled_back=1))))

    [row] = off.write_backs()
    assert (row.status, row.revision) == (WriteBackStatus.WRITTEN, by_hand[0])
    assert off.rollback_ids() == []


def test_a_restart_that_is_merged_first_is_left_as_it_is(off: Ring) -> None:
    restart = with_(tier=1, attempt=2, rolled_back=1)
    write_back(off, lambda: off.edit(FILE, restart))

    assert standing(off) == (WriteBackStatus.WRITTEN, "")
    assert off.said("checkout") == {"tier": 1, "attempt": 2, "rolled_back": 1}
    assert off.rollback_ids() == []
    write_back(off)
    now = off.states()["checkout"].standing
    assert (now.tier, now.attempt, now.rolled_back) == (1, 2, False)


def test_a_file_that_is_deleted_is_waited_for_and_told_when_it_comes_back(off: Ring) -> None:
    content = off.content("checkout")
    worker = write_back(off, lambda: off.push({"checkout": None}))
    assert standing(off) == (WriteBackStatus.PENDING, "its file is gone; git is told when the file comes back")
    assert len(worker.told("write-back-waits")) == 1

    off.due_now()
    again = write_back(off)
    assert again.told("write-back-waits") == []
    off.edit(FILE, lambda _: content)
    off.due_now()
    write_back(off)

    assert unsettled(off) == []


BROKEN = {
    "no YAML": "tier: [1\n",
    "twice the same key": "feature: checkout\ntier: 1\ntier: 2\n",
    "an alias": "feature: checkout\ntier: &t 1\ntarget: *t\n",
    "no number": "feature: checkout\ntier: soon\n",
    "a conflict that was committed": "<<<<<<< ours\ntier: 1\n=======\ntier: 2\n>>>>>>> theirs\n",
    "empty": "",
}


@pytest.mark.parametrize("text", a_share(BROKEN, 2))
def test_a_file_that_is_broken_is_waited_for_and_told_when_it_reads_again(off: Ring, text: str) -> None:
    content = off.content("checkout")
    worker = write_back(off, lambda: off.edit(FILE, lambda _: text))
    status, note = standing(off)
    assert status is WriteBackStatus.PENDING
    assert note.startswith(FILE)
    assert [fields["reason"] for fields in worker.told("write-back-waits")] == [note]
    assert off.content("checkout") == text.rstrip("\n")

    off.edit(FILE, lambda _: content)
    off.due_now()
    write_back(off)

    assert unsettled(off) == []


def test_a_second_file_of_one_feature_is_waited_for(off: Ring) -> None:
    content = off.content("checkout")
    write_back(off, lambda: off.commit({ELSEWHERE: content}))
    assert standing(off)[1].startswith(f"checkout has 2 files, {FILE} and {ELSEWHERE}; delete all but one")

    off.commit({}, delete=[FILE])
    off.due_now()
    write_back(off)

    assert off.said("checkout", path=ELSEWHERE) == {"tier": 0, "rolled_back": 1}
    assert standing(off) == (WriteBackStatus.WRITTEN, "")


def test_a_link_in_place_of_the_file_is_never_followed(off: Ring, tmp_path: Any) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(off.content("checkout"))
    before = outside.read_text()
    write_back(off, lambda: off.commit({FILE: Symlink(str(outside))}))

    assert standing(off)[1] == f"{FILE} is a symlink; commit the file itself"
    assert outside.read_text() == before


def test_one_that_waits_takes_no_other_with_it(off: Ring) -> None:
    off.push({"search": {"tier": 1}})
    with off.worker("first") as worker:
        worker.ticker.workers = ()
        worker.tick()
    off.roll_back("search")
    write_back(off, lambda: off.push({"checkout": None}))

    rows = {row.feature: row.status for row in off.write_backs()}
    assert rows == {"checkout": WriteBackStatus.PENDING, "search": WriteBackStatus.WRITTEN}
    assert off.said("search") == {"tier": 0, "rolled_back": 1}


def test_what_is_pushed_while_a_worker_waits_is_not_built_upon_blindly(off: Ring) -> None:
    """Whoever lost to a person waits for a moment, in which the next person may push."""

    def more(_seconds: float = 0) -> bool:
        off.edit("notes.md", lambda text: f"{text}more\n")
        return False

    with off.worker() as worker:
        worker.writing.clone = interrupted(worker.clone, more)
        worker.writing.wait = more
        worker.tick()

    assert unsettled(off) == []
    assert len(off.by_people) == 3


def test_who_loses_with_many_commits_tries_with_fewer(ring: Ring) -> None:
    """Many take long to build: on a busy branch somebody would be first for ever."""
    names = [f"feature-{number}" for number in range(8)]
    ring.push({name: {"tier": 1} for name in names})
    with ring.worker("first") as worker:
        worker.tick()
    for name in names:
        ring.roll_back(name)
    sizes = ring.folder / "sizes"
    ring.hook(
        "post-receive",
        f'while read -r old new _; do git log --format=%s "$old..$new" | grep -c ^Roll >> {sizes}; done; true',
    )
    write_back(ring, *[lambda: ring.edit("notes.md", lambda text: f"{text}more\n")] * 3)

    assert [row.status for row in ring.write_backs()] == [WriteBackStatus.WRITTEN] * 8
    assert len(ring.rollback_ids()) == 8
    assert sizes.read_text().split() == ["0", "0", "0", "1", "2", "4", "1"]


@pytest.mark.parametrize("attempt", [2, 3])
def test_an_attempt_that_was_set_too_early_does_not_begin(off: Ring, attempt: int) -> None:
    """Nobody could know of the rollback who wrote or reviewed it, so it lifts none: the commit takes it back."""
    off.edit(FILE, with_(attempt=attempt))
    write_back(off)

    assert off.said("checkout") == {"tier": 0, "rolled_back": 1, "attempt": 1}
    assert standing(off) == (WriteBackStatus.WRITTEN, "")
    write_back(off)
    now = off.states()["checkout"].standing
    assert (now.tier, now.attempt, now.rolled_back) == (0, 1, True)

    off.edit(FILE, with_(tier=1, attempt=2))
    write_back(off)
    now = off.states()["checkout"].standing
    assert (now.tier, now.attempt, now.rolled_back) == (1, 2, False)
