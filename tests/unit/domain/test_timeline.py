"""Commits and transitions joined: which stands with which, what came of a commit, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from reconciler.domain.gates import Gates
from reconciler.domain.history import Transition
from reconciler.domain.ladder import Tier
from reconciler.domain.lineage import Lineage
from reconciler.domain.record import Taken
from reconciler.domain.timeline import Entry, Past, Shown, timeline
from reconciler.domain.write_back import WriteBack, WriteBackStatus
from tests.builders.domain import NOW, hours

A_MINUTE = timedelta(minutes=1)


def a_past(names: str, file: str, policy: str = "") -> Past:
    """Return a line of commits, a letter each, an hour apart; `file` and `policy` name those that changed it."""
    parents = {name: tuple(names[number - 1 : number]) if number else () for number, name in enumerate(names)}
    shown = {
        name: Shown(id=name, subject=name, author="ada", at=NOW + hours(number))
        for number, name in enumerate(names)
    }
    return Past(
        lineage=Lineage(tip=names[-1], parents=parents),
        file=dict.fromkeys(file, (0,)),
        policy=dict.fromkeys(policy, (0,)),
        shown=shown,
    )


def a_row(version: int, kind: str, revision: str | None, **named: Any) -> Transition:
    plain = Transition(
        version=version,
        kind=kind,
        tier=Tier.INTERNAL,
        attempt=1,
        epoch=1,
        rolled_back=kind == "rollback",
        retired=False,
        at=NOW + hours(version) + A_MINUTE,
        revision=revision,
        rollback_commit=None,
        reason="a test",
        actor="ada",
    )
    return replace(plain, **named)


def in_force(names: str) -> list[Taken]:
    return [
        Taken(number=number, root="rollouts.d", revision=name, kind="apply", at=NOW + hours(number) + A_MINUTE)
        for number, name in enumerate(names, start=1)
    ]


def told(entries: tuple[Entry, ...]) -> list[tuple[str | None, list[int], str]]:
    return [(each.commit, [event.transition.version for event in each.events], each.fate.value) for each in entries]


def test_a_transition_stands_with_the_commit_that_asked_for_it() -> None:
    rows = [a_row(1, "create", "a"), a_row(2, "promote", "c")]

    line = timeline("checkout", rows, (), in_force("ac"), a_past("abc", file="ab"))

    assert told(line.entries) == [("a", [1], "applied"), ("b", [2], "applied")]


def test_a_raise_that_fell_due_later_stands_with_the_commit_that_asked_for_it_again() -> None:
    rows = [a_row(1, "create", "a"), a_row(2, "update", "b"), a_row(3, "rollback", None), a_row(4, "promote", "b")]

    line = timeline("checkout", rows, (), in_force("ab"), a_past("ab", file="ab"))

    assert told(line.entries)[1:] == [("b", [2], "applied"), (None, [3], "applied"), ("b", [4], "applied")]
    assert [entry.is_again for entry in line.entries] == [False, False, False, True]


def test_what_a_policy_changed_stands_with_the_policy() -> None:
    rows = [a_row(1, "create", "a"), a_row(2, "update", "c"), a_row(3, "promote", "c")]

    line = timeline("checkout", rows, (), in_force("ac"), a_past("abc", file="a", policy="ab"))

    assert told(line.entries) == [("a", [1], "applied"), ("b", [2], "applied"), ("a", [3], "applied")]


def test_a_commit_that_changed_both_is_not_taken_for_the_policys() -> None:
    rows = [a_row(1, "create", "a"), a_row(2, "update", "b")]

    line = timeline("checkout", rows, (), in_force("ab"), a_past("ab", file="ab", policy="ab"))

    assert told(line.entries)[1] == ("b", [2], "applied")


def test_each_commit_says_what_came_of_it() -> None:
    line = timeline("checkout", [a_row(1, "create", "a")], (), in_force("acd"), a_past("abcdef", file="abcdf"))

    assert told(line.entries) == [
        ("a", [1], "applied"),
        ("b", [], "superseded"),
        ("c", [], "changed-nothing"),
        ("d", [], "changed-nothing"),
        ("f", [], "not-applied"),
    ]
    assert [entry.by for entry in line.entries] == [None, "c", None, None, None]
    assert [entry.taken and entry.taken.number for entry in line.entries] == [None, 2, 2, 3, None]


def test_a_rollback_stands_before_the_commit_that_tells_git_of_it() -> None:
    rows = [a_row(1, "create", "a"), a_row(2, "rollback", None, at=NOW + hours(2))]
    write_back = WriteBack(
        id=UUID(int=1),
        feature="checkout",
        attempt=1,
        epoch=1,
        tier=Tier.INTERNAL,
        at=NOW + hours(1),
        reason="a test",
        actor="ada",
        gates=Gates(),
        status=WriteBackStatus.WRITTEN,
        revision="b",
    )

    line = timeline("checkout", rows, [write_back], in_force("ab"), a_past("ab", file="ab"))

    assert told(line.entries) == [("a", [1], "applied"), (None, [2], "applied"), ("b", [], "tells")]
    assert (line.entries[1].events[0].write_back, line.entries[2].tells) == (write_back, 2)


def test_an_imported_rollback_stands_with_the_commit_that_tells_of_it() -> None:
    by_file = [a_row(1, "create", "a"), a_row(2, "rollback", None, rollback_commit="c")]

    in_file = timeline("checkout", by_file, (), in_force("ac"), a_past("abc", file="ab"))
    by_trailer = timeline("checkout", by_file, (), in_force("ac"), a_past("abc", file="a"))

    assert told(in_file.entries)[1] == ("b", [2], "applied")
    assert told(by_trailer.entries)[1] == ("c", [2], "applied")


def test_where_the_commit_in_force_is_gone_nobody_can_tell_what_came_of_others() -> None:
    line = timeline("checkout", [a_row(1, "create", "z")], (), in_force("z"), a_past("ab", file="ab"))

    assert told(line.entries) == [("a", [], "unknown"), ("b", [], "unknown"), (None, [1], "applied")]


def test_without_git_there_are_the_transitions() -> None:
    line = timeline(
        "checkout", [a_row(1, "create", "a"), a_row(2, "demote", "b", tier=Tier.DISABLED)], (), (), None
    )

    assert told(line.entries) == [(None, [1], "applied"), (None, [2], "applied")]
    assert [event.before for event in line.events] == [None, 1]
    assert line.shown("a") is None


def test_a_side_that_a_merge_brought_in_names_the_merge() -> None:
    past = a_past("abcd", file="a")
    parents = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
    merged = replace(past, lineage=Lineage(tip="d", parents=parents), file={"a": (0,), "c": (0,), "d": (0,)})

    line = timeline("checkout", [a_row(1, "create", "a"), a_row(2, "promote", "d")], (), in_force("ad"), merged)

    assert told(line.entries) == [("a", [1], "applied"), ("c", [2], "applied")]
    assert [entry.merge for entry in line.entries] == [None, "d"]


def test_a_commit_off_the_branch_is_shown_for_what_it_caused_alone() -> None:
    past = a_past("abc", file="ab")
    parents = {"a": (), "b": ("a",), "c": ("a",)}
    rewritten = replace(past, lineage=Lineage(tip="c", parents=parents))

    caused = timeline("checkout", [a_row(1, "create", "a"), a_row(2, "update", "b")], (), in_force("ab"), rewritten)
    nothing = timeline("checkout", [a_row(1, "create", "a")], (), in_force("ab"), rewritten)

    assert told(caused.entries) == [("a", [1], "applied"), ("b", [2], "applied")]
    assert told(nothing.entries) == [("a", [1], "applied")]
