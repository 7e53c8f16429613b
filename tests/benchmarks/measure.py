"""Least CPU time of several runs, children included, and the line that a benchmark prints."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU seconds and wall seconds of the cheapest run."""

    cpu: float
    wall: float


def least(work: Callable[[], object], *, runs: int = 3, before: Callable[[], object] | None = None) -> Cost:
    """Run the work several times and return its least cost; `before` is run first each time and not counted."""
    costs = []
    for _ in range(runs):
        if before is not None:
            before()
        cpu, wall = _cpu(), time.perf_counter()
        work()
        costs.append(Cost(cpu=_cpu() - cpu, wall=time.perf_counter() - wall))
    return Cost(cpu=min(cost.cpu for cost in costs), wall=min(cost.wall for cost in costs))


def least_each(works: Mapping[str, Callable[[], object]], *, runs: int) -> dict[str, Cost]:
    """Run several works by turns, so that a machine that is slow for a while is slow for all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            costs[name].append(least(work, runs=1))
    return {
        name: Cost(cpu=min(cost.cpu for cost in found), wall=min(cost.wall for cost in found))
        for name, found in costs.items()
    }


def report(name: str, cost: Cost, floor: Cost, goal: str, *, by_wall: bool = False) -> None:
    """Print one line: what it cost, what its floor cost, and the ratio of the two beside its goal."""
    spent, least_possible = (cost.wall, floor.wall) if by_wall else (cost.cpu, floor.cpu)
    unit = "s wall" if by_wall else "s CPU"
    ratio = spent / least_possible
    print(f"{name:<52} {spent:8.3f} {unit}   floor {least_possible:8.3f}   ratio {ratio:5.2f}   goal {goal}")


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
