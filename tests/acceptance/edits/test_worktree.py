"""What the commands make of a definition in the working tree, what they say of it and what they refuse."""

from __future__ import annotations

import re

import pytest

from tests.builders.command import Answer
from tests.builders.database import Database
from tests.builders.editing import CHECKOUT, PATH, Quick, everything
from tests.builders.git import GitSandbox, Symlink


def test_advance_changes_one_line_of_the_working_tree(command: Quick, repository: GitSandbox) -> None:
    answer = command("advance", "checkout")

    assert (answer.code, answer.talk) == (0, "")
    assert (repository.path / PATH).read_text() == CHECKOUT.replace("tier: 2", "tier: 3")
    assert repository.git("status", "--short") == f" M {PATH}"
    head, rest = answer.out.split("\n\n", 1)
    assert head.splitlines()[:2] == [
        "checkout  tier 2 -> 3, 10 % -> 50 % of the customers",
        "  raised once 48h at tier 2 are served, 1 customer had it, and it is healthy",
    ]
    assert re.fullmatch(r"  tier 4, its target, can be reached on .* UTC at the earliest", head.splitlines()[2])
    assert rest == (
        f"--- a/{PATH}\n+++ b/{PATH}\n@@ -1,4 +1,4 @@\n feature: checkout  # careful\n-tier: 2\n+tier: 3\n"
        f" dwell: 48h\n whitelist: [acme]\n\nedited {PATH}\n"
        "-> look with `reconciler plan --worktree`, commit it and open a pull request\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["resume", "checkout"], "checkout is not paused", id="resume"),
        pytest.param(["advance", "checkout", "--to", "2"], "checkout asks for tier 2 already", id="advance"),
        pytest.param(
            ["allow", "checkout", "acme"], "checkout has this customer on its whitelist already", id="allow"
        ),
        pytest.param(
            ["deny", "checkout", "acme", "globex", "--remove"],
            "checkout has none of these customers on its blacklist",
            id="deny",
        ),
    ],
)
def test_what_is_so_already_is_said_and_nothing_is_written(
    command: Quick, repository: GitSandbox, words: list[str], told: str
) -> None:
    before = (repository.path / PATH).stat()

    answers = [command(*words), command(*words, "--commit"), command(*words, "--push")]

    assert answers == [Answer(code=0, out=f"nothing to do: {told}\n", talk="")] * 3
    assert (repository.path / PATH).stat() == before


def test_the_target_is_as_far_as_it_goes(command: Quick, repository: GitSandbox) -> None:
    repository.write({PATH: CHECKOUT + "target: 2\n"})

    answer = command("advance", "checkout")

    assert answer.code == 0
    assert " ".join(answer.out.split()) == (
        "nothing to do: checkout asks for its target already, tier 2; a higher `target` would let it go on"
    )


@pytest.mark.parametrize(
    ("content", "words", "code", "told"),
    [
        pytest.param(CHECKOUT, ["advance", "checkout", "--to", "4"], 3, "skips tier 3", id="a skip"),
        pytest.param(CHECKOUT, ["advance", "checkout", "--to", "1"], 64, "advance only raises", id="a demotion"),
        pytest.param(
            CHECKOUT, ["advance", "search"], 3, "`reconciler restart search` begins attempt 2", id="beaten"
        ),
        pytest.param(CHECKOUT, ["restart", "checkout"], 3, "wait for the rollback commit, or pull", id="unbeaten"),
        pytest.param(CHECKOUT, ["advance", "chekout"], 64, "did you mean checkout?", id="no such feature"),
        pytest.param(CHECKOUT, ["advance", "zzz"], 64, "`reconciler new` writes one", id="none like it"),
        pytest.param(
            CHECKOUT + "target: 2\n", ["advance", "checkout", "--to", "3"], 3, f"{PATH}:2:7: ", id="target"
        ),
        pytest.param(CHECKOUT + "dwell: 1m\n", ["pause", "checkout"], 3, f"{PATH}:5:1: ", id="broken before"),
        pytest.param(
            "feature: checkout\ntier: 2\ndwell: 1m\n", ["pause", "checkout"], 3, "[min-dwell]", id="floor"
        ),
        pytest.param(CHECKOUT, ["allow", "checkout", ""], 3, "would be refused: ", id="no customer"),
        pytest.param(
            Symlink("other.yaml"), ["advance", "checkout"], 3, "symlink, which is never followed", id="link"
        ),
        pytest.param(CHECKOUT, ["pause", "checkout", "-m", "why"], 64, "add --commit", id="message of nothing"),
        pytest.param(
            CHECKOUT, ["pause", "checkout", "--commit", "--to-branch", "x"], 64, "leave one out", id="both"
        ),
        pytest.param(
            CHECKOUT, ["pause", "checkout", "--to-branch", "a..b"], 64, "no name of a branch", id="bad branch"
        ),
        pytest.param(
            CHECKOUT, ["pause", "checkout", "--to-branch=--all"], 64, "no name of a branch", id="an option"
        ),
    ],
)
def test_what_may_not_be_is_refused_and_nothing_is_written(
    command: Quick, repository: GitSandbox, content: str | Symlink, words: list[str], code: int, told: str
) -> None:
    (repository.path / "rollouts.d/web/other.yaml").write_text("feature: other\ntier: 2\n")
    repository.commit({PATH: content})
    before = everything(repository)

    answer = command(*words)

    assert (answer.code, answer.out) == (code, "")
    assert told in answer.talk
    assert everything(repository) == before


