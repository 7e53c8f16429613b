"""`propose` and `run --propose`, run as a person runs them, against a real remote and database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders.command import Command
from tests.builders.database import Database
from tests.builders.git import GitSandbox, a_repository
from tests.builders.remotes import a_script

ROOT = "rollouts.d/production"
POLICY = "min_dwell: 0s\ndwell: 0s\nthresholds: {min_exposed: 0}\n"
FILES = {
    f"{ROOT}/_policy.yaml": POLICY,
    f"{ROOT}/web/new-checkout.yaml": "feature: new-checkout\nowner: team-web\ntier: 1  # first strangers\n",
    f"{ROOT}/search.yaml": "feature: search\ntier: 1\ndwell: 48h\n",
    f"{ROOT}/old_one.yaml": "feature: old_one\ntier: 0\n",
}
PROPOSED = "propose/rollouts.d/production/new-checkout"


@dataclass
class Place:
    """A remote, a person's clone of it, and the command in that clone."""

    remote: GitSandbox
    person: GitSandbox
    command: Command

    def branches(self) -> list[str]:
        """Return the branches of the remote."""
        return self.remote.git("for-each-ref", "--format=%(refname:short)").splitlines()


@pytest.fixture
def place(tmp_path: Path, database: Database) -> Place:
    remote = a_repository(tmp_path, FILES, name="begun").clone(tmp_path / "remote.git", bare=True)
    person = remote.clone(tmp_path / "person")
    variables = {
        "RECONCILER_DSN": database.dsn_for("rollouts_reconciler"),
        "RECONCILER_DATA_FOLDER": str(tmp_path / "data"),
        "RECONCILER_BRANCH": "main",
        "RECONCILER_ROOT": ROOT,
        "RECONCILER_REMOTE": str(remote.path),
        "RECONCILER_ACTOR": "ada",
    }
    command = Command(folder=person.path, variables=variables)
    assert command("apply").code == 0
    return Place(remote=remote, person=person, command=command)


def test_says_what_it_opened_and_why_it_asks_for_nothing_else(place: Place) -> None:
    answer = place.command("propose")

    assert answer.code == 0
    commit = place.remote.git("rev-parse", PROPOSED)[:10]
    lines = answer.out.splitlines()
    assert lines[:7] == [
        "opened",
        "  + new-checkout  tier 1 ·   1 % -> tier 2 ·  10 %  team-web",
        f"      branch {PROPOSED} at {commit}",
        "",
        "not proposed",
        "  = old_one       tier 0 ·   0 %",
        "      the first strangers are for a person to ask for",
    ]
    assert lines[7:9] == ["      -> set `tier: 1`", "  = search        tier 1 ·   1 %"]
    assert " of 48h; until " in answer.out
    assert lines[-1] == "1 opened, 2 not proposed"


def test_says_the_same_to_programs(place: Place) -> None:
    answer = place.command("propose", "new-checkout", "--output", "json")

    assert answer.json == {
        "version": 1,
        "kind": "propose",
        "root": ROOT,
        "revision": place.remote.git("rev-parse", "main"),
        "dry_run": False,
        "features": [
            {
                "feature": "new-checkout",
                "became": "opened",
                "tier": 1,
                "asked": 2,
                "attempt": 1,
                "epoch": 1,
                "branch": PROPOSED,
                "commit": place.remote.git("rev-parse", PROPOSED),
                "reason": "",
                "remedy": "",
                "until": None,
            }
        ],
    }


def test_a_rehearsal_pushes_nothing(place: Place) -> None:
    answer = place.command("propose", "new-checkout", "--dry-run")

    assert answer.out == (
        "would be opened\n"
        "  + new-checkout  tier 1 ·   1 % -> tier 2 ·  10 %  team-web\n"
        f"      branch {PROPOSED}\n"
        "\n"
        "1 would be opened\n"
    )
    assert place.branches() == ["main"]


def test_twice_is_as_good_as_once(place: Place) -> None:
    place.command("propose")
    before = place.remote.git("rev-parse", PROPOSED)
    again = place.command("propose", "new-checkout")

    assert again.out.startswith("open\n  = new-checkout  tier 1")
    assert place.remote.git("rev-parse", PROPOSED) == before


def test_what_is_merged_is_raised_by_the_next_pass(place: Place) -> None:
    place.command("propose")
    place.person.git("fetch", "--quiet", "origin")
    place.person.git("merge", "--quiet", "--no-ff", "-m", "Merge", f"origin/{PROPOSED}")
    place.person.git("push", "--quiet", "origin", "HEAD:main")

    assert place.command("run", "--once").code == 0
    merged = place.command("propose", "new-checkout")
    assert place.command.variables["RECONCILER_ROOT"] == ROOT
    assert "tier 2 ·  10 % -> tier 3 ·  50 %" in merged.out
    text = place.remote.git("show", f"{PROPOSED}:{ROOT}/web/new-checkout.yaml")
    assert text == "feature: new-checkout\nowner: team-web\ntier: 3  # first strangers"


def test_run_proposes_only_when_it_is_asked_to(place: Place) -> None:
    assert place.command("run", "--once").code == 0
    assert place.branches() == ["main"]

    told = place.command("run", "--once", RECONCILER_PROPOSE="1")
    assert told.code == 0
    assert place.branches() == ["main", PROPOSED]
    assert f"info proposed feature=new-checkout tier=2 branch=refs/heads/{PROPOSED} commit=" in told.out


def test_a_tip_that_is_not_applied_is_said(place: Place) -> None:
    place.person.commit({f"{ROOT}/more.yaml": "feature: more\ntier: 0\n"})
    place.person.git("push", "--quiet", "origin", "HEAD:main")
    answer = place.command("propose", "new-checkout")

    assert (answer.code, place.branches()) == (0, ["main"])
    assert f"the tip, {place.person.tip()[:10]}, is not in force" in answer.out
    assert "-> `reconciler apply` or `run` brings it there" in answer.out


def test_a_remote_that_refuses_fails(place: Place) -> None:
    a_script(place.remote.path / "hooks" / "pre-receive", "echo not today; exit 1")
    answer = place.command("propose", "new-checkout")

    assert answer.code == 1
    assert answer.out.startswith("refused by the remote\n  ! new-checkout")
    assert "the remote refused: " in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [(["new-chekout"], "did you mean new-checkout?"), (["--output", "markdown"], "--output")],
)
def test_wrong_usage_says_what_is_right(place: Place, words: list[str], said: str) -> None:
    answer = place.command("propose", *words)

    assert answer.code == 64
    assert said in answer.talk


@pytest.mark.parametrize("words", [["propose"], ["run", "--once", "--propose"]])
def test_without_a_remote_there_is_nowhere_to_push_to(place: Place, words: list[str]) -> None:
    variables = {name: text for name, text in place.command.variables.items() if name != "RECONCILER_REMOTE"}
    answer = Command(folder=place.command.folder, variables=variables)(*words)

    assert answer.code == 64
    assert "needs a remote to push branches to; name one with --remote, such as origin" in answer.talk


def test_another_root_of_the_same_repository_is_left_alone(place: Place) -> None:
    place.command("propose")
    answer = place.command("propose", RECONCILER_ROOT="rollouts.d")

    assert answer.code == 64
    assert "this database serves the root rollouts.d/production, not rollouts.d" in answer.talk
    assert place.branches() == ["main", PROPOSED]
