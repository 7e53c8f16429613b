"""An edit of a person that is killed or broken anywhere: no file is half written, and no commit is made twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.builders.children import Ended, a_command
from tests.builders.crashes import ACTIONS, named_places
from tests.builders.git import GitSandbox, a_repository
from tests.builders.scene import path_of

FILE = path_of("search")
OLD = "feature: search  # careful\ntier: 1\n"
NEW = "feature: search  # careful\ntier: 1\npaused: true\n"
ADA = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
}
ON_THE_BRANCH = ("pause", "search", "--commit", "--push")
AS_A_BRANCH = ("pause", "search", "--push")
COMMITTING = ("writing", "written", "replaced", "committing", "committed", "pushing", "pushed")
BRANCHING = ("committing-tree", "committed-tree", "branching", "branched", "pushing", "pushed")
STRIKES = [
    pytest.param(step, action, marks=() if action == "kill" else pytest.mark.slow)
    for step in COMMITTING
    for action in ACTIONS
]
STRIKES_OF_BRANCHES = [
    pytest.param(step, action, marks=() if action == "kill" else pytest.mark.slow)
    for step in BRANCHING
    for action in ACTIONS
]


@pytest.fixture
def person(tmp_path: Path) -> GitSandbox:
    """A person's clone of a remote."""
    begun = a_repository(tmp_path, {FILE: OLD, "notes.md": "words\n"}, name="begun")
    return begun.clone(tmp_path / "remote.git", bare=True).clone(tmp_path / "person")


def paused(person: GitSandbox, words: tuple[str, ...], failpoints: str = "") -> Ended:
    """Run the command there."""
    return a_command(words, person.path, {**ADA, "RECONCILER_BRANCH": "main"}, failpoints=failpoints).ended()


def remote_of(person: GitSandbox) -> GitSandbox:
    return GitSandbox(path=person.path.with_name("remote.git"))


def left_over(person: GitSandbox) -> list[str]:
    folder = person.path / "rollouts.d"
    locks = [path.name for path in (person.path / ".git").rglob("*.lock")]
    return locks + [path.name for path in folder.iterdir() if path.name != "search.yaml"]


def struck(person: GitSandbox, words: tuple[str, ...], step: str, action: str) -> None:
    ended = paused(person, words, f"edit.{step}={action}")
    assert ended.reached == (f"edit.{step}",), ended
    assert (ended.code == -signal.SIGKILL) == (action == "kill")


def test_every_place_is_struck() -> None:
    names = {name for name, _ in named_places() if name.startswith("edit.")}

    assert names == {f"edit.{step}" for step in {*COMMITTING, *BRANCHING}}


@pytest.mark.parametrize(("step", "action"), STRIKES)
def test_a_commit_is_made_once_or_left_to_its_author(person: GitSandbox, step: str, action: str) -> None:
    person.git("checkout", "--quiet", "-b", "mine")
    (person.path / "notes.md").write_text("of mine\n")
    struck(person, ON_THE_BRANCH, step, action)
    assert (person.path / FILE).read_text() in (OLD, NEW)

    assert paused(person, ON_THE_BRANCH).code == 0
    assert (person.path / FILE).read_text() == NEW
    if person.git("diff", "--name-only", "--", FILE):
        person.git("commit", "--quiet", "--message", "Pause it by hand", "--", FILE)
    person.git("push", "--quiet", "origin", "mine")

    assert remote_of(person).git("show", f"mine:{FILE}") == NEW.rstrip("\n")
    assert remote_of(person).git("rev-list", "--count", "mine") == "2"
    assert person.git("diff", "--name-only") == "notes.md"
    assert left_over(person) == []


@pytest.mark.parametrize(("step", "action"), STRIKES_OF_BRANCHES)
def test_a_branch_is_made_once(person: GitSandbox, step: str, action: str) -> None:
    (person.path / "notes.md").write_text("of mine\n")
    struck(person, AS_A_BRANCH, step, action)

    assert paused(person, AS_A_BRANCH).code == 0
    refs = remote_of(person).git("for-each-ref", "--format=%(refname)", "refs/heads/rollout").split()
    assert len(refs) == 1
    assert remote_of(person).git("rev-list", "--count", f"main..{refs[0]}") == "1"
    assert remote_of(person).git("show", f"{refs[0]}:{FILE}") == NEW.rstrip("\n")
    assert ((person.path / FILE).read_text(), person.git("diff", "--name-only")) == (OLD, "notes.md")
    assert left_over(person) == []
