"""Explores every scenario and every mutant and shows what it finds: `python -m tests.model`."""

from __future__ import annotations

from time import monotonic

from tests.model.explore import explore
from tests.model.mutants import QUICK, SLOW
from tests.model.scenarios import SCENARIOS, WHOLE
from tests.model.state import World
from tests.model.trace import told


def main() -> None:
    """Print one line a scenario, and the shortest way to ruin without each safeguard."""
    total = 0
    for name, bounds in {"one of everything": WHOLE, **SCENARIOS}.items():
        began, world = monotonic(), World(bounds=bounds)
        found = explore(world)
        total += found.states
        print(f"{found.states:9,} states {monotonic() - began:5.1f} s  {name}", flush=True)
        if found.broken is not None:
            print(told(world, found))
    print(f"{total:9,} states")
    for mutant in (*QUICK, *SLOW):
        world = World(bounds=mutant.bounds, without=frozenset(mutant.without))
        found = explore(world, {mutant.breaks})
        print(f"\nWithout {mutant}, after {found.states:,} states:\n{told(world, found)}", flush=True)


main()
