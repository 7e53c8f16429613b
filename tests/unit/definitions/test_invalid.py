"""Every bad file and tree: its whole message, and that its good neighbour is loaded all the same.

`REGENERATE_GOLDEN=1` writes the messages anew; read them as an author would before you commit them.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.builders.bad_definitions import CASES, INVALID, NEIGHBOUR, bad_tree

_ADDRESS_SPACE = """
import resource, sys
from tests.builders.bad_definitions import CASES, bad_tree

bad_tree(CASES[0]).load()
before = resource.getrlimit(resource.RLIMIT_AS)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
for case in CASES:
    tree = bad_tree(case)
    resource.setrlimit(resource.RLIMIT_AS, (used + 60 * 2**20, before[1]))
    print(case, flush=True)
    tree.load()
    resource.setrlimit(resource.RLIMIT_AS, before)
print("all")
"""


@pytest.mark.timeout(20)
@pytest.mark.parametrize("case", CASES)
def test_says_what_is_wrong_and_what_to_do(case: str) -> None:
    golden = INVALID / f"{case}.txt"

    desired = bad_tree(case).load()

    said = "".join(f"{problem}\n    keeps: {_names(problem.features)}\n" for problem in desired.problems)
    if os.environ.get("REGENERATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(said.encode())
    assert said == golden.read_bytes().decode()
    assert said


@pytest.mark.parametrize("case", [case for case in CASES if "polic" not in case])
def test_leaves_the_neighbour_alone(case: str) -> None:
    desired = bad_tree(case).load()

    assert NEIGHBOUR in desired.definitions
    assert not any(NEIGHBOUR in problem.features for problem in desired.problems)


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("policies/")])
def test_a_broken_policy_lets_every_feature_keep_its_state(case: str) -> None:
    desired = bad_tree(case).load()

    assert desired.definitions == {}
    assert [problem.features for problem in desired.problems if problem.features] == [frozenset({NEIGHBOUR})]


@pytest.mark.parametrize("case", CASES)
def test_puts_each_feature_in_one_place_only(case: str) -> None:
    desired = bad_tree(case).load()

    kept = {feature for problem in desired.problems for feature in problem.features}
    assert not kept & desired.definitions.keys()
    assert not kept & desired.unchanged


@pytest.mark.parametrize("case", CASES)
def test_says_each_fault_on_one_line_that_a_terminal_can_show(case: str) -> None:
    desired = bad_tree(case).load()

    assert [str(problem) for problem in desired.problems if not str(problem).isprintable()] == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and limits the address space")
def test_no_bad_file_takes_much_memory() -> None:
    """A bare interpreter with all imports takes some 40 MB: with 60 more, all stay below 100."""
    run = subprocess.run([sys.executable, "-c", _ADDRESS_SPACE], capture_output=True, text=True, check=False)

    assert (run.stdout.splitlines()[-1:], run.stderr) == (["all"], "")


def _names(features: frozenset[str]) -> str:
    return ", ".join(sorted(features)) or "nothing by name"
