"""What a file held before and after the commits that changed it."""

from __future__ import annotations

from pathlib import Path

from reconciler.repository.plumbing import Plumbing
from reconciler.repository.rewrites import Rewrite, rewrites
from tests.builders.git import GitSandbox, a_repository

PATH = "rollouts.d/team a 10/checkout.yaml"


def told(sandbox: GitSandbox, path: str = PATH, most: int = 50) -> list[Rewrite]:
    return list(rewrites(Plumbing(sandbox.path), sandbox.tip(), path, most=most))


def test_the_newest_come_first_and_the_first_had_nothing_before(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {PATH: "one"})
    first = sandbox.tip()
    second = sandbox.commit({PATH: "two\n"})
    sandbox.commit({"other": "x"})

    assert told(sandbox) == [
        Rewrite(commit=second, before=b"one", after=b"two\n"),
        Rewrite(commit=first, before=None, after=b"one"),
    ]
    assert told(sandbox, most=1) == told(sandbox)[:1]
    assert told(sandbox, "rollouts.d/none.yaml") == []


def test_a_file_that_moved_or_went_has_nothing_on_one_side(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"old.yaml": "one"})
    moved = sandbox.commit({PATH: "one"}, delete=["old.yaml"])
    gone = sandbox.commit(delete=[PATH])

    assert told(sandbox) == [
        Rewrite(commit=gone, before=b"one", after=None),
        Rewrite(commit=moved, before=None, after=b"one"),
    ]


def test_behind_the_cut_of_a_shallow_clone_nothing_is_known(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {PATH: "one"})
    sandbox.commit({PATH: "two"})
    shallow = sandbox.clone(tmp_path / "shallow", depth=1)

    assert told(shallow) == [Rewrite(commit=sandbox.tip(), before=None, after=b"two")]


def test_a_change_that_was_merged_is_found_in_its_own_commit(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {PATH: "one"})
    sandbox.branch("side")
    sandbox.commit({"other": "x"})
    sandbox.checkout("side")
    change = sandbox.commit({PATH: "two"})
    sandbox.checkout("main")
    sandbox.merge("side")

    assert told(sandbox)[0] == Rewrite(commit=change, before=b"one", after=b"two")
