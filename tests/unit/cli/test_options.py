"""Shared options: before the command, after it, or as a variable; what was typed last and nearest wins."""

from __future__ import annotations

from typing import Any

import click
import pytest

from reconciler.cli.options import chosen, output_options, repository_options


@pytest.mark.parametrize(
    ("words", "variable", "root"),
    [
        pytest.param(["show"], None, None, id="nowhere"),
        pytest.param(["--root", "a", "show"], None, "a", id="before the command"),
        pytest.param(["show", "--root", "a"], None, "a", id="after the command"),
        pytest.param(["--root", "a", "show", "--root", "b"], None, "b", id="the nearer one"),
        pytest.param(["show"], "c", "c", id="variable"),
        pytest.param(["--root", "a", "show"], "c", "a", id="typed before wins over the variable"),
        pytest.param(["show", "--root", "a"], "c", "a", id="typed after wins over the variable"),
    ],
)
def test_what_was_typed_wins(
    words: list[str], variable: str | None, root: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("RECONCILER_ROOT", variable)

    assert chosen_by(words).get("root") == root


def test_a_flag_that_nobody_set_is_not_chosen() -> None:
    assert chosen_by(["show"]) == {}
    assert chosen_by(["--no-color", "show"]) == {"no_color": True}


def chosen_by(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}

    @click.group()
    @output_options("text")
    @repository_options
    def group() -> None:
        pass

    @group.command()
    @output_options("text")
    @repository_options
    def show() -> None:
        found.update(chosen(click.get_current_context()))

    group.main(words, standalone_mode=False)
    return found
