"""Edits at once, edits that are killed, and a disk that is full: the program in processes of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.command import Command
from tests.builders.editing import CHECKOUT, PATH, Quick
from tests.builders.git import GitSandbox

_CROWD = 4


def test_edits_at_once_are_all_made(repository: GitSandbox, command: Quick) -> None:
    words = [sys.executable, "-m", "reconciler", "allow", "checkout"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(repository.path),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    running = [
        subprocess.Popen(
            [*words, f"customer-{number}"], cwd=repository.path, env=environment, stdout=subprocess.DEVNULL
        )
        for number in range(_CROWD)
    ]

    assert [each.wait() for each in running] == [0] * _CROWD
    told = command("allow", "checkout", *(f"customer-{number}" for number in range(_CROWD)))
    assert told.out == "nothing to do: checkout has all of these customers on its whitelist already\n"


@pytest.mark.parametrize(
    ("place", "is_new"), [("edit.writing", False), ("edit.written", False), ("edit.replaced", True)]
)
def test_an_edit_that_is_killed_leaves_the_old_file_or_the_new_one(
    program: Command, repository: GitSandbox, place: str, is_new: bool
) -> None:
    killed = program("advance", "checkout", RECONCILER_FAILPOINTS=f"{place}=kill")
    content = (repository.path / PATH).read_text()
    after = program("advance", "checkout", "--to", "3")

    assert killed.code == -9
    assert content == (CHECKOUT.replace("tier: 2", "tier: 3") if is_new else CHECKOUT)
    assert after.code == 0
    assert repository.git("status", "--short") == f" M {PATH}"


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["--commit"], "edit.committing"),
        (["--commit"], "edit.committed"),
        (["--push"], "edit.committing-tree"),
        (["--push"], "edit.committed-tree"),
        (["--push"], "edit.branching"),
        (["--push"], "edit.branched"),
        (["--push"], "edit.pushing"),
        (["--push"], "edit.pushed"),
    ],
)
def test_a_delivery_that_is_killed_is_finished_or_told_of(
    program: Command, command: Quick, repository: GitSandbox, remote: GitSandbox, words: list[str], place: str
) -> None:
    main = remote.tip("main")

    killed = program("advance", "checkout", "--to", "3", *words, RECONCILER_FAILPOINTS=f"{place}=kill")
    again = command("advance", "checkout", "--to", "3", *words)

    assert (killed.code, again.code, remote.tip("main")) == (-9, 0, main)
    if "--push" in words:
        assert remote.git("log", "--format=%s", "main..rollout/checkout-tier-3") == "Advance checkout: tier 2 -> 3"
        assert repository.git("status", "--short") == ""
    else:
        is_told = again.talk == f"note: {PATH} has changes that are not committed\n"
        assert is_told == (place == "edit.committing")
        assert (repository.git("log", "--format=%s", "origin/main..") == "") == is_told


def test_a_full_disk_leaves_the_old_file_whole(command: Quick, repository: GitSandbox) -> None:
    script = f"ulimit -f 0; exec {sys.executable} -m reconciler advance checkout"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=repository.path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[3]), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert f"{PATH} can't be written (File too large), it is as it was" in done.stderr
    assert (repository.path / PATH).read_text() == CHECKOUT
    assert [each.name for each in (repository.path / PATH).parent.iterdir()] == ["checkout.yaml"]


def test_features_are_completed_without_git_or_a_database(program: Command) -> None:
    answer = program(_RECONCILER_COMPLETE="bash_complete", COMP_WORDS="reconciler advance che", COMP_CWORD="2")

    assert answer.out.split() == ["plain,checkout"]
