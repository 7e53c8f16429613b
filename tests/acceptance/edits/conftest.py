"""A repository with definitions, and the program in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.command import Command
from tests.builders.editing import ADA, FILES, Quick
from tests.builders.git import GitSandbox, a_repository


@pytest.fixture
def repository(tmp_path: Path) -> GitSandbox:
    return a_repository(tmp_path, FILES)


@pytest.fixture
def command(repository: GitSandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Quick:
    for name, value in ADA.items():
        monkeypatch.setenv(name, value)
    return Quick(folder=repository.path, monkeypatch=monkeypatch, capfd=capfd)


@pytest.fixture
def program(repository: GitSandbox) -> Command:
    return Command(folder=repository.path, variables=ADA)


@pytest.fixture
def remote(repository: GitSandbox, tmp_path: Path) -> GitSandbox:
    bare = repository.clone(tmp_path / "remote.git", bare=True)
    repository.git("remote", "add", "origin", str(bare.path))
    repository.git("fetch", "-q", "origin")
    return bare
