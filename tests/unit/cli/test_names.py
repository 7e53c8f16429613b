"""Names of features for the shell, from the files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.main import answer


def test_features_complete_from_the_working_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (".git/config", "rollouts.d/_policy.yaml", "rollouts.d/web/dark-mode.yaml", "rollouts.d/data.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path / "rollouts.d" / "web")

    assert completed("reconciler history da", monkeypatch, capsys) == ["plain,dark-mode", "plain,data"]


def test_outside_of_a_repository_nothing_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert completed("reconciler history da", monkeypatch, capsys) == []


def completed(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what bash would be told when this line is completed."""
    monkeypatch.setenv("_RECONCILER_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    with pytest.raises(SystemExit):
        answer([])
    return sorted(filter(None, capsys.readouterr().out.splitlines()))
