"""What one load reads, what it leaves unread, and whose state a fault keeps."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.definitions.load import load, source_key
from reconciler.definitions.source import Entry, EntryKind
from reconciler.domain.definition import Definition, Source
from reconciler.domain.desired import Desired
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.ladder import Tier
from reconciler.domain.policy import Policy
from tests.builders.definitions import Tree, a_file, a_tree, an_entry

_FLOORLESS = b"min_dwell: 0s\n"


def test_loads_a_root_with_its_policy() -> None:
    tree = a_tree({"_policy.yaml": b"dwell: 72h\n", "payments/checkout.yaml": a_file("checkout", tier=1)})

    desired = tree.load()

    gates = Gates(dwell=Dwell(tier_1=timedelta(days=3), tier_2=timedelta(days=3), tier_3=timedelta(days=3)))
    source = Source(
        path="rollouts.d/payments/checkout.yaml",
        key=source_key(tree.entries[1], tree.entries[0]),
        line=2,
        column=7,
    )
    assert desired == Desired(
        definitions={"checkout": Definition(feature="checkout", tier=Tier.INTERNAL, source=source, gates=gates)},
        policy=Policy(defaults=gates),
    )


def test_loads_an_empty_root() -> None:
    assert a_tree({}).load() == Desired(definitions={})


def test_reads_everything_in_one_call_with_the_policy_first() -> None:
    tree = a_tree({"b.yaml": a_file("b"), "_policy.yaml": _FLOORLESS, "a.yaml": a_file("a"), "c.yml": a_file("c")})

    tree.load()

    assert tree.reads == [[f"rollouts.d/{name}" for name in ("_policy.yaml", "b.yaml", "a.yaml", "c.yml")]]


def test_reads_nothing_when_all_keys_are_in_force() -> None:
    tree = a_tree({"_policy.yaml": _FLOORLESS, "a.yaml": a_file("a"), "b.yaml": a_file("b")})
    applied = _keys(tree.load())
    tree.reads.clear()

    assert tree.load(applied) == Desired(definitions={}, unchanged=frozenset({"a", "b"}))
    assert tree.reads == []


def test_reads_only_what_changed_and_the_policy() -> None:
    applied = _keys(a_tree({"_policy.yaml": _FLOORLESS, "a.yaml": a_file("a"), "b.yaml": a_file("b")}).load())
    tree = a_tree({"_policy.yaml": _FLOORLESS, "a.yaml": a_file("a"), "b.yaml": a_file("b", tier=1)})

    desired = tree.load(applied)

    assert (set(desired.definitions), set(desired.unchanged)) == ({"b"}, {"a"})
    assert tree.reads == [["rollouts.d/_policy.yaml", "rollouts.d/b.yaml"]]


def test_reads_every_file_again_when_the_policy_changed() -> None:
    applied = _keys(a_tree({"_policy.yaml": _FLOORLESS, "a.yaml": a_file("a")}).load())

    desired = a_tree({"_policy.yaml": b"min_dwell: 1s\n", "a.yaml": a_file("a")}).load(applied)

    assert (set(desired.definitions), set(desired.unchanged)) == ({"a"}, set())


def test_reads_every_file_again_when_the_policy_went_away() -> None:
    applied = _keys(a_tree({"_policy.yaml": _FLOORLESS, "a.yaml": a_file("a")}).load())

    desired = a_tree({"a.yaml": a_file("a")}).load(applied)

    assert (set(desired.definitions), set(desired.unchanged)) == ({"a"}, set())


def test_a_moved_file_is_unchanged() -> None:
    applied = _keys(a_tree({"payments/a.yaml": a_file("a")}).load())

    assert a_tree({"billing/a.yaml": a_file("a")}).load(applied).unchanged == {"a"}


def test_reads_the_policy_when_a_feature_lost_its_file() -> None:
    """The guard's limits count when something may be retired."""
    tree = a_tree({"_policy.yaml": b"guard: {max_lowered: 0.5}\n", "a.yaml": a_file("a")})
    applied = _keys(tree.load()) | {"gone": "key"}

    assert tree.load(applied).policy.guard.max_lowered == 0.5


def test_a_file_in_force_that_has_a_twin_now_is_not_unchanged() -> None:
    applied = _keys(a_tree({"a.yaml": a_file("a")}).load())

    desired = a_tree({"a.yaml": a_file("a"), "b/a.yaml": a_file("a")}).load(applied)

    assert (desired.definitions, desired.unchanged) == ({}, frozenset())
    assert [problem.features for problem in desired.problems] == [{"a"}, {"a"}]


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "CODEOWNERS",
        ".gitkeep",
        ".hidden.yaml",
        ".git/checkout.yaml",
        "team/.x/a.yaml",
        "notes.yaml.bak",
    ],
)
def test_passes_over(path: str) -> None:
    tree = a_tree({path: b"\xff", "a.yaml": a_file("a")})

    desired = tree.load()

    assert (set(desired.definitions), desired.problems) == ({"a"}, ())
    assert tree.reads == [["rollouts.d/a.yaml"]]


def test_passes_over_scripts() -> None:
    assert Tree().add("lint.sh", b"#!/bin/sh", EntryKind.EXECUTABLE).load() == Desired(definitions={})


@pytest.mark.parametrize("root", ["", "."])
def test_the_top_of_the_repository_may_be_the_root(root: str) -> None:
    entries = [an_entry("a.yaml", a_file("a")), an_entry("_policy.yaml", _FLOORLESS)]
    contents = {"a.yaml": a_file("a"), "_policy.yaml": _FLOORLESS}

    desired = load(entries, lambda asked: [contents[entry.path] for entry in asked], root)

    assert (set(desired.definitions), desired.policy.min_dwell) == ({"a"}, timedelta())


