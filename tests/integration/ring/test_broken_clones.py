"""A clone that is broken, full or somebody else's: rollbacks go on, and git is told when it is mended."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from reconciler.domain.write_back import WriteBackStatus
from tests.builders.children import a_child, reconciler
from tests.builders.crashes import left_over, passes, unsettled
from tests.builders.ring import Ring


def objects(folder: Path) -> list[Path]:
    return [path for path in (folder / "objects").rglob("*") if path.is_file()]


def cut_objects(folder: Path) -> None:
    for path in objects(folder):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:20])


def lose_objects(folder: Path) -> None:
    for path in objects(folder):
        path.unlink()


def lose_the_branch(folder: Path) -> None:
    (folder / "refs/heads/main").write_text("1" * 40)


def lock_the_branch(folder: Path) -> None:
    (folder / "refs/heads/main.lock").touch()
    (folder / "packed-refs.lock").touch()


def lose_all(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    "break_it", [cut_objects, lose_objects, lose_the_branch, lock_the_branch, lose_all], ids=lambda it: it.__name__
)
def test_a_clone_that_breaks_between_two_passes_is_made_anew(ring: Ring, break_it: Callable[[Path], None]) -> None:
    with ring.worker() as worker:
        worker.tick()
        ring.report("checkout", failing=12, healthy=10)
        assert worker.look() == ["checkout"]
        break_it(worker.clone.folder)
        for _ in range(3):
            ring.due_now()
            worker.tick()

    assert unsettled(ring) == []


@pytest.mark.parametrize("break_it", [cut_objects, lose_objects], ids=lambda it: it.__name__)
def test_a_clone_that_breaks_within_a_pass_costs_a_pass(off: Ring, break_it: Callable[[Path], None]) -> None:
    with off.worker() as worker:
        worker.writing.clone.fetch()
        break_it(worker.clone.folder)
        with pytest.raises(Exception, match=r"git .* failed|can't be read|gone"):
            worker.writing.work(off.remote.tip("main"))
        for _ in range(2):
            off.due_now()
            worker.tick()

    assert unsettled(off) == []


def test_what_one_pass_left_locked_is_swept_by_the_next_run(off: Ring) -> None:
    passes(off, "a")
    [folder] = (off.folder / "data" / "a-clones").glob("*/")
    (folder / "refs/heads/main.lock").touch()
    (folder / "objects/pack/tmp_pack_x").touch()
    passes(off, "a")

    assert (unsettled(off), left_over(off)) == ([], [])


def limited(size: int) -> None:
    """Make a pass of a process that may write no larger files."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    reconciler(("run", "--once"))


@pytest.mark.parametrize("size", [0, 100, 3_000], ids=["no room", "no room for a file", "no room for a pack"])
def test_without_room_for_the_clone_it_is_off_and_told_later(ring: Ring, size: int) -> None:
    ring.edit("notes.md", lambda _: "".join(f"{number}\n" for number in range(20_000)))
    ring.report("checkout", failing=12, healthy=10)
    full = a_child(partial(limited, size), ring.folder, ring.variables()).ended()

    assert full.code == 1
    assert ring.states()["checkout"].standing.rolled_back
    assert [row.status for row in ring.write_backs()] == [WriteBackStatus.PENDING]
    ring.due_now()
    passes(ring, "a")
    assert (unsettled(ring), left_over(ring)) == ([], [])


def test_a_folder_that_holds_something_else_is_left_alone(ring: Ring) -> None:
    passes(ring, "a")
    [folder] = (ring.folder / "data" / "a-clones").glob("*/")
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "diary.txt").write_text("dear diary")
    ring.report("checkout", failing=12, healthy=10)
    ended = ring.start("run", "--once").ended()

    assert ended.code == 1
    assert "holds something else than a clone of ours" in ended.said + ended.complained
    assert [path.name for path in folder.iterdir()] == ["diary.txt"]
    assert ring.states()["checkout"].standing.rolled_back
