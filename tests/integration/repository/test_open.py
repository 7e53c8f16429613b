"""Which repository, which branch: found from anywhere inside, refused with a remedy, deaf to the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import RepositoryError
from reconciler.repository.git import GitRepository
from tests.builders.git import a_repository

FILES = {"rollouts.d/team/checkout.yaml": "feature: checkout\n"}


@pytest.mark.parametrize(
    "inside", [".", "rollouts.d", "rollouts.d/team", "rollouts.d/team/checkout.yaml", ".git/refs"]
)
def test_finds_the_top_from_anywhere_inside(tmp_path: Path, inside: str) -> None:
    sandbox = a_repository(tmp_path, FILES)

    with GitRepository.open(sandbox.path / inside) as repository:
        assert (repository.top, repository.branch, repository.tip(), repository.is_bare) == (
            sandbox.path,
            "refs/heads/main",
            sandbox.tip(),
            False,
        )


def test_opens_a_bare_repository(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)
    bare = sandbox.clone(tmp_path / "bare.git", bare=True)

    with GitRepository.open(bare.path / "refs") as repository:
        assert (repository.top, repository.is_bare, repository.tip()) == (bare.path, True, sandbox.tip())
        assert repository.entries("HEAD", "rollouts.d") is not None
        assert not repository.is_dirty("rollouts.d")


def test_opens_a_bare_repository_inside_a_working_tree(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)
    bare = sandbox.clone(sandbox.path / "vendor" / "bare.git", bare=True)

    with GitRepository.open(bare.path) as repository:
        assert (repository.top, repository.is_bare) == (bare.path, True)


def test_opens_a_linked_working_tree(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)
    sandbox.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    linked = tmp_path / "linked"
    (linked / "rollouts.d/team/checkout.yaml").write_text("changed")

    with GitRepository.open(linked / "rollouts.d") as repository:
        assert (repository.top, repository.branch) == (linked, "refs/heads/side")
        assert repository.is_dirty("rollouts.d")
    with GitRepository.open(sandbox.path) as repository:
        assert (repository.top, repository.branch) == (sandbox.path, "refs/heads/main")
        assert not repository.is_dirty("rollouts.d")


def test_opens_a_repository_whose_path_holds_signs_that_shells_expand(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES, name="~ $HOME *=\n%41")

    with GitRepository.open(sandbox.path) as repository:
        assert (repository.top, repository.tip()) == (sandbox.path, sandbox.tip())
        assert len(repository.entries("HEAD", "rollouts.d") or ()) == 1


def test_takes_a_detached_head_itself_for_the_tip(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)
    first = sandbox.tip()
    sandbox.commit({"b": "b"})
    sandbox.checkout(first)

    with GitRepository.open(sandbox.path) as repository:
        assert (repository.branch, repository.tip()) == (None, first)


def test_works_with_sha256_ids(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES, object_format="sha256")

    with GitRepository.open(sandbox.path) as repository:
        entries = repository.entries("HEAD", "rollouts.d") or ()

        assert (repository.object_format, len(repository.tip())) == ("sha256", 64)
        assert list(repository.read(entries)) == [b"feature: checkout\n"]
        assert not repository.is_dirty("rollouts.d")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")
def test_opens_a_repository_that_belongs_to_somebody_else(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)
    tip = sandbox.tip()
    subprocess.run(["chown", "-R", "12345:12345", sandbox.path], check=True)

    with GitRepository.open(sandbox.path) as repository:
        assert repository.tip() == tip


@pytest.mark.parametrize(
    ("name", "ref"),
    [
        pytest.param("side", "refs/heads/side", id="local"),
        pytest.param("team/x", "refs/heads/team/x", id="local with a slash"),
        pytest.param("origin/main", "refs/remotes/origin/main", id="remote-tracking"),
        pytest.param("refs/remotes/origin/main", "refs/remotes/origin/main", id="full ref"),
        pytest.param("v1", "refs/heads/v1", id="local, not the tag of its name"),
    ],
)
def test_finds_the_branch_by_name(tmp_path: Path, name: str, ref: str) -> None:
    origin = a_repository(tmp_path, FILES, name="origin")
    sandbox = origin.clone(tmp_path / "clone")
    sandbox.git("tag", "v1")
    sandbox.commit({"b": "b"})
    for branch in ("side", "team/x", "v1"):
        sandbox.branch(branch)

    with GitRepository.open(sandbox.path, branch=name) as repository:
        assert (repository.branch, repository.tip()) == (ref, sandbox.tip(ref))


def test_follows_the_branch_as_it_moves(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)

    with GitRepository.open(sandbox.path) as repository:
        second = sandbox.commit({"b": "b"})

        assert repository.tip() == second


@pytest.mark.parametrize(
    "name",
    ["nope", "--upload-pack=touch x", "-x", "a..b", "main^", "main@{0}", "refs/heads/*", "", "a b", "x\ny", "HEAD"],
)
def test_refuses_a_branch_that_is_not_one(tmp_path: Path, name: str) -> None:
    sandbox = a_repository(tmp_path, FILES)

    with pytest.raises(RepositoryError, match=r"^branch .* is unknown in .*; fetch it or name another branch$"):
        GitRepository.open(sandbox.path, branch=name)


def test_says_that_there_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError) as raised:
        GitRepository.open(tmp_path)

    assert str(raised.value) == f"{tmp_path} is not inside a git repository; run it inside a clone"


def test_says_that_there_is_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="name a folder inside a git repository"):
        GitRepository.open(tmp_path / "missing")


def test_says_that_there_is_no_commit_yet(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path)

    with pytest.raises(RepositoryError) as raised:
        GitRepository.open(sandbox.path)

    assert str(raised.value) == (
        f"refs/heads/main has no commit yet in {sandbox.path}; commit the definitions first or name another branch"
    )


def test_says_that_a_repository_is_broken(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)
    (sandbox.path / ".git/config").write_text("[core\n")

    with pytest.raises(RepositoryError, match="git can't open the repository: fatal: bad config line 1"):
        GitRepository.open(sandbox.path)


def test_says_that_git_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = a_repository(tmp_path, FILES)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RepositoryError) as raised:
        GitRepository.open(sandbox.path)

    assert str(raised.value) == "git is not on PATH; install git 2.39 or newer"


def test_ignores_what_the_environment_tells_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = a_repository(tmp_path, FILES)
    other = a_repository(tmp_path, {"other.yaml": "x"}, name="other")
    elsewhere = str(other.path / ".git")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, elsewhere)
    monkeypatch.setenv("GIT_TRACE", "1")
    monkeypatch.setenv("GIT_NAMESPACE", "nowhere")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='true'")

    with GitRepository.open(sandbox.path) as repository:
        assert (repository.top, repository.is_bare) == (sandbox.path, False)
        assert len(repository.entries("HEAD", "rollouts.d") or ()) == 1


def test_importing_the_room_loads_no_gitpython() -> None:
    code = "import sys, reconciler.repository.git; sys.exit('git' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_works_from_a_folder_that_was_removed(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)
    code = (
        "import os, sys, tempfile, pathlib; from reconciler.repository.git import GitRepository;"
        "gone = tempfile.mkdtemp(); os.chdir(gone); os.rmdir(gone);"
        "print(GitRepository.open(pathlib.Path(sys.argv[1])).tip())"
    )

    done = subprocess.run([sys.executable, "-c", code, sandbox.path], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == sandbox.tip()
