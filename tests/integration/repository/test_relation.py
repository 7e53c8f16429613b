"""How a candidate stands to the applied commit; missing history never makes up a "no"."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.domain.revision import Relation
from reconciler.errors import RepositoryError
from reconciler.repository.git import GitRepository
from tests.builders.git import GitSandbox, a_repository


def relation(sandbox: GitSandbox, applied: str, candidate: str) -> Relation:
    with GitRepository.open(sandbox.path) as repository:
        return repository.relation(applied, candidate)


def a_fork(tmp_path: Path) -> tuple[GitSandbox, dict[str, str]]:
    """Two branches with a commit each after their base, merged, and an unrelated root."""
    sandbox = a_repository(tmp_path, {"a": "base"})
    commits = {"base": sandbox.tip()}
    sandbox.branch("side")
    commits["left"] = sandbox.commit({"b": "left"})
    sandbox.checkout("side")
    commits["right"] = sandbox.commit({"c": "right"})
    sandbox.checkout("main")
    commits["merge"] = sandbox.merge("side")
    commits["unrelated"] = sandbox.git("commit-tree", "-m", "unrelated", sandbox.git("rev-parse", "HEAD^{tree}"))
    return sandbox, commits


@pytest.mark.parametrize(
    ("applied", "candidate", "expected"),
    [
        ("base", "base", Relation.SAME),
        ("base", "left", Relation.AHEAD),
        ("left", "base", Relation.BEHIND),
        ("right", "merge", Relation.AHEAD),
        ("merge", "right", Relation.BEHIND),
        ("left", "right", Relation.DIVERGED),
        ("base", "unrelated", Relation.DIVERGED),
    ],
)
def test_tells_how_two_commits_stand(tmp_path: Path, applied: str, candidate: str, expected: Relation) -> None:
    sandbox, commits = a_fork(tmp_path)

    assert relation(sandbox, commits[applied], commits[candidate]) is expected


def test_an_applied_commit_that_is_gone_is_rewritten_history(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"a": "a"})

    assert relation(sandbox, "1" * 40, sandbox.tip()) is Relation.DIVERGED


def test_history_rewritten_by_a_force_push_diverges(tmp_path: Path) -> None:
    origin = a_repository(tmp_path, {"a": "a"}, name="origin")
    first = origin.tip()
    applied = origin.commit({"a": "b"})
    clone = origin.clone(tmp_path / "clone")
    origin.reset(first)
    rewritten = origin.commit({"a": "c"})
    clone.git("fetch", "--quiet", "origin", "+main:refs/remotes/origin/main")

    assert relation(clone, applied, rewritten) is Relation.DIVERGED


def test_a_shallow_clone_does_not_know_a_commit_that_it_lacks(tmp_path: Path) -> None:
    origin = a_repository(tmp_path, {"a": "a"}, name="origin")
    applied = origin.tip()
    tip = origin.commit({"a": "b"})
    shallow = origin.clone(tmp_path / "shallow", depth=1)

    assert relation(shallow, applied, tip) is Relation.UNKNOWN


def test_a_shallow_clone_takes_no_cut_for_a_fork(tmp_path: Path) -> None:
    origin = a_repository(tmp_path, {"a": "a"}, name="origin")
    shallow = origin.clone(tmp_path / "shallow", depth=1)
    applied = origin.tip()
    for number in range(3):
        tip = origin.commit({"a": str(number)})
    shallow.git("fetch", "--quiet", "--depth=1", "origin", "main")

    assert relation(shallow, applied, tip) is Relation.UNKNOWN
    assert relation(shallow, tip, applied) is Relation.UNKNOWN


def test_a_shallow_clone_knows_what_it_sees(tmp_path: Path) -> None:
    origin = a_repository(tmp_path, {"a": "a"}, name="origin")
    applied = origin.commit({"a": "b"})
    tip = origin.commit({"a": "c"})
    shallow = origin.clone(tmp_path / "shallow", depth=2)

    assert relation(shallow, applied, tip) is Relation.AHEAD
    assert relation(shallow, tip, applied) is Relation.BEHIND
    assert relation(shallow, tip, tip) is Relation.SAME


def test_a_cut_between_the_two_commits_may_hide_what_a_rollback_says(tmp_path: Path) -> None:
    """The merged branch is cut off: nobody would ever look behind the tip again for what its commits say."""
    origin = a_repository(tmp_path, {"a": "a"}, name="origin")
    applied = origin.commit({"a": "b"})
    origin.branch("rollback")
    origin.checkout("rollback")
    origin.commit({"b": "1"})
    origin.commit({"b": "2"})
    origin.checkout("main")
    tip = origin.merge("rollback")
    shallow = origin.clone(tmp_path / "shallow", depth=2)

    assert relation(origin, applied, tip) is Relation.AHEAD
    assert relation(shallow, applied, tip) is Relation.UNKNOWN


def test_a_damaged_history_is_an_error_and_not_a_no(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"a": "a"})
    applied = sandbox.tip()
    middle = sandbox.commit({"a": "b"})
    tip = sandbox.commit({"a": "c"})
    (sandbox.path / ".git/objects" / middle[:2] / middle[2:]).unlink()

    with pytest.raises(RepositoryError, match=r"the history between \w{12} and \w{12} can't be read: .*git fsck"):
        relation(sandbox, applied, tip)


@pytest.mark.parametrize("trick", ["replace", "graft"])
def test_replaced_parents_do_not_count(tmp_path: Path, trick: str) -> None:
    sandbox, commits = a_fork(tmp_path)
    if trick == "replace":
        sandbox.git("replace", "--graft", commits["right"], commits["left"])
    else:
        (sandbox.path / ".git/info/grafts").write_text(f"{commits['right']} {commits['left']}\n")

    assert relation(sandbox, commits["left"], commits["right"]) is Relation.DIVERGED


def test_a_commit_replaced_as_a_whole_is_read_as_it_was(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "reviewed"})
    reviewed = sandbox.tip()
    forged = sandbox.commit({"rollouts.d/a.yaml": "forged"})
    sandbox.git("replace", reviewed, forged)

    with GitRepository.open(sandbox.path) as repository:
        assert list(repository.read(repository.entries(reviewed, "rollouts.d") or ())) == [b"reviewed"]


@pytest.mark.parametrize(
    ("commit", "expected"),
    [("base", True), ("right", True), ("merge", True), ("unrelated", False), ("later", False)],
)
def test_tells_whether_the_branch_contains_a_commit(tmp_path: Path, commit: str, expected: bool) -> None:
    sandbox, commits = a_fork(tmp_path)
    sandbox.checkout("side")
    commits["later"] = sandbox.commit({"d": "d"})

    with GitRepository.open(sandbox.path, branch="main") as repository:
        assert repository.is_on_branch(commits[commit]) is expected


def test_a_shallow_clone_cannot_tell_whether_the_branch_contains_a_commit(tmp_path: Path) -> None:
    origin = a_repository(tmp_path, {"a": "a"}, name="origin")
    shallow = origin.clone(tmp_path / "shallow", depth=1)
    old = origin.tip()
    origin.commit({"a": "b"})
    origin.commit({"a": "c"})
    shallow.git("fetch", "--quiet", "--depth=1", "origin", "main:refs/remotes/origin/main", "--force")

    with GitRepository.open(shallow.path, branch="origin/main") as repository:
        assert repository.is_on_branch(old) is None
        assert repository.is_on_branch("origin/main") is True
