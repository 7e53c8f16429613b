"""Which files are remembered as in force whole, so that they need not be read again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.domain.definition import Definition
from reconciler.domain.desired import Desired
from reconciler.domain.ledger import Scope
from reconciler.domain.state import State
from reconciler.reconcile.apply import settled_keys
from reconciler.reconcile.observe import Prospect
from tests.builders.domain import (
    FEATURE,
    NOW,
    SOURCE,
    a_definition,
    a_state,
    diffed,
    remembered,
    rolled_back,
)

KEY = SOURCE.key


def keys(
    definition: Definition, state: State | None, *, failed: set[str] | None = None, **named: Any
) -> dict[str, tuple[int, str]]:
    """Return what is remembered after all changes of the plan but those of `failed` were carried out."""
    plan = diffed(definition, state, **named)
    prospect = Prospect(
        plan=plan,
        root="rollouts.d",
        desired=Desired(definitions={FEATURE: definition}),
        states={} if state is None else {FEATURE: state},
        scope=Scope(number=1, root="rollouts.d", revision=None, now=NOW),
    )
    return settled_keys(prospect, plan.changes, failed or set())


@pytest.mark.parametrize(
    ("definition", "state", "version"),
    [
        pytest.param(a_definition(1), None, 1, id="created"),
        pytest.param(a_definition(1), a_state(1, version=3), 3, id="in sync"),
        pytest.param(a_definition(1, paused=True), a_state(1, version=3), 4, id="updated"),
        pytest.param(a_definition(0), a_state(1, version=3), 4, id="demoted"),
        pytest.param(a_definition(0, rolled_back=1), rolled_back(version=3), 3, id="rolled back on both sides"),
        pytest.param(
            a_definition(1, attempt=2, rolled_back=1), a_state(1, version=3), 5, id="imported and restarted"
        ),
    ],
)
def test_a_file_in_force_whole_is_remembered_at_its_version(
    definition: Definition, state: State | None, version: int
) -> None:
    assert keys(definition, state) == {FEATURE: (version, KEY)}


@pytest.mark.parametrize(
    ("definition", "state", "named"),
    [
        pytest.param(a_definition(1, paused=True), None, {}, id="created lower"),
        pytest.param(a_definition(2), a_state(1), {}, id="held"),
        pytest.param(a_definition(3), a_state(1), {}, id="refused"),
        pytest.param(a_definition(2), None, {}, id="never created"),
        pytest.param(a_definition(1), rolled_back(), {}, id="waiting for its write-back"),
        pytest.param(a_definition(2), a_state(2), {"memory": remembered(1)}, id="imported, then refused"),
        pytest.param(a_definition(1, paused=True), a_state(1), {"failed": {FEATURE}}, id="lost to another writer"),
    ],
)
def test_a_file_that_is_not_in_force_whole_is_read_again(
    definition: Definition, state: State | None, named: dict[str, Any]
) -> None:
    assert keys(definition, state, **named) == {}


@pytest.mark.parametrize(
    ("definition", "remembered_keys"),
    [
        pytest.param(a_definition(1, paused=True), {}, id="changed"),
        pytest.param(a_definition(1), {FEATURE: (3, KEY)}, id="in sync"),
    ],
)
def test_a_blocked_plan_remembers_only_what_was_so(
    definition: Definition, remembered_keys: dict[str, tuple[int, str]]
) -> None:
    state = a_state(1, version=3)
    plan = replace(diffed(definition, state), unsafe="too much at once")
    prospect = Prospect(
        plan=plan,
        root="rollouts.d",
        desired=Desired(definitions={FEATURE: definition}),
        states={FEATURE: state},
        scope=Scope(number=1, root="rollouts.d", revision=None, now=NOW),
    )

    assert settled_keys(prospect, (), set()) == remembered_keys
