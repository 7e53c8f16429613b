"""Git itself misbehaves: it hangs, leaves children behind or only complains; nothing waits for ever."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import RepositoryError
from reconciler.repository.git import GitRepository
from tests.builders.git import a_repository

FILES = {"rollouts.d/checkout.yaml": "feature: checkout\n"}


def a_script(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def a_fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    a_script(tmp_path / "bin/git", text)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


HUNG = [
    pytest.param("exec sleep 60", id="itself"),
    pytest.param("sleep 60; true", id="in a child"),
    pytest.param("sleep 60 & exit 0", id="in a child that outlives it"),
    pytest.param("while :; do echo x >&2; sleep 0.05; done", id="complaining without end"),
    pytest.param("exec >&- 2>&-; sleep 60", id="with its pipes closed"),
]


@pytest.mark.parametrize("text", HUNG)
def test_a_hung_git_is_stopped_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    sandbox = a_repository(tmp_path, FILES)
    os.mkfifo(tmp_path / "alive")
    a_fake_git(tmp_path, monkeypatch, f"exec 9>{tmp_path / 'alive'}\n{text}")
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)

    with pytest.raises(RepositoryError, match=r"git rev-parse gave no answer within 0\.5 s and was stopped"):
        GitRepository.open(sandbox.path, timeout=timedelta(seconds=0.5))

    # The reading end turns readable when the last process that held the writing end is gone.
    assert select.select([alive], [], [], 5)[0] == [alive]
    os.close(alive)


def test_a_grandchild_that_left_the_group_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = a_repository(tmp_path, FILES)
    a_fake_git(tmp_path, monkeypatch, "setsid sleep 5 & exit 0")
    began = time.monotonic()

    with pytest.raises(RepositoryError, match="gave no answer within"):
        GitRepository.open(sandbox.path, timeout=timedelta(seconds=0.3))

    assert time.monotonic() - began < 4


def test_a_hung_git_does_not_hang_the_import_of_its_library(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)
    a_script(tmp_path / "bin/git", "exec sleep 60")
    code = (
        "import sys, pathlib, datetime; from reconciler.repository.git import GitRepository;"
        "GitRepository.open(pathlib.Path(sys.argv[1]), timeout=datetime.timedelta(seconds=0.3))"
    )
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "GIT_PYTHON_REFRESH": "nonsense",
    }

    done = subprocess.run(
        [sys.executable, "-c", code, sandbox.path], env=environment, capture_output=True, timeout=30, check=False
    )

    assert b"gave no answer within 0.3 s" in done.stderr


def test_a_git_that_only_complains_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = a_repository(tmp_path, FILES)
    a_fake_git(
        tmp_path, monkeypatch, "head -c 1000000 /dev/zero | tr '\\0' x >&2; printf '\\033[31mred' >&2; exit 128"
    )

    with pytest.raises(RepositoryError, match="git can't open the repository: xxx") as raised:
        GitRepository.open(sandbox.path)

    assert len(str(raised.value)) < 1000


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open descriptors are counted in /proc")
def test_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {f"rollouts.d/{n}.yaml": "x" * 200_000 for n in range(5)})
    with GitRepository.open(sandbox.path) as repository:
        entries = repository.entries("HEAD", "rollouts.d") or ()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            repository.resolve("HEAD")
            next(repository.read(entries))

        assert len(list(Path("/proc/self/fd").iterdir())) == before
