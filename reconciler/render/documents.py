"""Plans, outcomes and statuses as JSON that stays the same from version to version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from reconciler.domain.gates import Gates
from reconciler.domain.impact import Impact
from reconciler.domain.plan import Change, Create, Hold, Plan, Promote, Refusal, Rollback
from reconciler.domain.problem import Problem
from reconciler.domain.state import Standing, State
from reconciler.domain.statistics import Statistics
from reconciler.render.lists import list_edits
from reconciler.render.moments import iso
from reconciler.render.stages import counts, staged
from reconciler.render.status import StatusView
from reconciler.render.view import BrokenRule, OutcomeView, PlanView

VERSION = 1

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


def dumped(value: Json) -> str:
    """Write JSON in plain ASCII that prints: nothing in it steers a terminal or a workflow's log."""
    return json.dumps(value, indent=2).replace("\x7f", "\\u007f").replace("##[", "#\\u0023[") + "\n"


def plan_json(view: PlanView) -> str:
    """Render a plan, as `schemas/plan.schema.json` describes it."""
    plan = view.plan
    changes: Json = [_change(change, view.impacts) for change in plan.changes]
    return dumped(
        {**_head("plan", view), "changes": changes, **_rest(plan), "summary": _summary(plan, plan.changes)}
    )


def outcome_json(outcome: OutcomeView) -> str:
    """Render what an apply did; everything but `done`, `conflicts` and `broken` is as in a plan."""
    plan = outcome.view.plan
    return dumped(
        {
            **_head("apply", outcome.view),
            "done": [_change(change, outcome.view.impacts) for change in outcome.done],
            "broken": [_broken(broken) for broken in outcome.broken],
            "conflicts": outcome.conflicts,
            "is_settled": outcome.is_settled,
            "failures": list(outcome.failures),
            **_rest(plan),
            "summary": _summary(plan, outcome.done),
        }
    )


def problems_json(problems: Sequence[Problem], *, revision: str, root: str, files: int) -> str:
    """Render the problems of a root."""
    return dumped(
        {
            "version": VERSION,
            "kind": "validation",
            "revision": revision,
            "root": root,
            "valid": not problems,
            "definitions": files,
            "problems": [_problem(problem) for problem in problems],
        }
    )


def status_json(status: StatusView) -> str:
    """Render where every rollout stands."""
    return dumped(
        {
            **_head("status", status.view),
            "database": status.database,
            "write_back": status.write_back,
            "rollouts": [
                {
                    "feature": row.state.feature,
                    "status": row.state.standing.status.value,
                    "epoch": row.state.epoch,
                    "epoch_started_at": iso(row.state.epoch_started_at),
                    "changed_at": iso(row.state.changed_at),
                    "dwell_seconds": int(row.dwell.total_seconds()),
                    "next": row.next_step,
                    **_standing(row.state.standing),
                    "version": row.state.version,
                    "health": _health(row.statistics),
                }
                for row in status.rows
            ],
            "absent": [{"feature": feature, "next": following} for feature, following in status.absent],
            **_rest(status.view.plan),
            "summary": _summary(status.view.plan, status.view.plan.changes),
        }
    )


def _health(found: Statistics | None) -> dict[str, Json] | None:
    if found is None:
        return None
    return {
        "verdict": found.verdict.value,
        "is_tripped": found.evidence.is_tripped,
        "window_customers": found.window.exposed.customers,
        "window_failing": found.window.exposed.failing,
        "errors_needed": found.errors_needed,
        "epoch_customers": found.epoch.exposed.customers,
        "epoch_failing": found.epoch.exposed.failing,
    }


def _head(kind: str, view: PlanView) -> dict[str, Json]:
    return {
        "version": VERSION,
        "kind": kind,
        "root": view.root,
        "revision": view.plan.revision,
        "in_force": view.in_force,
        "observed_at": iso(view.plan.observed_at),
        "permission": {"is_stale": view.permission.is_stale, "refusal": view.permission.refusal},
    }


def _rest(plan: Plan) -> dict[str, Json]:
    guard: Json = None if plan.unsafe is None else {"reason": plan.unsafe, "allowed": plan.unsafe_allowed}
    return {
        "holds": [_hold(hold) for hold in plan.holds],
        "refusals": [_refusal(refusal) for refusal in plan.refusals],
        "problems": [_problem(problem) for problem in plan.problems],
        "guard": guard,
    }


