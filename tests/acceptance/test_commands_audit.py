"""The commands that look back, history and verify, run as a person runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.builders.command import Command
from tests.builders.database import Database
from tests.builders.git import GitSandbox, a_repository

CHECKOUT = "feature: checkout\nowner: team-payments\ntier: 1\n"
RAISED = CHECKOUT.replace("tier: 1", "tier: 2")
PATH = "rollouts.d/checkout.yaml"
POLICY = "min_dwell: 0s\ndwell: 0s\nthresholds: {min_exposed: 0}\n"


@pytest.fixture
def repository(tmp_path: Path) -> GitSandbox:
    return a_repository(tmp_path, {PATH: CHECKOUT, "rollouts.d/_policy.yaml": POLICY})


@pytest.fixture
def command(repository: GitSandbox, database: Database) -> Command:
    variables = {
        "RECONCILER_DSN": database.dsn_for("rollouts_reconciler"),
        "RECONCILER_BRANCH": "main",
        "RECONCILER_ACTOR": "ada",
    }
    return Command(folder=repository.path, variables=variables)


def timeline(command: Command) -> list[tuple[Any, ...]]:
    """Return subject, fate and versions of each entry."""
    told = command("history", "checkout", "--output", "json").json["timeline"]
    return [((each["commit"] or {}).get("subject"), each["fate"], each["transitions"]) for each in told]


def test_a_commit_stands_together_with_what_it_caused(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.commit({PATH: RAISED}, message="Raise checkout")
    repository.commit({"README": "unrelated"}, message="Write a readme")
    command("apply")
    repository.commit({PATH: RAISED + "# why\n"}, message="Say why")
    command("apply")
    repository.commit({PATH: CHECKOUT}, message="Lower it")
    repository.commit({PATH: RAISED}, message="Raise it again")

    assert timeline(command) == [
        ("Lay the first rollouts", "applied", [1]),
        ("Raise checkout", "applied", [2]),
        ("Say why", "changed-nothing", []),
        ("Lower it", "not-applied", []),
        ("Raise it again", "not-applied", []),
    ]
    command("apply")
    assert timeline(command)[3:] == [("Lower it", "superseded", []), ("Raise it again", "changed-nothing", [])]


def test_a_file_is_followed_wherever_it_moves(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.commit({"rollouts.d/team/checkout.yaml": CHECKOUT}, message="Move it", delete=[PATH])
    command("apply")
    repository.commit({"rollouts.d/team/checkout.yaml": RAISED}, message="Raise it")
    command("apply")

    assert timeline(command) == [
        ("Lay the first rollouts", "applied", [1]),
        ("Move it", "changed-nothing", []),
        ("Raise it", "applied", [2]),
    ]


def test_a_merged_branch_shows_who_wrote_it_and_the_merge(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.branch("raise")
    repository.commit({"README": "unrelated"})
    repository.checkout("raise")
    repository.commit({PATH: RAISED}, message="Raise checkout")
    repository.checkout("main")
    merge = repository.merge("raise", message="Merge the raise")
    command("apply")

    entry = command("history", "checkout", "--output", "json").json["timeline"][1]
    text = command("history", "checkout").out

    assert (entry["commit"]["subject"], entry["merge"]["subject"]) == ("Raise checkout", "Merge the raise")
    assert entry["transitions"] == [2]
    assert f"merged: {merge[:10]} by Ada Author" in text


def test_a_change_of_the_policy_stands_with_what_it_caused(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.commit({"rollouts.d/_policy.yaml": POLICY.replace("dwell: 0s\nth", "dwell: 5h\nth")}, message="Wait")
    command("apply")

    assert timeline(command) == [("Lay the first rollouts", "applied", [1]), ("Wait", "applied", [2])]


def test_a_rollback_says_why_and_how_git_was_told(command: Command, repository: GitSandbox, tmp_path: Path) -> None:
    remote = repository.clone(tmp_path / "remote.git", bare=True)
    command("apply")
    command("rollback", "checkout", "--reason", "double charges")
    before = command("history", "checkout").out
    command("run", "--once", RECONCILER_REMOTE=str(remote.path))
    told = remote.tip("main")
    repository.git("fetch", "--quiet", str(remote.path), "main:told")
    after = command("history", "checkout", "--branch", "told").out

    assert "double charges\n      a person by ada\n      git is not told yet\n" in before
    assert f"git was told by {told[:10]}" in after
    assert f"{told[:10]}  Roll back checkout: tier 1 -> 0" in after
    assert "tells git of version 2" in after


def test_outside_a_clone_the_transitions_are_shown_alone(command: Command, tmp_path: Path) -> None:
    command("apply")
    outside = tmp_path / "outside"
    outside.mkdir()

    told = command("history", "checkout", "--repository", str(outside))

    assert (told.code, "tier 1" in told.out, "Ada Author" in told.out) == (0, True, False)
    assert told.talk.startswith("note: git tells nothing here (")
    assert told.talk.endswith("these are the transitions alone\n")


def test_a_shallow_clone_says_that_commits_are_missing(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.commit({PATH: RAISED})
    shallow = repository.clone(repository.path.parent / "shallow", depth=1)

    told = command("history", "checkout", "--repository", str(shallow.path))

    assert told.code == 0
    assert told.talk == (
        "note: this clone holds only a part of the history; run `git fetch --unshallow` to see all commits\n"
    )


def test_hostile_subjects_stay_on_their_line(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.commit({PATH: RAISED}, message="::error::x \x1b[31m\u202e @team ##[group] <b> | cell")
    command("apply")

    text = command("history", "checkout").out
    markdown = command("history", "checkout", "--output", "markdown").out

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert "&lt;b&gt; \\| cell" in markdown
    assert "@team" not in markdown


def test_verify_finds_nothing_where_nothing_is_wrong(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.commit({PATH: RAISED})
    command("apply")

    told, as_json = command("verify"), command("verify", "--output", "json")

    assert (told.code, told.talk, as_json.code) == (0, "", 0)
    assert told.out == (
        f"verify {repository.tip()[:10]}  rollouts.d, in force {repository.tip()[:10]}\n"
        "checked 2 transitions of 1 rollout, 2 commits taken into force, 0 rollbacks to\n"
        "tell git of, 0 commits that tell of one\n"
        "\n"
        "everything fits\n"
    )
    assert (as_json.json["fits"], as_json.json["findings"], as_json.json["checked"]["transitions"]) == (True, [], 2)


def test_verify_names_what_does_not_fit_and_answers_3(command: Command, database: Database) -> None:
    command("apply")
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        admin.execute("alter table rollouts.feature_rollouts disable trigger guard")
        admin.execute("update rollouts.feature_rollouts set percentage = 100")

    told, page = command("verify", "checkout"), command("verify", "--output", "markdown")

    assert (told.code, page.code) == (3, 3)
    assert "feature_rollouts, which applications read, differs from the chain:" in told.out
    assert "feature_rollouts.guard: guard_rollout" in told.out
    assert told.out.endswith("2 things do not fit\n")
    assert page.out.count("\n| ") == 4


def test_verify_says_what_a_shallow_clone_cannot_check(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.commit({PATH: RAISED})
    command("apply")
    shallow = repository.clone(repository.path.parent / "shallow", depth=1)

    told = command("verify", "--repository", str(shallow.path))

    assert told.code == 0
    assert "not checked: 1 commit can't be compared: this clone holds only a part of the" in told.out
    assert told.out.endswith("everything that could be checked fits\n")


def test_verify_knows_no_feature_that_is_not_there(command: Command) -> None:
    command("apply")

    told = command("verify", "chekout")

    assert (told.code, told.out) == (64, "")
    assert told.talk == "error: feature chekout is not in this database; did you mean checkout?\n"


def test_verify_wants_the_root_that_the_database_serves(command: Command) -> None:
    command("apply")

    told = command("verify", "--root", "other.d")

    assert (told.code, told.talk) == (
        64,
        "error: this database serves the root rollouts.d, not other.d; name that with --root\n",
    )