def test_a_restart_says_when_it_can_be_where_it_was(command: Quick, repository: GitSandbox) -> None:
    for tier, said in ((1, ""), (2, ""), (3, ""), (0, "rolled_back: 1\n"), (0, "rolled_back: 1\nowner: web\n")):
        repository.commit({"rollouts.d/search.yaml": f"feature: search\ntier: {tier}\ndwell: 24h\n{said}"})

    answer = command("restart", "search", "--output", "json")

    told = answer.json
    assert (told["before"]["attempt"], told["after"]["attempt"], told["after"]["tier"]) == (1, 2, 1)
    assert [(each["tier"], each["stood_before"]) for each in told["reachable"]] == [(3, True), (4, False)]
    assert command("validate", "--worktree").code == 0
    assert "feature: search\ntier: 1\nattempt: 2\ndwell: 24h\nrolled_back: 1\n" in "\n".join(
        [(repository.path / "rollouts.d/search.yaml").read_text()]
    )


def test_a_restart_before_git_knows_is_told_what_the_database_knows(
    command: Quick, repository: GitSandbox, database: Database
) -> None:
    repository.commit({PATH: CHECKOUT.replace("tier: 2", "tier: 1")})
    variables = {"RECONCILER_DSN": database.dsn_for("rollouts_reconciler"), "RECONCILER_BRANCH": "main"}
    assert command("apply", **variables).code == 0
    assert command("rollback", "checkout", "--reason", "it burns", **variables).code == 0

    told = command("restart", "checkout", **variables)
    unreachable = command("restart", "checkout", RECONCILER_DSN="host=/nowhere")

    assert (told.code, unreachable.code) == (3, 3)
    assert "attempt 1 was rolled back (it burns), git is not told of it yet; wait for the rollback" in told.talk
    assert unreachable.talk == (
        f"error: {PATH}:2:7: git does not know of a rollback of attempt 1; wait for the rollback commit, or pull\n"
    )


def test_a_customer_is_on_one_list_only(command: Quick, repository: GitSandbox) -> None:
    denied = command("deny", "checkout", "acme", "007", "--output", "json").json
    allowed = command("allow", "checkout", "007")

    assert denied["lists"] == {
        "whitelist": {"added": [], "removed": ["acme"]},
        "blacklist": {"added": ["007", "acme"], "removed": []},
    }
    assert allowed.out.splitlines()[:2] == ["checkout  whitelist +1 (007)", "  blacklist -1 (007)"]
    assert command("validate", "--worktree").code == 0


def test_a_dry_run_writes_nothing(command: Quick, repository: GitSandbox, remote: GitSandbox) -> None:
    before = everything(repository)

    answers = [command("pause", "checkout", "--dry-run", *more) for more in ([], ["--commit"], ["--push"])]

    assert [answer.code for answer in answers] == [0, 0, 0]
    assert all("+paused: true\n" in each.out and "nothing is written" in each.out for each in answers)
    assert everything(repository) == before
    assert remote.git("branch", "--list", "rollout/*") == ""


def test_crlf_and_everything_else_stay(command: Quick, repository: GitSandbox) -> None:
    content = b"\xef\xbb\xbf" + CHECKOUT.replace("\n", "\r\n").encode()
    repository.commit({PATH: content})

    answer = command("advance", "checkout")

    assert (repository.path / PATH).read_bytes() == content.replace(b"tier: 2", b"tier: 3")
    assert "\r" not in answer.out


def test_the_root_says_which_environment_is_meant(command: Quick, repository: GitSandbox) -> None:
    both = {f"rollouts.d/{place}/checkout.yaml": CHECKOUT for place in ("staging", "production")}
    repository.commit(both, delete=[PATH, "rollouts.d/_policy.yaml"])

    ambiguous = command("advance", "checkout")
    named = command("advance", "checkout", "--root", "rollouts.d/staging")
    branch = command("advance", "checkout", "--root", "rollouts.d/production", "--to-branch", "up")

    assert (ambiguous.code, named.code, branch.code) == (3, 0, 0)
    assert "[two-files]" in ambiguous.talk
    assert repository.git("status", "--short") == " M rollouts.d/staging/checkout.yaml"
    assert repository.git("diff", "--name-only", "main", "up") == "rollouts.d/production/checkout.yaml"
