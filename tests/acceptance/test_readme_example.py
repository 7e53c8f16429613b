"""The example of README, as it stands there: create, start, ask, record, statistics, advance, and OpenFeature."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.evaluation.bucketing import bucket

README = Path(__file__).parents[2] / "README.md"
FEATURE = "phase2_enhanced_storage"
AT_1_PERCENT = sum(1 for number in range(2_000) if bucket(FEATURE, f"customer-{number}") < 1)


def block(marker: str) -> tuple[str, str]:
    """Return language and text of the code that follows a marker in README."""
    found = re.search(
        rf"<!-- {re.escape(marker)} -->\n```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found is not None, f"README has no example called {marker}"
    return found[1], found[2]


class Shell:
    """A newcomer's shell; where it is, and `DSN`, stay from one example to the next."""

    def __init__(self, folder: Path, programs: Path) -> None:
        program = programs / "reconciler"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m reconciler "$@"\n')
        program.chmod(0o755)
        self._folder, self._state = folder, programs / "state"
        self._variables = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(README.parent),
            "TZ": "UTC",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
        }

    def follow(self, marker: str) -> str:
        """Do what README says under a marker, and return what is seen."""
        language, text = block(marker)
        if language == "python":
            return self.run([sys.executable, "-W", "error", "-c", text])
        seen = self.run(["sh", "-ec", f'{text}\nprintf "%s\\n%s" "$PWD" "${{DSN-}}" > {self._state}'])
        folder, dsn = self._state.read_text().split("\n")
        self._folder = Path(folder)
        self._variables["DSN"] = dsn
        return seen

    def run(self, words: list[str]) -> str:
        done = subprocess.run(
            words, cwd=self._folder, env=self._variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in an empty folder."""
    folder, programs = tmp_path / "work", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    shell = Shell(folder, programs)
    yield shell
    shell.run(["reconciler", "db", "stop"])


def test_the_example_works_as_it_stands(shell: Shell) -> None:
    started = shell.follow("the example: create, start")
    asked = shell.follow("the example: ask, record, statistics")
    advanced = shell.follow("the example: advance")
    resolved = shell.follow("OpenFeature")

    assert f"+ {FEATURE}  new            -> tier 1 ·   1 %  team-storage" in started
    assert asked.splitlines()[0] == f"{AT_1_PERCENT} of 2000 customers have it"
    assert asked.splitlines()[1:] == [
        "error rate 5.0%, success rate 95.0%",
        "2 failing customers would roll it back",
        "ready for the next tier",
    ]
    assert f"+ {FEATURE}  tier 1 ·   1 % -> tier 2 ·  10 %  team-storage" in advanced
    assert "of 2,000 customers seen" in advanced
    assert "1 of 20 exposed customers had an error" in advanced
    assert resolved == "on\n" if bucket(FEATURE, "customer-7") < 10 else "off\n"
