"""An edit as its author reads it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.domain.ladder import Tier
from reconciler.render.edits import Delivery, EditView, edit_json, edit_subject, edit_text
from reconciler.render.style import Style
from tests.builders.domain import NOW, a_definition, some_gates

STYLE = Style(width=100)


def a_view(before: dict[str, Any] | None = None, after: dict[str, Any] | None = None, **named: Any) -> EditView:
    old, new = {"tier": 1, **(before or {})}, {"tier": 2, **(after or {})}
    fields = {
        "verb": "advance",
        "path": "rollouts.d/checkout.yaml",
        "old": b"feature: checkout\ntier: 1\n",
        "new": b"feature: checkout\ntier: 2\n",
        "idle": "",
        "delivery": Delivery(is_written=True),
    }
    return EditView(before=a_definition(**old), after=a_definition(**new), **{**fields, **named})


def test_an_edit_says_what_it_changes_what_that_means_and_what_comes_next() -> None:
    view = a_view(reached=[(Tier.FULL, NOW + timedelta(days=4), False)])

    assert edit_text(view, STYLE) == (
        "checkout  tier 1 -> 2, 1 % -> 10 % of the customers\n"
        "  raised once 48h at tier 1 are served, 1 customer had it, and it is healthy\n"
        "  tier 4, its target, can be reached on Fri 2026-03-06 09:00 UTC at the earliest\n"
        "\n"
        "--- a/rollouts.d/checkout.yaml\n"
        "+++ b/rollouts.d/checkout.yaml\n"
        "@@ -1,2 +1,2 @@\n"
        " feature: checkout\n"
        "-tier: 1\n"
        "+tier: 2\n"
        "\n"
        "edited rollouts.d/checkout.yaml\n"
        "-> look with `reconciler plan --worktree`, commit it and open a pull request\n"
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param({}, {"paused": True}, "so this waits for `reconciler resume checkout`", id="a paused raise"),
        pytest.param({"tier": 0}, {"tier": 1}, "0 % -> 1 % of the customers", id="the first raise"),
        pytest.param({"tier": 1}, {"tier": 1, "paused": True}, "checkout  paused: no raise until", id="pause"),
        pytest.param({"tier": 1, "paused": True}, {"tier": 1}, "checkout  resumed: raises go on", id="resume"),
        pytest.param(
            {"tier": 0, "rolled_back": 1},
            {"tier": 1, "rolled_back": 1, "attempt": 2},
            "checkout  attempt 1 -> 2, begins at tier 1, 1 %",
            id="restart",
        ),
        pytest.param(
            {"tier": 1, "blacklist": frozenset("xy")},
            {"tier": 1, "whitelist": frozenset("abcdx"), "blacklist": frozenset("y")},
            "checkout  whitelist +5 (a, b, c, ... and 2 more)\n  blacklist -1 (x)\n",
            id="lists",
        ),
        pytest.param(
            {"tier": 0, "rolled_back": 1},
            {"tier": 0, "rolled_back": 1, "whitelist": frozenset("a")},
            "attempt 1 was rolled back: off for them as well until it is restarted",
            id="lists of what is off",
        ),
        pytest.param(
            {},
            {"gates": some_gates(timedelta(), min_exposed=0)},
            "of the customers\n  raised once it is healthy\n",
            id="no dwell and no evidence",
        ),
    ],
)
def test_every_edit_says_what_it_means(before: dict[str, Any], after: dict[str, Any], told: str) -> None:
    assert told in edit_text(a_view(before, after), STYLE)


@pytest.mark.parametrize(
    ("delivery", "told"),
    [
        pytest.param(Delivery(), "nothing is written (--dry-run)\n", id="nowhere"),
        pytest.param(
            Delivery(is_written=True, commit="c" * 40, branch="main"),
            "committed cccccccccc on main\n"
            "-> look with `reconciler plan --revision main`, push it and open a pull request\n",
            id="a commit",
        ),
        pytest.param(
            Delivery(
                is_written=True, commit="c" * 40, branch="up", base="b" * 40, base_branch="main", remote="origin"
            ),
            "committed cccccccccc on up, on top of main bbbbbbbbbb\npushed to origin\n-> open a pull request\n",
            id="a branch",
        ),
        pytest.param(
            Delivery(is_written=True, commit="c" * 40, branch="up", base="b" * 40, remote="r", offer="https://h/x"),
            "on top of HEAD bbbbbbbbbb\npushed to r\n-> open a pull request: https://h/x\n",
            id="an address",
        ),
    ],
)
def test_it_is_said_where_the_edit_lies(delivery: Delivery, told: str) -> None:
    assert edit_text(a_view(delivery=delivery), STYLE).endswith(told)


def test_colour_marks_lines_of_the_diff_alone() -> None:
    text = edit_text(a_view(), replace(STYLE, color=True))

    assert "\x1b[31m-tier: 1\x1b[0m\n\x1b[32m+tier: 2\x1b[0m\n" in text
    assert "\x1b[2m--- a/rollouts.d/checkout.yaml\x1b[0m\n" in text


def test_a_file_steers_neither_terminal_nor_log() -> None:
    old = "\ufeff# é  two  blanks \x1b[31m \u202e::error::x ##[debug]\r\n::warning\r\ntier: 1\r\n".encode()
    text = edit_text(a_view(old=old, new=old.replace(b"1\r", b"2\r")), STYLE)

    lines = text.splitlines()
    assert " # é  two  blanks \ufffd[31m \ufffd::error::x ## [debug]" in lines
    assert " : :warning" in lines
    assert not any(each in text for each in ("\x1b", "\r", "\u202e", "##[", "\ufeff"))


def test_nothing_to_do_is_said_in_a_line() -> None:
    view = a_view(new=b"feature: checkout\ntier: 1\n", idle="checkout is paused already")

    assert edit_text(view, STYLE) == "nothing to do: checkout is paused already\n"
    assert json.loads(edit_json(view))["idle"] == "checkout is paused already"


@pytest.mark.parametrize(
    ("verb", "before", "after", "subject"),
    [
        ("advance", {}, {}, "Advance checkout: tier 1 -> 2"),
        ("pause", {"tier": 1}, {"tier": 1, "paused": True}, "Pause checkout"),
        ("restart", {"tier": 0}, {"tier": 1, "attempt": 2}, "Restart checkout: attempt 2, tier 0 -> 1"),
        ("restart", {"tier": 0}, {"tier": 0, "attempt": 2}, "Restart checkout: attempt 2"),
        (
            "allow",
            {"tier": 1, "blacklist": frozenset("a")},
            {"tier": 1, "whitelist": frozenset("ab")},
            "Allow checkout: whitelist +2, blacklist -1",
        ),
    ],
)
def test_a_subject_names_the_effect_and_no_customer(
    verb: str, before: dict[str, Any], after: dict[str, Any], subject: str
) -> None:
    assert edit_subject(a_view(before, after, verb=verb)) == subject


def test_programs_get_the_same() -> None:
    delivery = Delivery(is_written=True, commit="c" * 40, branch="up", base="b" * 40, base_branch="main")

    told = json.loads(edit_json(a_view(delivery=delivery, reached=[(Tier.FULL, NOW, True)])))

    assert told == {
        "version": 1,
        "kind": "edit",
        "command": "advance",
        "feature": "checkout",
        "path": "rollouts.d/checkout.yaml",
        "is_changed": True,
        "idle": None,
        "before": {"tier": 1, "percent": 1, "attempt": 1, "rolled_back": 0, "paused": False},
        "after": {"tier": 2, "percent": 10, "attempt": 1, "rolled_back": 0, "paused": False},
        "lists": {},
        "reachable": [{"tier": 4, "percent": 100, "at": "2026-03-02T09:00:00Z", "stood_before": True}],
        "diff": "--- a/rollouts.d/checkout.yaml\n+++ b/rollouts.d/checkout.yaml\n@@ -1,2 +1,2 @@\n"
        " feature: checkout\n-tier: 1\n+tier: 2\n",
        "is_written": True,
        "commit": "c" * 40,
        "branch": "up",
        "base": "b" * 40,
        "base_branch": "main",
        "remote": None,
        "pull_request": None,
    }
