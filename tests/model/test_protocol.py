"""Every promise holds in every state within the bounds, and none does without the safeguards.

`python -m tests.model` shows the same with the shortest way to each broken promise.
"""

from __future__ import annotations

from collections.abc import Collection

import pytest

from tests.model.explore import Exploration, explore
from tests.model.invariants import PROMISED, Invariant
from tests.model.mutants import QUICK, SLOW, Mutant
from tests.model.people import EDITS, RAISE, REVERT
from tests.model.safeguards import Safeguard
from tests.model.scenarios import SCENARIOS, SMALL, WHOLE
from tests.model.state import Bounds, Left, Row, World
from tests.model.trace import told


def explored(
    bounds: Bounds, *without: Safeguard, watched: Collection[Invariant] = PROMISED
) -> tuple[Exploration, str]:
    """Explore, and return what was found with the way to it."""
    world = World(bounds=bounds, without=frozenset(without))
    found = explore(world, watched)
    return found, told(world, found)


def test_every_promise_holds_around_one_rollback_and_a_restore() -> None:
    found, way = explored(SMALL)

    assert found.broken is None, way
    assert found.ends
    assert found.states > 10_000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_promise_holds_with_one_of_everything() -> None:
    found, way = explored(WHOLE)

    assert found.broken is None, way
    assert found.ends
    assert found.states > 100_000


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("bounds", SCENARIOS.values(), ids=SCENARIOS)
def test_every_promise_holds_when_one_thing_goes_further(bounds: Bounds) -> None:
    found, way = explored(bounds)

    assert found.broken is None, way
    assert found.ends
    assert found.states > 50_000


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "mutant", [*QUICK, *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW)], ids=str
)
def test_a_promise_breaks_without(mutant: Mutant) -> None:
    found, way = explored(mutant.bounds, *mutant.without, watched={mutant.breaks})

    print(way)
    assert found.broken is mutant.breaks


def test_every_safeguard_is_taken_away_once() -> None:
    assert {each for mutant in (*QUICK, *SLOW) for each in mutant.without} == set(Safeguard)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "safeguard",
    [
        Safeguard.VERSION,
        Safeguard.CONSTRAINTS,
        Safeguard.STAYS_OFF,
        Safeguard.RESTARTS_LOW,
        Safeguard.DWELL,
        Safeguard.NO_SKIP,
        Safeguard.FACTS_DECIDE,
    ],
    ids=str,
)
def test_a_second_line_holds_where_the_first_is_gone(safeguard: Safeguard) -> None:
    """None of these stands alone: Python decides and PostgreSQL enforces, a false mark is seen by the next look."""
    bounds = Bounds(left=Left(edits=1, rollbacks=1, faults=1), people=EDITS, appliers=2)

    found, way = explored(bounds, safeguard, watched=PROMISED - {Invariant.ONE_CHAIN})

    assert found.broken is None, way


def test_a_rollback_that_was_squashed_is_forgotten_with_the_database_once_its_file_is_reverted() -> None:
    """Known, and not promised: without a trailer no commit but the tip is asked."""
    bounds = Bounds(
        left=Left(edits=3, rollbacks=1, restores=1),
        people=frozenset({REVERT, RAISE}),
        row=Row(0),
        only_tip=True,
        is_protected=True,
    )

    found, way = explored(bounds, watched={Invariant.OLD_FILES})

    print(way)
    assert found.broken is Invariant.OLD_FILES
