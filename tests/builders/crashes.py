"""Strikes: the product is killed, broken or cut off at a named place, others go on, and nothing may be lost by it.

case = Case(scenario=ERRORS, point="write-back.pushed", action="kill", recovery="both", pushed=push_beside)
assert case.point in case.strike(ring).reached
case.recover(ring)
assert unsettled(ring) == []
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import psycopg

from reconciler.domain.write_back import WriteBackStatus
from tests.builders.chain import contents, faults
from tests.builders.children import Child, Ended
from tests.builders.ring import Ring

Recovery: TypeAlias = Literal["same", "another", "both"]
Act: TypeAlias = Callable[[Ring], None]

ACTIONS = ("kill", "exc", "drop")
RECOVERIES: tuple[Recovery, ...] = ("same", "another", "both")

_SOURCE = Path(__file__).parents[2] / "reconciler"
_REPLICAS: dict[Recovery, tuple[str, ...]] = {"same": ("a",), "another": ("b",), "both": ("a", "b")}
_MOVES = ("rollout_customers", "tally_progress")  # whatever is summarised meanwhile


def nothing(_ring: Ring) -> None:
    """Leave it as it is."""


def run_once(ring: Ring, name: str, failpoints: str = "") -> Child:
    """Start one pass."""
    return ring.start("run", "--once", name=name, failpoints=failpoints)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What has happened before, what is done when it strikes, and what is done after that.

    `lay` happens once for many tests, `prepare` before each strike; `again` is what its caller does who was told of
    a failure or of nothing, and `settle` what ends it, once others have gone on.
    """

    name: str
    lay: Act
    begin: Callable[[Ring, str, str], Child] = run_once
    prepare: Act = nothing
    again: Callable[[Ring, str], Child] | None = None
    settle: Act = nothing


@dataclass(frozen=True, kw_only=True)
class Case:
    """A strike: where, at the how-manieth time, how, who goes on after it, and what a person pushes meanwhile."""

    scenario: Scenario
    point: str
    time: int = 1
    action: str
    recovery: Recovery
    pushed: Act

    def __str__(self) -> str:
        pushed = self.pushed.__name__.replace("_", "-")
        time = f"@{self.time}" if self.time > 1 else ""
        return f"{self.point}{time}-{self.action}-{self.scenario.name}-{self.recovery}-{pushed}"

    def strike(self, ring: Ring) -> Ended:
        """Run the product until it is struck."""
        self.scenario.prepare(ring)
        return self.scenario.begin(ring, "a", f"{self.point}={self.action}@{self.time}").ended()

    def recover(self, ring: Ring) -> None:
        """Let a person push, and those who go on finish the work."""
        self.pushed(ring)
        ring.due_now()
        replicas = _REPLICAS[self.recovery]
        if self.scenario.again is not None:
            _well(self.scenario.again(ring, replicas[0]))
        passes(ring, *replicas)
        self.scenario.settle(ring)


def named_places() -> Iterator[tuple[str, str]]:
    """Yield the name of every failpoint in the code, and where it stands; a name that is no literal is an error."""
    for path in sorted(_SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _is_reach(node.func):
                place = f"{path.relative_to(_SOURCE)}:{node.lineno}"
                [argument] = node.args
                name = ast.literal_eval(argument) if isinstance(argument, ast.Constant) else None
                assert isinstance(name, str), f"{place}: its name is no literal"
                yield name, place


def passes(ring: Ring, *replicas: str) -> None:
    """Make one pass in each replica, in all of them at once."""
    for child in [run_once(ring, name) for name in replicas]:
        _well(child)


def unsettled(ring: Ring) -> list[str]:
    """Name everything that is not as it must be after one rollback of `checkout`."""
    found = [*_database_faults(ring), *_branch_faults(ring)]
    state = ring.states()["checkout"]
    if (state.standing.tier, state.standing.attempt, state.standing.rolled_back) != (0, 1, True):
        found.append(f"checkout is not off: {state.standing}")
    return found


def left_over(ring: Ring) -> list[str]:
    """Name what killed processes left in the clones of the replicas."""
    return [
        f"{parent}/{name}"
        for parent, _, files in os.walk(ring.folder / "data")
        for name in files
        if name.startswith(("tmp_", ".tmp", "incoming-"))
        or (name.endswith(".lock") and not Path(parent).name.endswith("-clones"))
    ]


def snapshot(ring: Ring) -> object:
    """Return all that a pass with nothing to do may not change."""
    with psycopg.connect(ring.database.dsn) as connection:
        rows = {table: rows for table, rows in contents(connection).items() if table not in _MOVES}
    return rows, ring.remote.git("for-each-ref")


def _is_reach(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "reach"


def _well(child: Child) -> None:
    ended = child.ended()
    assert ended.code == 0, ended


def _database_faults(ring: Ring) -> Iterator[str]:
    with psycopg.connect(ring.database.dsn) as connection:
        yield from faults(connection)
        query = "select id from rollouts.rollout_events where event = 'rollback'"
        recorded = [row[0] for row in connection.execute(query).fetchall()]
    write_backs = ring.write_backs()
    if recorded != [each.id for each in write_backs]:
        yield f"rollbacks among the events: {recorded}"
    for each in write_backs:
        if each.status is not WriteBackStatus.WRITTEN or each.note:
            yield f"not written: {each}"


def _branch_faults(ring: Ring) -> Iterator[str]:
    told, [write_back] = ring.rollback_ids(), ring.write_backs()
    if told != [str(write_back.id)]:
        yield f"commits of rollbacks: {told}, not {write_back.id}"
    on_branch = set(ring.remote.git("rev-list", "main").split())
    if lost := ring.by_people - on_branch:
        yield f"commits of people are lost: {lost}"
    if len(on_branch - ring.by_people) != 1:
        yield f"other commits: {on_branch - ring.by_people}"
    if write_back.revision not in on_branch:
        yield f"{write_back.revision} is not on the branch"
    if ring.said("checkout") != {"tier": 0, "rolled_back": 1}:
        yield f"the file says {ring.said('checkout')}"
