"""Breadth first through every state that can be reached, to the first broken promise or to the end."""

from __future__ import annotations

import gc
from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.model.invariants import PROMISED, Invariant, broken_at_rest, broken_by
from tests.model.protocol import steps
from tests.model.state import Move, State, World


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """What was seen: how many states, and the shortest way to the first broken promise, if there is one.

    `ends` says that workers which are left in peace come to rest, whatever they do first.
    """

    states: int
    broken: Invariant | None = None
    trace: tuple[tuple[Move, State], ...] = ()
    ends: bool = True


@dataclass(slots=True)
class _Search:
    world: World
    states: list[State]
    known: dict[State, int]
    parents: array[int] = field(default_factory=lambda: array("I", [0]))
    work: tuple[array[int], array[int]] = field(default_factory=lambda: (array("I"), array("I")))

    def place(self, state: State, parent: int) -> int:
        """Return the number of a state, a new one if nobody was there."""
        place = self.known.setdefault(state, len(self.states))
        if place == len(self.states):
            self.states.append(state)
            self.parents.append(parent)
        return place

    def way_to(self, place: int) -> Iterator[tuple[Move, State]]:
        """Yield the steps of the shortest way to a state."""
        if place:
            parent = self.parents[place]
            yield from self.way_to(parent)
            wanted = self.states[place]
            yield next((move, after) for move, after in steps(self.world, self.states[parent]) if after == wanted)


def explore(world: World, watched: Collection[Invariant] = PROMISED) -> Exploration:
    """Look at every state; stop where a watched promise breaks."""
    start = world.start()
    search = _Search(world, [start], {start: 0})
    with _nothing_collected():
        for place, state in enumerate(search.states):  # grows as we go
            found = _expand(search, place, state, watched)
            if found is not None:
                return found
        return Exploration(states=len(search.states), ends=_all_end(len(search.states), *search.work))


def _expand(search: _Search, place: int, state: State, watched: Collection[Invariant]) -> Exploration | None:
    rests = True
    for move, after in steps(search.world, state):
        broken = broken_by(search.world, move, state, after)
        if broken in watched:
            return _found(search, place, broken, (move, after))
        next_place = search.place(after, place)
        if move.is_work:
            rests = False
            search.work[0].append(place)
            search.work[1].append(next_place)
    broken = broken_at_rest(search.world, state) if rests else None
    return _found(search, place, broken) if broken in watched else None


def _found(search: _Search, place: int, broken: Invariant | None, *last: tuple[Move, State]) -> Exploration:
    return Exploration(states=len(search.states), broken=broken, trace=(*search.way_to(place), *last))


def _all_end(count: int, sources: array[int], targets: array[int]) -> bool:
    """Tell whether no worker can go round in a circle: states at rest are taken away until none is left."""
    before: dict[int, list[int]] = {}
    for source, target in zip(sources, targets, strict=True):
        before.setdefault(target, []).append(source)
    open_steps = Counter(sources)
    at_rest = [place for place in range(count) if not open_steps[place]]
    for place in at_rest:  # grows as we go
        for source in before.get(place, ()):
            open_steps[source] -= 1
            if not open_steps[source]:
                at_rest.append(source)
    return len(at_rest) == count


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Spare the collector hundreds of thousands of tuples that hold no cycles."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
