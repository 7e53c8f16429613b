"""A private clone follows one branch of a remote: fetched whole, read like any repository, never in the way."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import pytest

from reconciler.errors import RepositoryError, UsageError
from reconciler.repository.clone import opened_clone
from reconciler.repository.folder import MOST_PROCESSES
from reconciler.repository.remote import Remote
from tests.builders.git import a_repository
from tests.builders.remotes import BOT, FILES, MAIN, an_upstream


def test_fetches_the_branch_and_reads_it(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        entries = clone.repository.entries(tip, "rollouts.d") or ()

        assert tip == upstream.tip() == clone.repository.tip()
        assert list(clone.repository.read(entries)) == [b"feature: checkout\ntier: 1\n"]
        assert (clone.repository.branch, clone.repository.is_bare, clone.repository.is_complete()) == (
            MAIN,
            True,
            True,
        )


def test_sees_what_people_push(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        clone.fetch()
        repository = clone.repository
        second = upstream.person_pushes({"b": "b"})

        assert clone.fetch() == second == repository.tip()
        assert clone.fetch() == second


def test_uses_the_clone_again(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
    upstream.bare.path.rename(tmp_path / "away")

    with upstream.opened(tmp_path / "clone") as clone:
        assert clone.repository.tip() == tip


def test_fetches_history_that_was_rewritten_and_tells_what_is_lost(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    first = upstream.tip()
    lost = upstream.person_pushes({"b": "b"})
    with upstream.opened(tmp_path / "clone") as clone:
        clone.fetch()
        upstream.person.reset(first)
        rewritten = upstream.person_pushes({"c": "c"}, force=True)

        assert clone.fetch() == rewritten
        assert clone.not_contained(rewritten, [first, lost, rewritten, "1" * 40]) == {lost, "1" * 40}
        assert clone.not_contained(rewritten, []) == frozenset()
        assert [clone.has_commit(commit) for commit in (first, lost, "1" * 40, "main")] == [
            True,
            True,
            False,
            False,
        ]


def test_names_the_branches_that_there_are(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    for name in "abcdefg":
        upstream.bare.branch(name)

    with upstream.opened(tmp_path / "clone", branch="release") as clone, pytest.raises(RepositoryError) as raised:
        clone.fetch()

    assert str(raised.value) == (
        f"{upstream.bare.path}: has no branch release; it has a, b, c, d, e and 3 others; name one of these"
    )


def test_says_when_the_branch_is_gone(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        upstream.bare.git("branch", "-m", "main", "trunk")

        with pytest.raises(RepositoryError, match="has no branch main; it has trunk; name one of these"):
            clone.fetch()
        assert clone.repository.tip() == tip


def test_says_that_a_remote_is_empty(tmp_path: Path) -> None:
    empty = a_repository(tmp_path, name="empty.git", bare=True)

    with (
        opened_clone(tmp_path / "clone", Remote(url=str(empty.path)), "main") as clone,
        pytest.raises(RepositoryError, match="has no branch main; it has no branch at all yet; push one first"),
    ):
        clone.fetch()


def test_works_with_sha256_ids(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path, object_format="sha256")

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        commit = clone.commit(tip, {"rollouts.d/checkout.yaml": b"tier: 0\n"}, "Lower", BOT)

        assert (clone.repository.object_format, len(tip)) == ("sha256", 64)
        assert clone.push(commit, MAIN).is_accepted
        assert upstream.tip() == commit == clone.fetch()


def test_notices_that_a_remote_changed_its_kind_of_ids(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with upstream.opened(tmp_path / "clone") as clone:
        clone.fetch()
        upstream.bare.path.rename(tmp_path / "old")
        an_upstream(tmp_path / "new", object_format="sha256").bare.path.rename(upstream.bare.path)

        assert clone.fetch() == upstream.tip()
        assert clone.repository.object_format == "sha256"


def test_notices_a_remote_without_all_of_its_history(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    upstream.person_pushes({"b": "b"})
    shallow = upstream.bare.clone(tmp_path / "shallow.git", depth=1, bare=True)

    with opened_clone(tmp_path / "clone", Remote(url=str(shallow.path)), "main") as clone:
        clone.fetch()
        assert not clone.repository.is_complete()

        shallow.git("fetch", "--quiet", "--unshallow", upstream.bare.path.as_uri(), "main")
        clone.fetch()
        assert clone.repository.is_complete()


def test_a_clone_of_another_remote_or_branch_is_another_clone(tmp_path: Path) -> None:
    first, second = an_upstream(tmp_path), an_upstream(tmp_path, {"other": "x"}, name="second")
    second.bare.branch("side")
    with first.opened(tmp_path / "clone") as clone:
        old = clone.fetch()

    with second.opened(tmp_path / "clone", branch="side") as clone:
        with pytest.raises(RepositoryError, match="nothing was fetched yet; fetch first"):
            clone.repository  # noqa: B018
        assert clone.fetch() == second.tip()
        assert not clone.has_commit(old)


NO_BRANCHES = [
    *("-x", "--upload-pack=touch x", "refs/heads/-x", "a..b", "main^", "refs/heads/*", "", "a b", "x\ny", "HEAD"),
    *("refs/tags/v1", "refs/remotes/origin/main", "@{u}", "a//b", "main.lock", "x:y", "a" * 2000, "\udcff"),
]


@pytest.mark.parametrize("name", NO_BRANCHES)
def test_refuses_what_is_no_branch(tmp_path: Path, name: str) -> None:
    upstream = an_upstream(tmp_path)

    with (
        pytest.raises(UsageError, match="is no name of a branch; write it like main"),
        upstream.opened(tmp_path / "clone", branch=name),
    ):
        pass


@pytest.mark.parametrize("name", ["team/x", "fête", "a-b", "refs/heads/team/x", "@x", "+x"])
def test_takes_branches_of_any_legal_name(tmp_path: Path, name: str) -> None:
    upstream = an_upstream(tmp_path)
    upstream.bare.branch(name.removeprefix("refs/heads/"))

    with upstream.opened(tmp_path / "clone", branch=name) as clone:
        assert clone.fetch() == upstream.tip()


def test_fetches_the_branch_and_nothing_of_a_similar_name(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    tip = upstream.tip()
    upstream.bare.git("update-ref", f"refs/x/{MAIN}", tip)
    upstream.bare.git("tag", "main", upstream.person_pushes({"b": "b"}, branch="other"))

    with upstream.opened(tmp_path / "clone") as clone:
        assert clone.fetch() == tip
        assert clone.remote_refs("refs/heads/") == {MAIN: tip, "refs/heads/other": upstream.tip("refs/heads/other")}
        assert clone.remote_refs("refs/heads/o") == {"refs/heads/other": upstream.tip("refs/heads/other")}
        assert set(clone.remote_refs("refs/x/")) == {f"refs/x/{MAIN}"}
        assert clone.remote_refs("refs/heads/none") == {}


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    before = os.umask(0)
    try:
        with upstream.opened(tmp_path / "deep/down/clone") as clone:
            clone.fetch()
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "deep/down/clone").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep/down/clone.lock").stat().st_mode) == 0o600


def test_a_second_process_has_a_clone_beside(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with upstream.opened(tmp_path / "clone") as first, upstream.opened(tmp_path / "clone") as second:
        assert first.fetch() == second.fetch()
        assert (first.folder, second.folder) == (tmp_path / "clone", tmp_path / "clone-2")

    with upstream.opened(tmp_path / "clone") as again:
        assert again.folder == tmp_path / "clone"


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    code = (
        "import sys, pathlib; from reconciler.repository.clone import opened_clone as o;"
        "from reconciler.repository.remote import Remote\n"
        "with o(pathlib.Path(sys.argv[1]), Remote(url=sys.argv[2]), 'main') as clone:\n"
        "    clone.fetch(); print(clone.folder, flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "clone"), str(upstream.bare.path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == str(tmp_path / "clone")
        with upstream.opened(tmp_path / "clone") as clone:
            assert clone.folder == tmp_path / "clone-2"
        other.kill()

    with upstream.opened(tmp_path / "clone") as clone:
        assert clone.folder == tmp_path / "clone"
        assert clone.fetch() == upstream.tip()


def _fetched(url: str, folder: str) -> str:
    with opened_clone(Path(folder), Remote(url=url), "main") as clone:
        return clone.fetch()


def test_many_processes_at_once_share_no_folder(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        tips = list(pool.map(_fetched, [str(upstream.bare.path)] * 12, [str(tmp_path / "clone")] * 12))

    assert tips == [upstream.tip()] * 12


def test_says_when_too_many_hold_the_folder(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with ExitStack() as stack:
        for _ in range(MOST_PROCESSES):
            stack.enter_context(upstream.opened(tmp_path / "clone"))
        with pytest.raises(RepositoryError, match="16 processes have a clone here already; end one of them"):
            stack.enter_context(upstream.opened(tmp_path / "clone"))


def test_packs_what_lies_about_loose(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        crowd = clone.folder / "objects/17"
        crowd.mkdir(exist_ok=True)
        for number in range(30):
            (crowd / f"{number:038x}").touch()

        assert clone.fetch() == tip
        assert len(list((clone.folder / "objects/pack").glob("*.pack"))) == 1
        assert clone.repository.entries(tip, "rollouts.d") is not None


def test_reads_a_folder_of_any_name(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path, FILES, name="~ $HOME *= %41 'q'")

    with upstream.opened(tmp_path / "~ $HOME *=\n%41") as clone:
        assert clone.fetch() == upstream.tip()
