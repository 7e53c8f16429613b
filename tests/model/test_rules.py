"""What the model decides is what the product decides: every row against every file, in these small bounds."""

from __future__ import annotations

from itertools import product

import pytest

from reconciler.domain.plan import Change, Plan, Rollback
from reconciler.domain.state import State
from tests.builders.domain import (
    FEATURE,
    HEALTHY,
    NOT_THE_TIP,
    a_definition,
    a_problem,
    a_state,
    diffed,
    hours,
    remembered,
)
from tests.model.branch import BROKEN, File, is_valid
from tests.model.rules import TOP, Answer, decide
from tests.model.state import Row

ATTEMPTS = (1, 2, 3)
FILES = [
    None,
    BROKEN,
    *(File(*said) for said in product(range(TOP + 1), ATTEMPTS, range(4)) if is_valid(File(*said))),
]
ROWS = [
    None,
    *(
        Row(tier, attempt, is_over, is_retired, is_served)
        for tier, attempt, is_over, is_retired, is_served in product(
            range(TOP + 1), ATTEMPTS, (False, True), (False, True), (False, True)
        )
        if (tier == 0 or not is_over) and (tier in {0, TOP} or not is_retired) and (0 < tier < TOP or not is_served)
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_model_decides_as_the_product(row: Row | None) -> None:
    for file, told, may_raise in product(FILES, range(4), (False, True)):
        plan = planned(row, file, told, may_raise=may_raise)

        assert decide(row, file, told, may_raise=may_raise) == answer_of(plan, row), (file, told, may_raise)


def planned(row: Row | None, file: File | None, told: int, *, may_raise: bool) -> Plan:
    """Return the product's plan for the same."""
    readable = None if file is None or file == BROKEN else file
    return diffed(
        None if readable is None else a_definition(**readable._asdict(), target=TOP),
        None if row is None else state_of(row),
        evidence=HEALTHY,
        problems=(a_problem(FEATURE),) if file == BROKEN else (),
        raises_held=None if may_raise else NOT_THE_TIP,
        memory=remembered(told) if told else None,
    )


def state_of(row: Row) -> State:
    """Return the product's state of a row."""
    said = row._asdict()
    return a_state(said.pop("tier"), served=hours(1_000 if said.pop("served") else 0), target=TOP, **said)


def answer_of(plan: Plan, row: Row | None) -> Answer:
    """Return the rows that a plan writes: an import first, if there is one."""
    imports = [change for change in plan.changes if isinstance(change, Rollback)]
    others = [change for change in plan.changes if not isinstance(change, Rollback)]
    imported = row_after(imports[0], row) if imports else None
    return Answer(imported=imported, change=row_after(others[0], imported or row) if others else None)


def row_after(change: Change, row: Row | None) -> Row:
    """Return the row that a change leaves."""
    standing = change.after
    after = Row(int(standing.tier), standing.attempt, standing.rolled_back, standing.retired)
    stays = row is not None and (row.tier, row.attempt) == (after.tier, after.attempt)
    return after._replace(served=row is not None and stays and row.served)
