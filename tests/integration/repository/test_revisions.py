"""Revisions as people write them: a full commit id or a reason, never an option."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import RepositoryError
from reconciler.repository.git import GitRepository
from tests.builders.git import GitSandbox, a_repository


def a_history(tmp_path: Path) -> GitSandbox:
    sandbox = a_repository(tmp_path, {"a.yaml": "a"})
    sandbox.git("tag", "light")
    sandbox.git("tag", "--annotate", "--message=heavy", "heavy")
    sandbox.commit({"b.yaml": "b"}, message="Add the second")
    sandbox.branch("side")
    return sandbox


@pytest.mark.parametrize(
    ("revision", "names"),
    [
        pytest.param("HEAD", "HEAD", id="HEAD"),
        pytest.param("HEAD~1", "HEAD~1", id="parent"),
        pytest.param("main", "main", id="branch"),
        pytest.param("light", "light", id="tag"),
        pytest.param("heavy", "light", id="annotated tag"),
        pytest.param(":/second", "main", id="search in messages"),
        pytest.param("refs/heads/side", "side", id="full ref"),
    ],
)
def test_resolves(tmp_path: Path, revision: str, names: str) -> None:
    sandbox = a_history(tmp_path)

    with GitRepository.open(sandbox.path) as repository:
        assert repository.resolve(revision) == sandbox.tip(names)


def test_resolves_a_short_and_a_full_id(tmp_path: Path) -> None:
    sandbox = a_history(tmp_path)
    tip = sandbox.tip()

    with GitRepository.open(sandbox.path) as repository:
        assert (repository.resolve(tip[:10]), repository.resolve(tip)) == (tip, tip)


def test_a_full_id_is_itself_whatever_branches_are_called(tmp_path: Path) -> None:
    sandbox = a_history(tmp_path)
    first = sandbox.tip("HEAD~1")
    sandbox.git("update-ref", f"refs/heads/{first}", "HEAD")

    with GitRepository.open(sandbox.path) as repository:
        assert repository.resolve(first) == first


@pytest.mark.parametrize(
    "revision",
    [
        "nope", "--upload-pack=touch x", "--all", "-1", "", "\0", "a\nb", "\ud800", "HEAD..main", "^HEAD", "HEAD~9",
        "0" * 40, "x" * 5000, "refs/heads/", "@{99}",
    ],
    ids=repr,
)  # fmt: skip
def test_refuses_what_names_no_revision(tmp_path: Path, revision: str) -> None:
    sandbox = a_history(tmp_path)

    with (
        GitRepository.open(sandbox.path) as repository,
        pytest.raises(RepositoryError, match=r"^revision .* is unknown in .*; fetch it or name another$"),
    ):
        repository.resolve(revision)


@pytest.mark.parametrize("revision", ["HEAD:a.yaml", "HEAD^{tree}", "blob"])
def test_refuses_what_is_not_a_commit(tmp_path: Path, revision: str) -> None:
    sandbox = a_history(tmp_path)
    sandbox.git("tag", "blob", "HEAD:a.yaml")

    with (
        GitRepository.open(sandbox.path) as repository,
        pytest.raises(RepositoryError, match=r"is not a commit; name a commit, branch or tag$"),
    ):
        repository.resolve(revision)


def test_refuses_a_name_of_both_a_branch_and_a_tag(tmp_path: Path) -> None:
    sandbox = a_history(tmp_path)
    sandbox.git("tag", "side", "HEAD~1")
    sandbox.git("config", "core.warnAmbiguousRefs", "false")

    with (
        GitRepository.open(sandbox.path) as repository,
        pytest.raises(RepositoryError, match=r"^revision 'side' is ambiguous in .*write the full commit id"),
    ):
        repository.resolve("side")


def test_refuses_a_short_id_that_several_commits_share(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    made = [sandbox.git("commit-tree", "-m", str(number), tree) for number in range(700)]
    starts = [commit[:4] for commit in made]
    shared = next(start for start in starts if starts.count(start) > 1)

    with (
        GitRepository.open(sandbox.path) as repository,
        pytest.raises(RepositoryError, match=rf"^revision '{shared}' is ambiguous"),
    ):
        repository.resolve(shared)


def test_refuses_a_branch_that_a_local_one_of_the_same_name_would_shadow(tmp_path: Path) -> None:
    sandbox = a_history(tmp_path)
    clone = sandbox.clone(tmp_path / "clone")
    clone.git("branch", "origin/main", "HEAD~1")

    with pytest.raises(RepositoryError, match=r"^branch 'origin/main' is ambiguous .* write the full name"):
        GitRepository.open(clone.path, branch="origin/main")


@pytest.mark.parametrize(
    ("local", "lacks"),
    [
        pytest.param(0, None, id="the same"),
        pytest.param(-1, None, id="behind"),
        pytest.param(1, "origin/main", id="ahead"),
    ],
)
def test_tells_which_remote_branch_lacks_commits(tmp_path: Path, local: int, lacks: str | None) -> None:
    clone = a_history(tmp_path).clone(tmp_path / "clone")
    if local < 0:
        clone.reset("HEAD~1")
    elif local > 0:
        clone.commit({"c.yaml": "c"})

    with GitRepository.open(clone.path, branch="main") as repository:
        assert repository.unpublished_against() == lacks


@pytest.mark.parametrize("branch", ["main", "origin/main"])
def test_without_a_twin_no_remote_branch_lacks_anything(tmp_path: Path, branch: str) -> None:
    sandbox = a_history(tmp_path)
    here = sandbox.clone(tmp_path / "clone") if branch == "origin/main" else sandbox

    with GitRepository.open(here.path, branch=branch) as repository:
        assert repository.unpublished_against() is None
