"""A push adds to what people pushed or changes nothing; what the remote holds afterwards is the only answer."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.repository.clone import Clone, opened_clone
from reconciler.repository.remote import Remote
from tests.builders.http_git import an_http_remote
from tests.builders.remotes import BOT, MAIN, Upstream, a_script, an_upstream

LOWERED = {"rollouts.d/checkout.yaml": b"feature: checkout\ntier: 0\n"}


def a_commit(clone: Clone, tip: str, number: int = 0) -> str:
    return clone.commit(tip, LOWERED, f"Lower {number}", BOT)


def test_a_commit_arrives(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        commit = a_commit(clone, tip)
        report = clone.push(commit, MAIN)

        assert (report.is_accepted, report.said) == (True, f"{tip[:7]}..{commit[:7]}")
        assert clone.remote_refs("refs/heads/") == {MAIN: commit}
        assert clone.fetch() == commit


def test_a_push_that_arrived_before_is_accepted_again(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        commit = a_commit(clone, clone.fetch())
        reports = [clone.push(commit, MAIN), clone.push(commit, MAIN)]

    assert [report.is_accepted for report in reports] == [True, True]


def test_a_push_makes_a_branch(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        commit = a_commit(clone, clone.fetch())
        report = clone.push(commit, "refs/heads/rollback/rollouts.d/checkout-1")

    assert report.is_accepted
    assert upstream.tip("refs/heads/rollback/rollouts.d/checkout-1") == commit


def test_stacked_commits_arrive_in_one_push(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        first = tip = clone.fetch()
        stack = []
        for number in range(20):
            tip = clone.commit(tip, {f"rollouts.d/{number}.yaml": b"tier: 0\n"}, f"Roll back {number}", BOT)
            stack.append(tip)
        assert clone.push(tip, MAIN).is_accepted
        assert clone.not_contained(clone.fetch(), stack) == frozenset()

    assert upstream.bare.git("rev-list", "--reverse", f"{first}..{MAIN}").split() == stack


def test_a_commit_of_a_person_is_never_lost(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        commit = a_commit(clone, clone.fetch())
        human = upstream.person_pushes({"b": "b"})
        report = clone.push(commit, MAIN)

        assert not report.is_accepted
        assert clone.fetch() == human == upstream.tip()
        assert clone.not_contained(human, [commit]) == {commit}
        assert clone.push(a_commit(clone, human), MAIN).is_accepted


def test_a_rewritten_branch_is_not_overwritten(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    first = upstream.tip()
    upstream.person_pushes({"b": "b"})

    with upstream.opened(tmp_path / "clone") as clone:
        commit = a_commit(clone, clone.fetch())
        upstream.person.reset(first)
        rewritten = upstream.person_pushes({"c": "c"}, force=True)

        assert not clone.push(commit, MAIN).is_accepted
        assert upstream.tip() == rewritten


REFUSALS = [
    pytest.param("exit 1", id="without a word"),
    pytest.param("echo 'fatal: hook declined' >&2; exit 1", id="with a word"),
    pytest.param("echo 'To origin'; echo ' \tabc:refs/heads/main\t1..2'; echo Done; exit 1", id="like a success"),
    pytest.param("printf 'ok refs/heads/main\\n0000' >&2; exit 1", id="like the protocol"),
    pytest.param("printf '\\033[2J\\033]0;x\\007\\r\\n::error::x\\n\\0\\377' >&2; exit 1", id="in colours"),
    pytest.param("printf 'abgelehnt: Zweig ist gesch\\303\\274tzt\\n' >&2; exit 1", id="in German"),
    pytest.param("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", id="at length"),
    pytest.param("kill -9 $$", id="by dying"),
]


@pytest.mark.parametrize("hook", ["pre-receive", pytest.param("update", marks=pytest.mark.slow)])
@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_in_any_words_is_one(tmp_path: Path, hook: str, text: str) -> None:
    upstream = an_upstream(tmp_path)
    tip = upstream.tip()
    upstream.hook(hook, f"cat >/dev/null\n{text}")

    with upstream.opened(tmp_path / "clone") as clone:
        report = clone.push(a_commit(clone, clone.fetch()), MAIN)

        assert not report.is_accepted
        assert report.said.isprintable()
        assert 0 < len(report.said) <= 500
        assert clone.fetch() == tip == upstream.tip()


def test_a_push_that_sounds_refused_may_have_arrived(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    upstream.hook("post-receive", "echo '! [remote rejected] main -> main (declined)' >&2; exit 1")

    with upstream.opened(tmp_path / "clone") as clone:
        commit = a_commit(clone, clone.fetch())
        clone.push(commit, MAIN)

        assert clone.fetch() == commit


def test_a_push_that_was_given_up_may_have_arrived(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    upstream.hook("post-receive", "sleep 30")

    with upstream.opened(tmp_path / "clone", timeout=timedelta(seconds=1)) as clone:
        commit = a_commit(clone, clone.fetch())
        began = time.monotonic()
        report = clone.push(commit, MAIN)

        assert time.monotonic() - began < 3
        assert not report.is_accepted
        assert report.said.startswith(f"{upstream.bare.path}: git push did not end within 1 s and was stopped; ")
        assert clone.fetch() == commit


def test_a_push_that_was_given_up_before_it_arrived_did_not(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    tip = upstream.tip()
    upstream.hook("pre-receive", "sleep 30")

    with upstream.opened(tmp_path / "clone", timeout=timedelta(seconds=1)) as clone:
        report = clone.push(a_commit(clone, clone.fetch()), MAIN)

        assert not report.is_accepted
        assert clone.fetch() == tip


@pytest.mark.parametrize("lock", [f"{MAIN}.lock", "packed-refs.lock"])
def test_a_locked_branch_is_a_refusal_until_it_is_free(tmp_path: Path, lock: str) -> None:
    upstream = an_upstream(tmp_path)
    upstream.bare.git("pack-refs", "--all")
    (upstream.bare.path / lock).parent.mkdir(parents=True, exist_ok=True)
    (upstream.bare.path / lock).touch()

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        commit = a_commit(clone, tip)
        report = clone.push(commit, MAIN)
        assert clone.fetch() == (commit if report.is_accepted else tip)
        assert report.is_accepted is (lock == "packed-refs.lock")

        (upstream.bare.path / lock).unlink()
        assert clone.push(commit, MAIN).is_accepted
        assert clone.fetch() == commit


def test_a_remote_that_may_only_be_read_refuses(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with (
        an_http_remote(upstream.bare) as host,
        opened_clone(tmp_path / "clone", Remote(url=host.url), "main") as clone,
    ):
        tip = clone.fetch()
        host.is_read_only = True
        report = clone.push(a_commit(clone, tip), MAIN)

        assert not report.is_accepted
        assert "403" in report.said
        assert clone.fetch() == tip


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_remote_on_a_disk_that_may_only_be_read_refuses(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    folders = [path for path in (upstream.bare.path, *upstream.bare.path.rglob("*")) if path.is_dir()]
    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        for folder in folders:
            folder.chmod(0o500)
        try:
            assert not clone.push(a_commit(clone, tip), MAIN).is_accepted
            assert clone.fetch() == tip
        finally:
            for folder in folders:
                folder.chmod(0o700)


def test_a_remote_that_is_gone_is_no_error_but_a_report(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        commit = a_commit(clone, clone.fetch())
        shutil.rmtree(upstream.bare.path)
        report = clone.push(commit, MAIN)

    assert not report.is_accepted
    assert "does not appear to be a git repository" in report.said


@pytest.mark.parametrize(
    "ref", ["-x", "--force", "+refs/heads/main", "a:b", "refs/tags/v1", "refs/heads/*", "", "HEAD"]
)
def test_pushes_to_branches_alone(tmp_path: Path, ref: str) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        commit = a_commit(clone, clone.fetch())
        for push in (clone.push, lambda id_, name: clone.push_over(id_, name, expected=None)):
            if ref == "+refs/heads/main":
                continue
            with pytest.raises(UsageError, match="is no name of a branch"):
                push(commit, ref)


@pytest.mark.parametrize("commit", ["HEAD", "main", "", "-d", "+" + "1" * 40, ":" + "1" * 40, "1" * 39])
def test_pushes_full_ids_alone(tmp_path: Path, commit: str) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        clone.fetch()
        with pytest.raises(UsageError, match="is no full commit id"):
            clone.push(commit, MAIN)


def test_a_commit_that_is_not_there_is_not_pushed(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        assert not clone.push("1" * 40, MAIN).is_accepted
        assert clone.fetch() == tip


def _write_back(arguments: tuple[str, str, int]) -> list[str]:
    url, folder, number = arguments
    done = []
    with opened_clone(Path(folder), Remote(url=url), "main") as clone:
        for count in range(3):
            tip = clone.fetch()
            path = f"rollouts.d/{number}-{count}.yaml"
            while True:
                commit = clone.commit(tip, {path: b"tier: 0\n"}, f"Roll back {number}-{count}", BOT)
                if clone.push(commit, MAIN).is_accepted:
                    break
                tip = clone.fetch()
            done.append(commit)
    return done


def test_writers_and_a_person_lose_nothing_of_one_another(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        work = [(str(upstream.bare.path), str(tmp_path / "clone"), number) for number in range(3)]
        running = pool.map(_write_back, work)
        human = [_person_commits(upstream, number) for number in range(4)]
        made = [commit for done in running for commit in done]

    contained = upstream.bare.git("rev-list", MAIN).split()
    assert len(contained) == 1 + len(human) + len(made)
    assert {*made, *human} < {*contained}


def _person_commits(upstream: Upstream, number: int) -> str:
    person = upstream.person
    while True:
        person.git("fetch", "--quiet", str(upstream.bare.path), "main")
        person.reset("FETCH_HEAD")
        commit = person.commit({f"human{number}": "x"})
        try:
            person.git("push", "--quiet", str(upstream.bare.path), "HEAD:main")
        except AssertionError:
            continue
        return commit


OURS = "refs/heads/advance/checkout"


def test_a_branch_of_our_own_is_made_moved_and_deleted(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        first, second = a_commit(clone, tip, 1), a_commit(clone, tip, 2)

        assert clone.push_over(first, OURS, expected=None).is_accepted
        assert clone.push_over(second, OURS, expected=first).is_accepted
        assert clone.remote_refs("refs/heads/advance/") == {OURS: second}
        assert clone.push_over(None, OURS, expected=second).is_accepted
        assert clone.remote_refs("refs/heads/advance/") == {}


@pytest.mark.parametrize(
    "expected", [pytest.param(lambda _: None, id="not there"), pytest.param(lambda ours: ours, id="as we left it")]
)
@pytest.mark.parametrize("is_deletion", [False, True])
def test_a_branch_that_a_person_touched_is_left_alone(
    tmp_path: Path, expected: Callable[[str], str | None], is_deletion: bool
) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        ours, other = a_commit(clone, tip, 1), a_commit(clone, tip, 2)
        clone.push_over(ours, OURS, expected=None)
        touched = upstream.person_pushes({"b": "b"}, force=True, branch="advance/checkout")

        report = clone.push_over(None if is_deletion else other, OURS, expected=expected(ours))

        assert not report.is_accepted
        assert "stale info" in report.said
        assert upstream.tip(OURS) == touched


def test_a_branch_that_a_person_deleted_does_not_come_back(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        ours, other = a_commit(clone, tip, 1), a_commit(clone, tip, 2)
        clone.push_over(ours, OURS, expected=None)
        upstream.bare.git("update-ref", "-d", OURS)

        assert not clone.push_over(other, OURS, expected=ours).is_accepted
        assert not clone.push_over(None, OURS, expected=ours).is_accepted
        assert clone.remote_refs(OURS) == {}


def test_the_branch_that_is_applied_is_never_pushed_over(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        for name in (MAIN, "main"):
            with pytest.raises(UsageError, match="is the branch that is applied; it is never pushed over"):
                clone.push_over(None, name, expected=tip)

    assert upstream.tip() == tip


def test_no_hook_of_ours_keeps_a_push_back(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        commit = a_commit(clone, clone.fetch())
        a_script(clone.folder / "hooks/pre-push", "exit 1")

        assert clone.push(commit, MAIN).is_accepted
