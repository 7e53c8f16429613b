"""The commands from validate to history, run as a person runs them, against a real repository and database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.command import Answer, Command
from tests.builders.database import Database
from tests.builders.git import GitSandbox, a_repository

CHECKOUT = "feature: checkout\nowner: team-payments\ntier: 1\nwhitelist: [acme]\n"
SEARCH = "feature: search\nowner: team-web\ntier: 0\n"
POLICY = "min_dwell: 0s\n"


@pytest.fixture
def repository(tmp_path: Path) -> GitSandbox:
    return a_repository(
        tmp_path,
        {
            "rollouts.d/checkout.yaml": CHECKOUT,
            "rollouts.d/web/search.yaml": SEARCH,
            "rollouts.d/_policy.yaml": POLICY,
        },
    )


@pytest.fixture
def command(repository: GitSandbox, database: Database) -> Command:
    variables = {
        "RECONCILER_DSN": database.dsn_for("rollouts_reconciler"),
        "RECONCILER_BRANCH": "main",
        "RECONCILER_ACTOR": "ada",
    }
    return Command(folder=repository.path, variables=variables)


def test_what_is_planned_is_applied_once(command: Command) -> None:
    planned = command("plan", "--output", "json")
    applied = command("apply", "--output", "json")
    again = command("apply")
    after = command("plan")

    assert (planned.code, applied.code, again.code, after.code) == (2, 0, 0, 0)
    assert planned.json["changes"] == applied.json["done"]
    assert again.out == after.out == f"in sync: 2 rollouts, nothing to do at {applied.json['revision'][:10]}\n"
    assert (applied.talk, again.talk) == ("", "")


def test_a_named_server_is_only_brought_to_a_named_branch(command: Command) -> None:
    unnamed = Command(folder=command.folder, variables={"RECONCILER_DSN": command.variables["RECONCILER_DSN"]})
    before = everything(command)

    planned, applied, anchored = unnamed("plan"), unnamed("apply"), unnamed("db", "reanchor", "--reason", "why")

    assert (planned.code, applied.code, anchored.code) == (2, 64, 64)
    assert "such as --branch origin/main (or RECONCILER_BRANCH)" in applied.talk
    assert everything(command) == before


def test_commits_that_no_remote_has_are_not_applied_to_a_named_server(
    command: Command, repository: GitSandbox
) -> None:
    clone = repository.clone(repository.path.parent / "clone")
    clone.commit({"rollouts.d/checkout.yaml": CHECKOUT.replace("tier: 1", "tier: 0")})
    before = everything(command)

    refused = command("apply", "--repository", str(clone.path))
    applied = command("apply", "--repository", str(clone.path), "--branch", "origin/main")

    assert (refused.code, refused.out) == (3, "")
    assert refused.talk == (
        "error: main holds commits here that origin/main does not, so nobody has reviewed them; "
        "have them merged, or apply --branch origin/main\n"
    )
    assert (applied.code, everything(command) == before) == (0, False)


def test_a_refusal_is_told_to_programs_as_well(command: Command, repository: GitSandbox) -> None:
    repository.commit({"rollouts.d/web/search.yaml": SEARCH.replace("tier: 0", "tier: 1")})
    shallow = repository.clone(repository.path.parent / "shallow", depth=1)

    refused = command("apply", "--repository", str(shallow.path), "--output", "json")

    assert (refused.code, refused.talk, refused.json["done"]) == (3, "", [])
    assert refused.json["permission"]["refusal"].startswith("this clone is shallow")


def test_a_second_apply_writes_nothing(command: Command) -> None:
    command("apply")
    before = everything(command)

    command("apply")

    assert everything(command) == before


def test_a_held_raise_is_no_failure(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.commit({"rollouts.d/checkout.yaml": CHECKOUT.replace("tier: 1", "tier: 2\ndwell: 1h")})

    planned, applied, status = command("plan"), command("apply"), command("status")

    assert (planned.code, applied.code, status.code) == (0, 0, 0)
    assert "waits for the dwell until" in applied.out
    assert "tier 2 waits for" in status.out


def test_a_refusal_answers_3_and_stops_nothing_else(command: Command, repository: GitSandbox) -> None:
    repository.commit({"rollouts.d/checkout.yaml": CHECKOUT.replace("tier: 1", "tier: 3")})

    planned, applied = command("plan"), command("apply")

    assert (planned.code, applied.code) == (3, 3)
    assert "rollouts.d/checkout.yaml:3:7: a new rollout begins at tier 0 or 1," in planned.out
    assert applied.out.endswith("1 created, 1 refused\n")
    assert command("apply", "--adopt", "--output", "json").json["done"][0]["adopted"] is True


def test_history_tells_who_did_what_and_why(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.commit({"rollouts.d/checkout.yaml": CHECKOUT.replace("tier: 1", "tier: 0")})
    command("--actor", "grace", "apply")

    told = command("history", "checkout", "--output", "json").json["transitions"]

    happened = [(each["kind"], each["tier"], each["actor"]) for each in told]
    assert happened == [("create", 1, "ada"), ("demote", 0, "grace")]
    assert "tier 1 -> 0" in command("history", "checkout").out


def test_an_unknown_feature_is_answered_with_a_guess(command: Command) -> None:
    command("apply")

    assert command("history", "chekout") == Answer(
        code=64, out="", talk="error: feature chekout is not in this database; did you mean checkout?\n"
    )


def test_an_older_revision_changes_nothing(command: Command, repository: GitSandbox) -> None:
    first = repository.tip()
    second = repository.commit({"rollouts.d/checkout.yaml": CHECKOUT.replace("tier: 1", "tier: 0")})
    command("apply")
    before = everything(command)

    applied, planned = command("apply", "--revision", first), command("plan", "--revision", first)

    note = f"nothing to do: {first[:10]} is older than {second[:10]}, which is in force\n"
    assert applied == planned == Answer(code=0, out=note, talk="")
    assert everything(command) == before


def test_a_shallow_clone_is_refused_by_an_empty_database(command: Command, repository: GitSandbox) -> None:
    """Nobody there remembers what was rolled back before the cut."""
    repository.commit({"rollouts.d/web/search.yaml": SEARCH.replace("tier: 0", "tier: 1")})
    shallow = repository.clone(repository.path.parent / "shallow", depth=1)

    refused = command("apply", "--repository", str(shallow.path))

    assert refused.code == 3
    assert refused.talk.startswith("error: this clone is shallow and can't tell")
    assert command("apply").code == 0


def test_rewritten_history_is_refused_until_it_is_reanchored(command: Command, repository: GitSandbox) -> None:
    first = repository.tip()
    second = repository.commit({"rollouts.d/checkout.yaml": CHECKOUT.replace("tier: 1", "tier: 0")})
    command("apply")
    repository.reset(first)
    third = repository.commit({"rollouts.d/web/search.yaml": SEARCH.replace("tier: 0", "tier: 1")})

    planned, refused = command("plan"), command("apply")
    reanchored = command("db", "reanchor", "--reason", "a secret was cut out")
    again = command("db", "reanchor", "--reason", "a secret was cut out")

    assert (planned.code, refused.code, reanchored.code, again.code) == (3, 3, 0, 0)
    assert refused.talk.startswith(f"error: {third[:10]} does not contain {second[:10]}, which is in force")
    assert reanchored.out.startswith(f"re-anchored: {second[:10]} -> {third[:10]} (a secret was cut out)\n")
    assert again.out == f"nothing to re-anchor: {third[:10]} is in force and the tip of the branch\n"
    assert command("apply").code == 0


def test_the_working_tree_is_planned_and_never_applied(command: Command, repository: GitSandbox) -> None:
    command("apply")
    repository.write({"rollouts.d/web/draft.yaml": SEARCH.replace("search", "draft")})

    drafted, committed, refused = command("plan", "--worktree"), command("plan"), command("apply", "--worktree")

    assert (drafted.code, committed.code, refused.code) == (2, 0, 64)
    assert "+ draft" in drafted.out
    assert committed.talk == (
        "note: uncommitted changes in rollouts.d are not part of this plan; see them with --worktree\n"
    )
    assert refused.talk.startswith(
        "error: apply takes no --worktree: every change in the database names the commit"
    )


def test_a_root_without_a_definition_is_told_how_to_begin(command: Command, repository: GitSandbox) -> None:
    repository.commit({"elsewhere/notes.txt": "none"})

    answers = [command(word, "--root", "elsewhere") for word in ("plan", "apply", "status")]

    assert {answer.code for answer in answers} == {64}
    assert {answer.talk for answer in answers} == {
        (
            "error: root elsewhere: there is no definition yet; write a first one with `reconciler new`, "
            "or name another folder with --root\n"
        )
    }


def test_an_empty_root_is_unsafe_unless_a_reason_is_given(command: Command, repository: GitSandbox) -> None:
    repository.commit({"rollouts.d/checkout.yaml": CHECKOUT.replace("tier: 1", "tier: 0")})
    command("apply")
    repository.commit(delete=["rollouts.d"])

    refused, allowed = command("apply"), command("apply", "--allow-unsafe", "the product ends")

    assert (refused.code, allowed.code) == (3, 0)
    assert "unsafe: the root holds no definition at all" in refused.out
    assert allowed.out.endswith("2 retired\n")
    assert "the guard was overridden: the product ends" in command("history", "checkout").out


def test_validate_needs_no_database_and_names_every_place(command: Command, repository: GitSandbox) -> None:
    repository.write({"rollouts.d/checkout.yaml": CHECKOUT.replace("tier: 1", "tier: two")})

    committed = command("validate", RECONCILER_DSN="host=/nowhere")
    drafted = command("validate", "--worktree", RECONCILER_DSN="host=/nowhere")
    annotated = command("validate", "--worktree", "--output", "github")

    note = "note: uncommitted changes in rollouts.d are not checked; check them with --worktree\n"
    assert committed == Answer(code=0, out="valid: 2 definitions\n", talk=note)
    assert drafted.code == annotated.code == 3
    assert drafted.out.startswith("rollouts.d/checkout.yaml:3:7: ")
    assert annotated.out.startswith("::error file=rollouts.d/checkout.yaml,line=3,col=7,title=")


def test_new_writes_what_validates_and_never_over_anything(command: Command, repository: GitSandbox) -> None:
    written = command("new", "dark-mode", "--team", "web", "--owner", "team-web", "--description", "Less light")
    taken = command("new", "dark-mode")

    assert (written.code, written.out) == (0, "wrote rollouts.d/web/dark-mode.yaml\n")
    assert command("validate", "--worktree").out == "valid: 3 definitions\n"
    assert (taken.code, taken.out) == (64, "")
    assert "has a definition already, rollouts.d/web/dark-mode.yaml" in taken.talk
    assert (repository.path / "rollouts.d" / ".rollout.schema.json").is_file()


def everything(command: Command) -> str:
    """Return all rows that an apply may write."""
    tables = ("rollout_revisions", "rollout_transitions", "feature_rollouts", "settled_sources")
    words = [word for table in tables for word in ("-c", f"select t.*, t.xmin from rollouts.{table} t order by 1")]
    told = command("db", "psql", "--", *words)
    assert told.code == 0, told.talk
    return told.out
