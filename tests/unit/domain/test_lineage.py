"""Which commit contains which, and where a file was changed last: over merges, in both directions."""

from __future__ import annotations

import pytest

from reconciler.domain.lineage import Lineage

# a - b - d - m - e     m merges c into d
#      \ c ----/        x was on the branch once
PARENTS = {"a": (), "x": ("a",), "b": ("a",), "c": ("b",), "d": ("b",), "m": ("d", "c"), "e": ("m",)}
LINE = Lineage(tip="e", parents=PARENTS)


def test_the_branch_is_what_its_tip_contains() -> None:
    assert [commit for commit in PARENTS if LINE.is_on_branch(commit)] == ["a", "b", "c", "d", "m", "e"]
    assert (LINE.has("x"), LINE.has("y"), LINE.is_on_branch("y")) == (True, False, False)


@pytest.mark.parametrize(
    ("commit", "later", "expected"),
    [("a", "e", True), ("c", "m", True), ("d", "m", True), ("c", "d", False), ("e", "a", False), ("b", "b", True)],
)
def test_a_commit_is_within_what_descends_from_it(commit: str, later: str, expected: bool) -> None:
    assert LINE.is_within(commit, later) is expected


def test_a_commit_arrives_with_the_first_revision_that_contains_it() -> None:
    assert LINE.arrivals(["b", "d", "e", "d"]) == {"a": 0, "b": 0, "d": 1, "c": 2, "m": 2, "e": 2}
    assert LINE.arrivals(["gone", "a"]) == {"a": 1}


def test_a_file_is_of_the_commit_that_changed_it_last() -> None:
    changed = {"a": (0,), "c": (0,), "m": (0,)}  # the merge takes over what `c` made of it

    assert LINE.origins(changed) == {"a": "a", "x": "a", "b": "a", "c": "c", "d": "a", "m": "c", "e": "c"}


def test_a_merge_that_differs_from_both_sides_has_changed_it_itself() -> None:
    changed = {"a": (0,), "c": (0,), "d": (0,), "m": (0, 1)}

    assert LINE.origins(changed)["e"] == "m"


def test_a_merge_that_keeps_the_own_side_has_that_sides_origin() -> None:
    changed = {"a": (0,), "c": (0,), "d": (0,), "m": (1,)}

    assert LINE.origins(changed)["e"] == "d"


def test_there_is_no_origin_where_there_never_was_a_file() -> None:
    assert LINE.origins({"d": (0,), "m": (1,)}) == {
        **dict.fromkeys(("a", "x", "b", "c")),
        **dict.fromkeys(("d", "m", "e"), "d"),
    }


def test_the_branch_was_set_to_one_commit_after_another() -> None:
    assert list(LINE.first_parents()) == ["e", "m", "d", "b", "a"]
