"""Branches that are pushed for a pull request: never by force, and never over a branch of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.editing import Quick, everything
from tests.builders.git import GitSandbox


def test_a_push_makes_a_branch_for_a_pull_request_and_tells_where(
    command: Quick, repository: GitSandbox, remote: GitSandbox
) -> None:
    hook = remote.path / "hooks/post-receive"
    hook.write_text(
        "#!/bin/sh\necho 'Create a pull request by visiting:'\necho ' https://h.test/shop/pull/new/x'\n"
    )
    hook.chmod(0o755)
    main = remote.tip("main")

    pushed = command("advance", "checkout", "--push")
    again = command("advance", "checkout", "--push", "--output", "json")

    assert (pushed.code, again.code) == (0, 0)
    assert pushed.out.endswith("pushed to origin\n-> open a pull request: https://h.test/shop/pull/new/x\n")
    assert "remote: Create a pull request by visiting:\n" in pushed.talk
    assert again.json["branch"] == "rollout/checkout-tier-3"
    assert (
        again.json["commit"] == remote.tip("rollout/checkout-tier-3") == repository.tip("rollout/checkout-tier-3")
    )
    assert remote.tip("main") == main


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--commit", "--push"], id="the default branch of the remote"),
        pytest.param(["--commit", "--push", "--branch", "work"], id="the one that is named"),
        pytest.param(["--to-branch", "theirs", "--push"], id="a branch that only the remote has"),
    ],
)
def test_nothing_is_pushed_to_a_branch_of_others(
    command: Quick, repository: GitSandbox, remote: GitSandbox, words: list[str]
) -> None:
    if "work" in words:
        repository.git("checkout", "-q", "-b", "work")
    remote.branch("theirs")
    before, there = everything(repository), remote.git("for-each-ref")

    answer = command("advance", "checkout", *words)

    assert (answer.code, answer.out) == (64, "")
    assert (everything(repository), remote.git("for-each-ref")) == (before, there)


def test_a_commit_is_pushed_on_the_branch_it_is_on(
    command: Quick, repository: GitSandbox, remote: GitSandbox
) -> None:
    repository.git("checkout", "-q", "-b", "work", "--track", "origin/main")

    answer = command("advance", "checkout", "--commit", "--push")

    assert answer.code == 0, answer.talk
    assert remote.tip("work") == repository.tip("work")
    assert remote.tip("main") == repository.tip("main")


def test_a_push_that_is_refused_loses_nothing_and_says_how_to_go_on(
    command: Quick, repository: GitSandbox, remote: GitSandbox
) -> None:
    hook = remote.path / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nprintf 'frozen \\033[31muntil Monday\\n'\nexit 1\n")
    hook.chmod(0o755)

    refused = command("advance", "checkout", "--push")
    hook.unlink()
    again = command("advance", "checkout", "--push")

    assert (refused.code, refused.out) == (1, "")
    assert "frozen" in refused.talk
    assert "\x1b" not in refused.talk
    assert "nothing is lost, the commit is on rollout/checkout-tier-3 here: `git push origin" in refused.talk
    assert again.code == 0
    assert remote.tip("rollout/checkout-tier-3") == repository.tip("rollout/checkout-tier-3")


def test_a_push_never_forces(command: Quick, repository: GitSandbox, remote: GitSandbox, tmp_path: Path) -> None:
    repository.git("checkout", "-q", "-b", "work")
    other = remote.clone(tmp_path / "other")
    other.git("checkout", "-q", "-b", "work")
    theirs = other.commit({"notes.txt": "theirs\n"})
    other.git("push", "-q", "origin", "work")

    answer = command("advance", "checkout", "--commit", "--push")

    assert answer.code == 1
    assert "origin did not take branch work (! [rejected]" in answer.talk
    assert remote.tip("work") == theirs
    assert repository.git("log", "-1", "--format=%s") == "Advance checkout: tier 2 -> 3"


def test_a_remote_that_is_not_there_is_said_before_anything_is_written(
    command: Quick, repository: GitSandbox
) -> None:
    none = command("pause", "checkout", "--push")
    repository.git("remote", "add", "origin", "https://ada:hunter2@127.0.0.1:9/shop")
    before = everything(repository)

    away = command("pause", "checkout", "--push")

    assert (none.code, away.code) == (64, 1)
    assert "name one with --remote" in none.talk
    assert "can't be reached" in away.talk
    assert "hunter2" not in away.talk
    assert everything(repository) == before
