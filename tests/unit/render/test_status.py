"""Where every rollout stands: golden text, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from reconciler.domain.ladder import Tier
from reconciler.domain.plan import WaitsFor
from reconciler.domain.policy import Freeze, Policy
from reconciler.domain.revision import Permission
from reconciler.domain.state import State
from reconciler.render.database import DatabaseView, database_json, database_text
from reconciler.render.documents import status_json
from reconciler.render.markdown import status_markdown
from reconciler.render.status import Observations, StatusView, status_view
from reconciler.render.status_text import status_text
from reconciler.render.style import Style
from tests.builders.domain import some_statistics
from tests.builders.golden import matches_golden
from tests.builders.plans import (
    NOW,
    ZONE,
    a_creation,
    a_demotion,
    a_hold,
    a_problem,
    a_refusal,
    a_state,
    a_view,
)

HOURS = timedelta(hours=1)
STYLE = Style(zone=ZONE)
STATES = {
    state.feature: state
    for state in (
        a_state("all-customers", 4, since=900 * HOURS),
        a_state("begins-soon", 0, since=3 * HOURS),
        a_state("broken", 2),
        a_state("climbing", 1, since=30 * HOURS, target=Tier.GENERAL),
        a_state("dwell-served", 2, since=50 * HOURS),
        a_state("legacy-sync", 3),
        a_state("new-search", 1, since=42 * HOURS),
        a_state("paused-one", 2, paused=True, owner=""),
        a_state("quick-pay", 1),
        a_state("rolled-back", 0, rolled_back=True, attempt=2),
        a_state("gone", 4, retired=True),
    )
}
STATISTICS = {
    found.feature: found
    for found in (
        some_statistics("all-customers", 4, exposed=(12_345, 17)),
        some_statistics("broken", 2, exposed=(40, 9)),
        some_statistics("climbing", 1, exposed=(1, 0), confidence=0.99),
        some_statistics("begins-soon", 0),
    )
}
VIEW = a_view(
    a_demotion(),
    a_creation("not-there-yet"),
    holds=(
        a_hold(until=NOW + 6 * HOURS),
        a_hold(waits_for=WaitsFor.FREEZE, until=NOW + 60 * HOURS, reason="raises are frozen: sale"),
    ),
    refusals=(a_refusal(),),
    problems=(a_problem(),),
    in_sync=5,
)


def _observed(states: Mapping[str, State]) -> Observations:
    return Observations(states=states, statistics={}, place="embedded")


def a_status(permission: Permission | None = None) -> StatusView:
    view = VIEW if permission is None else a_view(permission=permission)
    observed = Observations(states=STATES, statistics=STATISTICS, place="postgresql://ada:***@db/rollouts")
    return status_view(view, observed, Policy(), STYLE)


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("txt", status_text(a_status(), STYLE)),
        ("md", status_markdown(a_status())),
        ("json", status_json(a_status())),
    ],
    ids=["text", "markdown", "json"],
)
def test_a_status_reads_as_its_golden_file(ending: str, text: str) -> None:
    matches_golden("status", ending, text)


def test_a_rollout_waits_for_everything_that_holds_it_the_last_at_the_end() -> None:
    told = {row.state.feature: row.next_step for row in a_status().rows}

    assert told["new-search"] == (
        "tier 2 waits for the dwell until Fri 2026-01-09 14:48 CET (13:48 UTC), in 6h; "
        "the end of the freeze until Sun 2026-01-11 20:48 CET (19:48 UTC), in 2d 12h"
    )


def test_nothing_is_possible_before_a_freeze_ends() -> None:
    freeze = Freeze(begins=NOW, ends=NOW + timedelta(days=9))
    view = a_view(in_sync=1)

    status = status_view(view, _observed(STATES), Policy(freezes=(freeze,)), STYLE)

    told = {row.state.feature: row.next_step for row in status.rows}
    assert told["dwell-served"].startswith("`tier: 3` possible from Sun 2026-01-18")


def test_an_old_revision_says_nothing_of_what_comes_next() -> None:
    status = a_status(Permission(is_stale=True))

    assert "nothing to do: 3f2a91c1d2 is older than 9b8c7d6e5f" in status_text(status, STYLE)
    assert {row.state.feature: row.next_step for row in status.rows}["quick-pay"].startswith("`tier: 2` possible")


def test_an_empty_database_has_a_status_too() -> None:
    empty = status_view(a_view(in_force=None), _observed({}), Policy(), STYLE)

    assert "no rollouts yet" in status_text(empty, STYLE)
    assert json.loads(status_json(empty))["rollouts"] == []


def test_a_page_of_thousands_shows_every_rollout() -> None:
    states = {f"f-{number:04}": a_state(f"f-{number:04}", 1) for number in range(3000)}

    text = status_text(status_view(a_view(in_sync=3000), _observed(states), Policy(), STYLE), STYLE)

    assert sum(line.startswith("f-") for line in text.splitlines()) == 3000


def test_a_database_that_does_not_run_says_only_where_it_is() -> None:
    asleep = DatabaseView(place="embedded PostgreSQL in /data", role="rollouts_reconciler")

    assert database_text(asleep, STYLE) == (
        "database   embedded PostgreSQL in /data\n"
        "state      not running; the next command that needs it starts it\n"
    )
    assert json.loads(database_json(asleep))["running"] is False


def test_a_database_that_lacks_migrations_names_them() -> None:
    behind = DatabaseView(
        place="here", role="ada", is_running=True, version="16.4", database="rollouts", missing=("0001_roles",)
    )

    assert database_text(behind, STYLE).splitlines()[-1] == (
        "schema     1 migration missing (0001_roles); run `reconciler db migrate`"
    )