def _summary(plan: Plan, changes: Iterable[Change]) -> dict[str, Json]:
    return {**{stage.kind: len(members) for stage, members in staged(changes)}, **counts(plan)}


def _change(change: Change, impacts: Mapping[str, Impact]) -> dict[str, Json]:
    return {
        "kind": change.kind,
        "feature": change.feature,
        "owner": change.after.owner,
        "reason": change.reason,
        "is_settled": change.is_settled,
        "before": _state(change.before),
        "after": _standing(change.after),
        "lists": {
            edit.name: {"added": list(edit.added), "removed": list(edit.removed)} for edit in list_edits(change)
        },
        "impact": _impact(impacts.get(change.feature)),
        **_particulars(change),
    }


def _impact(impact: Impact | None) -> dict[str, Json] | None:
    if impact is None:
        return None
    return {
        "seen": impact.seen,
        "enabled": impact.enabled,
        "gained": impact.gained,
        "lost": impact.lost,
        "is_sample": impact.is_sample,
    }


def _particulars(change: Change) -> dict[str, Json]:
    match change:
        case Create(adopted=adopted):
            return {"adopted": adopted}
        case Promote(dwell=dwell, verdict=verdict):
            return {"dwell_seconds": int(dwell.total_seconds()), "verdict": verdict.value}
        case Rollback(commit=commit):
            return {"commit": commit}
        case _:
            return {}


def _broken(broken: BrokenRule) -> dict[str, Json]:
    return {"rule": broken.rule, "reason": broken.reason, "change": _change(broken.change, {})}


def _hold(hold: Hold) -> dict[str, Json]:
    return {
        "feature": hold.feature,
        "owner": hold.owner,
        "before": _state(hold.before),
        "tier": int(hold.tier),
        "percent": hold.tier.exposure,
        "waits_for": hold.waits_for.value,
        "until": None if hold.until is None else iso(hold.until),
        "reason": hold.reason,
        "remedy": hold.remedy,
    }


def _refusal(refusal: Refusal) -> dict[str, Json]:
    return {
        "feature": refusal.feature,
        "owner": refusal.owner,
        "before": _state(refusal.before),
        "tier": int(refusal.tier),
        "percent": refusal.tier.exposure,
        "rule": refusal.rule,
        "where": refusal.where or None,
        "allowed_from": None if refusal.allowed_from is None else iso(refusal.allowed_from),
        "reason": refusal.reason,
        "remedy": refusal.remedy,
    }


def _problem(problem: Problem) -> dict[str, Json]:
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "rule": problem.rule,
        "message": problem.message,
        "remedy": problem.remedy,
        "features": sorted(problem.features),
    }


def _state(state: State | None) -> dict[str, Json] | None:
    if state is None:
        return None
    return {
        "version": state.version,
        "epoch": state.epoch,
        "epoch_started_at": iso(state.epoch_started_at),
        **_standing(state.standing),
    }


def _standing(standing: Standing) -> dict[str, Json]:
    return {
        "tier": int(standing.tier),
        "percent": standing.tier.exposure,
        "target": int(standing.target),
        "attempt": standing.attempt,
        "rolled_back": standing.rolled_back,
        "retired": standing.retired,
        "paused": standing.paused,
        "owner": standing.owner,
        "description": standing.description,
        "whitelist": sorted(standing.whitelist),
        "blacklist": sorted(standing.blacklist),
        "gates": _gates(standing.gates),
        "settled_gates": _gates(standing.settled),
    }


def _gates(gates: Gates) -> dict[str, Json]:
    dwell, thresholds = gates.dwell, gates.thresholds
    return {
        "dwell_seconds": {
            "1": int(dwell.tier_1.total_seconds()),
            "2": int(dwell.tier_2.total_seconds()),
            "3": int(dwell.tier_3.total_seconds()),
        },
        "error_rate": thresholds.error_rate,
        "success_rate": thresholds.success_rate,
        "window_seconds": int(thresholds.window.total_seconds()),
        "min_exposed": thresholds.min_exposed,
        "confidence": thresholds.confidence,
    }
