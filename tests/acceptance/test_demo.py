"""The product's first impression: the whole ring, played to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.command import Command

ACTS = (
    "■□□□ 1 %",
    "■■□□ 10 %",
    "■■■□ 50 %",
    "customers have an error in the last 1m, the limit is 5 %",
    "nobody has it: □□□□ 0 %, 0 of 2,000 customers have it",
    "Roll back one_page_checkout: tier 3 -> 0",
    "+rolled_back: 1",
    "refused: attempt 1 was rolled back",
    "-> to restart set `attempt: 2`, `rolled_back: 1`, `tier: 1`",
    "Restart one_page_checkout: attempt 2",
    "■□□□ 1 %",
    "Played in",
)


def test_every_act_comes_about_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    answer = Command(folder=tmp_path)("demo", PYTHONIOENCODING="utf-8", LC_ALL="C.UTF-8")

    assert answer.code == 0, answer.talk
    at = 0
    for words in ACTS:
        assert words in answer.out[at:], f"{words!r} is missing after {answer.out[:at][-200:]!r}"
        at = answer.out.index(words, at) + len(words)
    assert [path.name for path in place.iterdir()] == []
