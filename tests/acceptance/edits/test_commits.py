"""Edits that are committed: here or on a branch of their own, as the person, and nothing besides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.editing import ADA, BEATEN, CHECKOUT, PATH, Quick, everything
from tests.builders.git import GitSandbox


def test_a_commit_holds_that_file_alone_and_leaves_what_is_staged(command: Quick, repository: GitSandbox) -> None:
    repository.write({"notes.txt": "staged\n", "rollouts.d/search.yaml": BEATEN + "owner: web\n"})
    repository.git("add", "notes.txt")

    answer = command("advance", "checkout", "--commit")

    assert answer.code == 0, answer.talk
    assert repository.git("log", "-1", "--format=%an|%s") == "Ada|Advance checkout: tier 2 -> 3"
    assert repository.git("show", "--format=", "--name-only", "HEAD") == PATH
    assert repository.git("status", "--short").splitlines() == ["A  notes.txt", " M rollouts.d/search.yaml"]
    assert f"committed {repository.tip()[:10]} on main\n" in answer.out


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        pytest.param(["pause", "checkout"], "Pause checkout", id="pause"),
        pytest.param(["restart", "search"], "Restart search: attempt 2, tier 0 -> 1", id="restart"),
        pytest.param(["deny", "checkout", "acme"], "Deny checkout: whitelist -1, blacklist +1", id="deny"),
        pytest.param(
            ["pause", "checkout", "-m", "Wait for legal\n\nAsked by Bo."], "Wait for legal", id="own words"
        ),
    ],
)
def test_a_commit_says_what_it_does(command: Quick, repository: GitSandbox, words: list[str], subject: str) -> None:
    assert command(*words, "--commit").code == 0
    assert repository.git("log", "-1", "--format=%s") == subject


def test_hooks_of_the_person_run_on_a_commit_and_can_refuse_it(command: Quick, repository: GitSandbox) -> None:
    hook = repository.path / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho no commits on Fridays\nexit 1\n")
    hook.chmod(0o755)
    before = everything(repository)

    refused = command("pause", "checkout", "--commit")
    after = everything(repository)
    branch = command("pause", "checkout", "--to-branch", "calm")

    assert (refused.code, refused.out) == (1, "")
    assert "no commits on Fridays" in refused.talk
    assert refused.talk.endswith("the file is as it was, mend that and try again\n")
    assert after == before
    assert branch.code == 0


def test_a_commit_takes_nothing_along_that_was_not_asked_for(command: Quick, repository: GitSandbox) -> None:
    repository.write({PATH: CHECKOUT + "owner: web\n"})
    unstaged = command("pause", "checkout", "--commit")
    repository.git("add", PATH)
    repository.write({PATH: CHECKOUT})
    staged = command("pause", "checkout", "--commit")
    repository.write({"rollouts.d/new.yaml": "feature: new\ntier: 0\n"})
    before = everything(repository)
    unknown = command("pause", "new", "--commit")

    assert (unstaged.code, staged.code, unknown.code) == (64, 64, 64)
    assert "has changes that are not committed" in unstaged.talk
    assert "has changes that are not committed" in staged.talk
    assert "is not in git yet" in unknown.talk
    assert everything(repository) == before


def test_who_has_no_name_in_git_is_told_so_before_anything_is_edited(
    command: Quick, repository: GitSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.git("config", "user.useConfigOnly", "true")
    for name in ADA:
        monkeypatch.delenv(name)
    before = everything(repository)

    answers = [command("pause", "checkout", *more) for more in (["--commit"], ["--to-branch", "calm"])]

    assert [answer.code for answer in answers] == [64, 64]
    assert all("set `git config user.name` and `git config user.email`" in answer.talk for answer in answers)
    assert everything(repository) == before


def test_a_detached_head_takes_no_commit_and_may_be_the_ground_of_a_branch(
    command: Quick, repository: GitSandbox
) -> None:
    repository.checkout("HEAD~0")

    refused, branched = (
        command("pause", "checkout", "--commit"),
        command("pause", "checkout", "--to-branch", "calm"),
    )

    assert (refused.code, branched.code) == (64, 0)
    assert "HEAD is detached" in refused.talk
    assert repository.git("rev-parse", "calm^") == repository.tip()


def test_a_branch_leaves_files_index_and_head_alone(command: Quick, repository: GitSandbox) -> None:
    repository.git("checkout", "-q", "-b", "work")
    repository.commit({PATH: CHECKOUT.replace("tier: 2", "tier: 1")})
    repository.write({"notes.txt": "staged\n", PATH: "not even YAML: ["})
    repository.git("add", "notes.txt")
    before = repository.git("status", "--short"), repository.tip()

    answer = command("advance", "checkout", "--to-branch", "up", "--branch", "main")

    assert answer.code == 0, answer.talk
    assert (repository.git("status", "--short"), repository.tip()) == before
    assert repository.git("show", f"up:{PATH}") + "\n" == CHECKOUT.replace("tier: 2", "tier: 3")
    assert repository.git("log", "--format=%an|%s", "main..up") == "Ada|Advance checkout: tier 2 -> 3"
    assert f"on up, on top of main {repository.tip('main')[:10]}\n" in answer.out


def test_a_branch_is_made_once_and_never_over_another(command: Quick, repository: GitSandbox) -> None:
    repository.branch("taken")
    first = command("advance", "checkout", "--to-branch", "up")
    tip = repository.tip("up")
    repository.commit({"rollouts.d/other.yaml": "feature: other\ntier: 0\n"})

    again = command("advance", "checkout", "--to-branch", "up")
    other = command("pause", "checkout", "--to-branch", "up")
    taken = command("advance", "checkout", "--to-branch", "taken")
    reviewed = command("advance", "checkout", "--to-branch", "main")

    assert (first.code, again.code, other.code, taken.code, reviewed.code) == (0, 0, 64, 64, 64)
    assert "is there already and holds something else" in other.talk
    assert repository.tip("up") == tip
    assert repository.tip("taken") == repository.tip("main~1")


def test_a_branch_is_made_in_a_bare_repository(command: Quick, remote: GitSandbox) -> None:
    command = command.at(remote.path)

    edited, committed = command("pause", "checkout"), command("pause", "checkout", "--commit")
    branched = command("pause", "checkout", "--to-branch", "calm")

    assert (edited.code, committed.code, branched.code) == (64, 64, 0)
    assert "is bare and has no working tree; name a branch with --to-branch" in edited.talk
    assert "paused: true" in remote.git("show", f"calm:{PATH}")


def test_whose_commits_are_signed_has_these_signed_as_well(command: Quick, repository: GitSandbox) -> None:
    signer = repository.path / ".git/signer"
    signer.write_text(
        "#!/bin/sh\ncat > /dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\n"
        "echo '-----BEGIN PGP SIGNATURE-----'\necho\necho ada\necho '-----END PGP SIGNATURE-----'\n"
    )
    signer.chmod(0o755)
    repository.git("config", "gpg.program", str(signer))
    repository.git("config", "commit.gpgSign", "true")

    assert command("advance", "checkout", "--to-branch", "up").code == 0
    assert command("advance", "checkout", "--commit").code == 0

    assert all("gpgsig " in repository.git("cat-file", "commit", each) for each in ("up", "main"))


def test_who_commits_on_the_reviewed_branch_is_told_of_the_other_way(
    command: Quick, remote: GitSandbox, tmp_path: Path
) -> None:
    clone = remote.clone(tmp_path / "clone")
    there = command.at(clone.path)

    told = there("pause", "checkout", "--commit")
    clone.git("checkout", "-q", "-b", "work")
    elsewhere = there("resume", "checkout", "--commit")

    assert told.talk == ("note: main is the branch that is reviewed; --to-branch makes one for a pull request\n")
    assert elsewhere.talk == ""


def test_a_linked_worktree_is_as_good_as_any(command: Quick, repository: GitSandbox, tmp_path: Path) -> None:
    repository.git("worktree", "add", "-q", "-b", "work", str(tmp_path / "linked"))
    there = command.at(tmp_path / "linked")

    answers = [there("pause", "checkout", "--commit"), there("deny", "checkout", "bad", "--to-branch", "no")]

    assert [each.code for each in answers] == [0, 0]
    assert repository.git("log", "-1", "--format=%s", "work") == "Pause checkout"
    assert repository.git("rev-parse", "no^") == repository.tip("work")
    assert repository.git("status", "--short") == ""