def test_a_root_may_be_hidden_itself() -> None:
    desired = load([an_entry(".ops/rollouts/a.yaml")], lambda _: [a_file("a")], ".ops/rollouts")

    assert set(desired.definitions) == {"a"}


@pytest.mark.parametrize(
    ("policy", "dwell", "expected"),
    [
        pytest.param(
            b"min_dwell: 24h\n", {"1": "30h"}, (30, 48, 48), id="a tier that is not named has the default"
        ),
        pytest.param(b"min_dwell: 72h\n", None, (72, 72, 72), id="the default is raised to the floor"),
        pytest.param(b"min_dwell: 72h\n", {"2": "72h"}, (72, 72, 72), id="exactly the floor is enough"),
        pytest.param(b"{min_dwell: 0s, dwell: 1h}\n", {"3": "0s"}, (1, 1, 0), id="no floor"),
        pytest.param(b"dwell: {2: 72h}\n", "30h", (30, 30, 30), id="one dwell names all tiers"),
        pytest.param(b"dwell: {2: 24h}\n", None, (48, 24, 48), id="the policy's own default, exactly the floor"),
    ],
)
def test_dwell(policy: bytes, dwell: object, expected: tuple[int, int, int]) -> None:
    file = a_file("a") if dwell is None else a_file("a", dwell=dwell)
    tree = a_tree({"_policy.yaml": policy, "a.yaml": file})

    desired = tree.load()

    one, two, three = (timedelta(hours=hours) for hours in expected)
    assert desired.problems == ()
    assert desired.definitions["a"].gates.dwell == Dwell(tier_1=one, tier_2=two, tier_3=three)


def test_thresholds_that_a_file_does_not_name_come_from_the_policy() -> None:
    policy = b"thresholds: {confidence: 0.99, min_exposed: 50}\n"
    tree = a_tree({"_policy.yaml": policy, "a.yaml": a_file("a", thresholds={"min_exposed": 0, "error_rate": 0})})

    thresholds = tree.load().definitions["a"].gates.thresholds

    assert thresholds == Thresholds(error_rate=0.0, min_exposed=0, confidence=0.99)


def test_a_broken_policy_names_every_feature_once() -> None:
    tree = a_tree({"_policy.yaml": b"min_dwell: 5\n", **{f"f{n}.yaml": a_file(f"f{n}") for n in range(50)}})

    desired = tree.load()

    assert desired.definitions == {}
    assert [problem.features for problem in desired.problems if problem.features] == [{f"f{n}" for n in range(50)}]


def test_a_broken_policy_does_not_hide_the_faults_of_definitions() -> None:
    tree = a_tree({"_policy.yaml": b"min_dwell: 5\n", "a.yaml": b"feature: a\ntier: 9\ndwell: 1s\n"})

    assert [(each.path, each.rule) for each in tree.load().problems] == [
        ("rollouts.d/_policy.yaml", "type"),
        ("rollouts.d/a.yaml", "range"),
    ]


def test_problems_come_in_the_order_of_paths_and_lines() -> None:
    bad = b"feature: x\ntier: 9\n"

    problems = a_tree({"b.yaml": bad, "a/z.yaml": bad, "a.yaml": bad}).load().problems

    assert [(each.path, each.line) for each in problems] == [
        ("rollouts.d/a.yaml", 1),
        ("rollouts.d/a.yaml", 2),
        ("rollouts.d/a/z.yaml", 1),
        ("rollouts.d/a/z.yaml", 2),
        ("rollouts.d/b.yaml", 1),
        ("rollouts.d/b.yaml", 2),
    ]


def test_the_key_covers_file_and_policy() -> None:
    file, policy = an_entry("a.yaml", b"a"), an_entry("_policy.yaml", b"p")
    keys = {source_key(file, policy), source_key(file, None), source_key(replace(file, id="0" * 40), policy)}

    assert len(keys) == 3
    assert {len(key) for key in keys} == {40}


def test_jsonschema_is_imported_only_when_something_is_validated() -> None:
    check = "import sys; from reconciler.definitions.load import load; load([], list, 'r'); print(*sys.modules)"

    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)

    assert {"jsonschema", "referencing"} & set(run.stdout.split()) == set()


def _keys(desired: Desired) -> dict[str, str]:
    return {feature: definition.source.key for feature, definition in desired.definitions.items()}


def test_thousands_of_files_for_one_feature_are_told_briefly() -> None:
    desired = a_tree({f"team-{number:04}/a.yaml": b"feature: a\ntier: 0\n" for number in range(3_000)}).load()

    first = desired.problems[0]
    assert (len(desired.problems), desired.definitions) == (3_000, {})
    assert first.message == (
        "a feature has one file; a also has rollouts.d/team-0001/a.yaml, rollouts.d/team-0002/a.yaml, "
        "rollouts.d/team-0003/a.yaml and 2996 more"
    )


def test_a_file_that_may_not_be_read_is_a_problem_of_its_own() -> None:
    tree = a_tree({"b.yaml": b"feature: b\ntier: 0\n"})
    closed = Entry(path="rollouts.d/a.yaml", kind=EntryKind.UNREADABLE, id="")

    desired = load([closed, *tree.entries], tree.read, "rollouts.d")

    assert [(each.path, each.rule, each.features) for each in desired.problems] == [
        ("rollouts.d/a.yaml", "kind", frozenset({"a"}))
    ]
    assert list(desired.definitions) == ["b"]
