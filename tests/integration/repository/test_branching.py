"""A branch of one commit: what it holds, and when one that is there is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.repository.branching import branch_at, is_this_edit, tree_with
from reconciler.repository.plumbing import Plumbing
from tests.builders.git import Content, Executable, GitSandbox, a_repository

PATH = "rollouts.d/checkout.yaml"
OLD, NEW = b"tier: 2\n", b"tier: 3\n"


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_tree_differs_in_one_file_and_no_working_tree_is_touched(tmp_path: Path, object_format: str) -> None:
    files: dict[str, Content] = {PATH: OLD, "run": Executable("x"), "rollouts.d/a/b.yaml": "b"}
    sandbox = a_repository(tmp_path, files, object_format=object_format)

    tree = tree_with(Plumbing(sandbox.path), sandbox.tip(), PATH, NEW)

    assert sandbox.git("diff-tree", "-r", "--name-status", "HEAD", tree) == f"M\t{PATH}"
    assert sandbox.git("status", "--short") == ""


@pytest.fixture
def sandbox(tmp_path: Path) -> GitSandbox:
    sandbox = a_repository(tmp_path, {PATH: OLD, "other": "x"})
    sandbox.git("checkout", "-q", "-b", "side")
    return sandbox


def same(sandbox: GitSandbox) -> bool:
    git = Plumbing(sandbox.path)
    return is_this_edit(git, sandbox.tip("side"), sandbox.tip("main"), PATH, NEW)


def test_the_same_edit_is_known_again_also_when_main_went_on(sandbox: GitSandbox) -> None:
    sandbox.commit({PATH: NEW}, message="in other words")
    assert same(sandbox)
    sandbox.checkout("main")
    sandbox.commit({"other": "y"})
    assert same(sandbox)


def test_anything_else_is_something_else(sandbox: GitSandbox) -> None:
    assert not same(sandbox)  # nothing
    sandbox.commit({PATH: b"tier: 4\n"})
    assert not same(sandbox)  # another edit
    sandbox.commit({PATH: NEW})
    assert not same(sandbox)  # on top of what nobody reviewed
    sandbox.reset("main")
    sandbox.commit({PATH: NEW, "other": "z"})
    assert not same(sandbox)  # and more
    sandbox.reset("main")
    sandbox.commit({PATH: Executable(NEW.decode())})
    assert not same(sandbox)  # and another mode
    sandbox.reset("main")
    sandbox.commit({PATH: NEW})
    sandbox.checkout("main")
    sandbox.merge("side")
    assert not same(sandbox)  # reviewed by now
    sandbox.git("checkout", "-q", "--orphan", "root")
    sandbox.commit({PATH: NEW})
    sandbox.git("branch", "-f", "side", "root")
    assert not same(sandbox)  # a history of its own


def test_a_branch_that_is_not_there(sandbox: GitSandbox) -> None:
    git = Plumbing(sandbox.path)

    assert branch_at(git, "refs/heads/side") == sandbox.tip("side")
    assert branch_at(git, "refs/heads/none") is None
