"""A repository whose definitions are edited, by the program in this process: starting one takes longer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli.main import answer
from tests.builders.command import Answer
from tests.builders.git import GitSandbox

ADA = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}
PATH = "rollouts.d/web/checkout.yaml"
CHECKOUT = "feature: checkout  # careful\ntier: 2\ndwell: 48h\nwhitelist: [acme]\n"
BEATEN = "feature: search\ntier: 0\nrolled_back: 1\n"
FILES = {PATH: CHECKOUT, "rollouts.d/search.yaml": BEATEN, "rollouts.d/_policy.yaml": "min_dwell: 1h\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    """`reconciler` in a folder, in this process."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def __call__(self, *words: str, **variables: str) -> Answer:
        """Run the command with these words."""
        with self.monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("TZ", "UTC")
            for name, value in variables.items():
                patch.setenv(name, value)
            code = answer(words)
        out, talk = self.capfd.readouterr()
        return Answer(code=code, out=out, talk=talk)

    def at(self, folder: Path) -> Quick:
        """Return the same command in another folder."""
        return Quick(folder=folder, monkeypatch=self.monkeypatch, capfd=self.capfd)


def everything(repository: GitSandbox) -> tuple[str, ...]:
    """Return files, index, references and HEAD of a repository."""
    files = sorted(str(path.relative_to(repository.path)) for path in (repository.path / "rollouts.d").rglob("*"))
    contents = [(repository.path / name).read_bytes().hex() for name in files if (repository.path / name).is_file()]
    words = (("status", "--short", "--branch"), ("for-each-ref",), ("ls-files", "--stage"), ("rev-parse", "HEAD"))
    return (*files, *contents, *(repository.git(*each) for each in words))
