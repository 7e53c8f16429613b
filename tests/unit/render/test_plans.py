"""Plans of every kind against golden files, in text, Markdown and JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import reconciler
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import WaitsFor
from reconciler.domain.revision import Permission
from reconciler.render.documents import outcome_json, plan_json
from reconciler.render.markdown import LONGEST, outcome_markdown, plan_markdown
from reconciler.render.plan_text import outcome_text, plan_text
from reconciler.render.style import Style
from reconciler.render.view import BrokenRule, OutcomeView, PlanView
from tests.builders.golden import GOLDEN, matches_golden
from tests.builders.plans import (
    NOW,
    STRICT,
    ZONE,
    a_creation,
    a_demotion,
    a_hold,
    a_problem,
    a_promotion,
    a_refusal,
    a_restart,
    a_retirement,
    a_rollback,
    a_state,
    a_view,
    an_update,
)

SCHEMA = json.loads((Path(reconciler.__file__).parent / "schemas" / "plan.schema.json").read_text())
PLAIN = Style(zone=ZONE)
HOSTILE = "@everyone `rm -rf` | <img src=x> [a](https://evil.example)\n# big \x1b[31mred\u202e"

HOLDS = tuple(
    a_hold(f"waits-for-{waits_for.value.replace(' ', '-')}", waits_for, reason="because", remedy="wait")
    for waits_for in WaitsFor
)

PLANS = {
    "in-sync": a_view(in_sync=12),
    "nothing-applied-yet": a_view(a_creation(), in_force=None),
    "create": a_view(
        a_creation(description="Export as CSV and as Parquet", whitelist=frozenset({"007", "a", "b", "c", "d"})),
        a_creation("dark-mode", 1, paused=True, target=Tier.GENERAL, owner=""),
        a_creation("moved-in", 3, adopted=True, reason="taken over at tier 3, dwell begins now"),
    ),
    "create-while-frozen": a_view(
        a_creation("dark-mode", 0, is_settled=False),
        holds=(
            a_hold("dark-mode", WaitsFor.FREEZE, before=None, tier=Tier.INTERNAL, reason="raises are frozen: sale"),
        ),
    ),
    "update": a_view(
        an_update(whitelist=frozenset({"acme", "globex"}), before={"whitelist": frozenset({"initech"})}),
        an_update("paused-one", paused=True, owner="team-data", description="Now said in words", gates=STRICT),
        an_update("came-back", before={"retired": True}),
        an_update("gates-settled"),
    ),
    "promote": a_view(a_promotion(), a_promotion("all-of-them", 4), in_sync=4),
    "demote": a_view(a_demotion(), a_demotion("search-v2", 4, 0)),
    "rollback-and-restart": a_view(a_rollback(), a_restart()),
    "retire": a_view(a_retirement()),
    "holds": a_view(holds=HOLDS, in_sync=1),
    "holds-with-a-date": a_view(
        an_update("new-search", blacklist=frozenset({"acme"})),
        holds=(
            a_hold(until=NOW + timedelta(hours=5, minutes=11, seconds=30)),
            a_hold(
                waits_for=WaitsFor.EVIDENCE, reason="0 exposed customers seen, 1 needed", remedy="wait for events"
            ),
        ),
    ),
    "refusals": a_view(
        refusals=(
            a_refusal(allowed_from=NOW + timedelta(days=3)),
            a_refusal("a-feature-with-a-name-that-is-far-too-long-for-any-column", before=None),
            a_refusal(
                "gone", where="", rule="live-without-file", before=a_state("gone", 2), tier=Tier.EARLY_ADOPTERS
            ),
        )
    ),
    "unsafe": a_view(a_demotion(), a_rollback(), unsafe="4 of 12 rollouts would be lowered or retired at once"),
    "unsafe-allowed": a_view(
        a_demotion(),
        unsafe="4 of 12 rollouts would be lowered or retired at once",
        unsafe_allowed="region EU is shut down",
    ),
    "problems": a_view(
        a_creation(),
        problems=(a_problem(), a_problem("rollouts.d/_policy.yaml", 1, features=frozenset(), message="no mapping")),
    ),
    "older-than-in-force": a_view(a_demotion(), permission=Permission(is_stale=True)),
    "rewritten": a_view(a_demotion(), permission=Permission(refusal="history was rewritten: run db reanchor")),
    "worktree": a_view(a_creation(), revision="worktree"),
    "hostile-text": a_view(
        a_creation("plain", description=HOSTILE, owner=HOSTILE, whitelist=frozenset({HOSTILE})),
        holds=(a_hold(reason=HOSTILE, owner=HOSTILE),),
        refusals=(a_refusal(reason=HOSTILE),),
        problems=(a_problem(message=HOSTILE, path="rollouts.d/@x|`y`.yaml"),),
    ),
    "thousands": a_view(
        *(a_creation(f"feature-{number:04}", whitelist=frozenset({"x"})) for number in range(5000)),
        holds=tuple(a_hold(f"held-{number:04}") for number in range(400)),
        refusals=tuple(a_refusal(f"refused-{number:04}") for number in range(400)),
        problems=tuple(a_problem(f"rollouts.d/broken-{number:04}.yaml") for number in range(400)),
        in_sync=5000,
    ),
}

OUTCOMES = {
    "apply-in-sync": OutcomeView(view=a_view(in_sync=12)),
    "apply-done": OutcomeView(
        view=a_view(holds=(a_hold(until=NOW + timedelta(hours=5)),), refusals=(a_refusal(),), in_sync=4),
        done=(a_rollback(), a_demotion(), a_creation(), a_creation("other"), a_promotion()),
    ),
    "apply-broken-rule": OutcomeView(
        view=a_view(a_promotion()),
        broken=(BrokenRule(change=a_promotion(), rule="dwell_served", reason="the dwell of 48h is not served"),),
    ),
    "apply-conflicts": OutcomeView(view=a_view(in_sync=1), done=(a_creation(),), conflicts=("version 3 is taken",)),
    "apply-not-settled": OutcomeView(view=a_view(), conflicts=("version 3 is taken",) * 8, is_settled=False),
    "apply-older": OutcomeView(view=a_view(a_demotion(), permission=Permission(is_stale=True))),
    "apply-overtaken": OutcomeView(view=a_view(permission=Permission(is_stale=True)), done=(a_creation(),)),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_reads_as_its_golden_text(name: str) -> None:
    matches_golden(name, "txt", plan_text(PLANS[name], PLAIN))


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_reads_as_its_golden_markdown(name: str) -> None:
    matches_golden(name, "md", plan_markdown(PLANS[name], PLAIN))


@pytest.mark.parametrize("name", sorted(PLANS.keys() - {"thousands"}))
def test_a_plan_reads_as_its_golden_json(name: str) -> None:
    matches_golden(name, "json", plan_json(PLANS[name]))


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_outcome_reads_as_its_golden_text(name: str) -> None:
    matches_golden(name, "txt", outcome_text(OUTCOMES[name], PLAIN))


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_outcome_reads_as_its_golden_markdown(name: str) -> None:
    matches_golden(name, "md", outcome_markdown(OUTCOMES[name], PLAIN))


@pytest.mark.parametrize("name", sorted(PLANS.keys() - {"thousands"}))
def test_a_plan_as_json_fits_the_schema(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(plan_json(PLANS[name])))


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_outcome_as_json_fits_the_schema(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(outcome_json(OUTCOMES[name])))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("version", 2, id="another version"),
        pytest.param("changes", [{"kind": "explode"}], id="a change of no kind"),
        pytest.param("surprise", 1, id="an unknown field"),
    ],
)
def test_the_schema_refuses_what_no_plan_is(field: str, value: object) -> None:
    document: dict[str, Any] = json.loads(plan_json(PLANS["create"]))

    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document | {field: value})


def test_json_leaves_nothing_out() -> None:
    document = json.loads(plan_json(PLANS["thousands"]))

    assert [len(document[part]) for part in ("changes", "holds", "refusals", "problems")] == [5000, 400, 400, 400]


@pytest.mark.parametrize("name", PLANS)
def test_colour_changes_nothing_but_the_colour(name: str) -> None:
    colored = plan_text(PLANS[name], replace(PLAIN, color=True))

    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plan_text(PLANS[name], PLAIN)


@pytest.mark.parametrize("name", [*PLANS, *OUTCOMES])
def test_text_holds_no_control_character(name: str) -> None:
    text = plan_text(PLANS[name], PLAIN) if name in PLANS else outcome_text(OUTCOMES[name], PLAIN)

    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", PLANS)
def test_text_fits_its_width(name: str, columns: int) -> None:
    lines = plan_text(PLANS[name], replace(PLAIN, width=columns)).splitlines()

    # A path or a name stays whole, so that it can be copied.
    assert [line for line in lines if len(line) > columns and " " in line.lstrip(" !+~-=>")] == []


def test_text_is_plain_ascii_where_the_terminal_has_no_more() -> None:
    text = plan_text(PLANS["promote"], replace(PLAIN, unicode=False))

    assert text.isascii()


def test_markdown_fits_into_a_comment() -> None:
    long = "x" * 5000
    view = a_view(
        *(a_creation(f"feature-{number}", description=long, owner=long) for number in range(3000)),
        holds=tuple(a_hold(f"held-{number}", reason=long) for number in range(3000)),
        problems=tuple(a_problem(message=long) for _ in range(3000)),
    )

    assert len(plan_markdown(view, PLAIN)) <= LONGEST


def test_the_moment_of_a_hold_is_local_and_utc() -> None:
    view: PlanView = PLANS["holds-with-a-date"]

    text = plan_text(view, replace(PLAIN, width=200))

    assert "waits for the dwell until Fri 2026-01-09 13:59 CET (12:59 UTC), in 5h 12m" in text


def test_the_golden_files_are_those_of_the_cases() -> None:
    expected = {f"{name}.{ending}" for name in PLANS for ending in ("txt", "md", "json")} - {"thousands.json"}
    expected |= {f"{name}.{ending}" for name in OUTCOMES for ending in ("txt", "md")}
    expected |= {f"{name}.{ending}" for name in ("status", "history", "verify") for ending in ("txt", "md", "json")}

    expected |= {f"{name}.{ending}" for name in ("proposals", "proposals-rehearsed") for ending in ("txt", "json")}

    assert {path.name for path in GOLDEN.iterdir() if not path.name.startswith("events")} == expected
