"""The stages of a plan in the order of carrying out, each with its words and its symbol."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.domain.plan import Change, Plan, Rollback
from reconciler.render.style import Tone
from reconciler.render.text import counted
from reconciler.render.view import OutcomeView


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One kind of change: `+` exposes more, `-` fewer or ends it, `~` keeps the tier."""

    kind: str
    past: str
    symbol: str
    tone: Tone


STAGES = (
    Stage(kind="rollback", past="rolled back", symbol="-", tone=Tone.BAD),
    Stage(kind="demote", past="demoted", symbol="-", tone=Tone.LESS),
    Stage(kind="retire", past="retired", symbol="-", tone=Tone.LESS),
    Stage(kind="update", past="updated", symbol="~", tone=Tone.SAME),
    Stage(kind="create", past="created", symbol="+", tone=Tone.MORE),
    Stage(kind="restart", past="restarted", symbol="+", tone=Tone.MORE),
    Stage(kind="promote", past="promoted", symbol="+", tone=Tone.MORE),
)


def staged(changes: Iterable[Change]) -> list[tuple[Stage, list[Change]]]:
    """Return the changes by stage, leaving out stages without any."""
    by_kind: dict[str, list[Change]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, []).append(change)
    return [(stage, by_kind[stage.kind]) for stage in STAGES if stage.kind in by_kind]


def stage_title(stage: Stage, plan: Plan) -> str:
    """Return what a stage of a plan is called; the guard may stop it."""
    return f"{stage.kind}, not applied" if plan.is_blocked and stage.kind != "rollback" else stage.kind


def counts(plan: Plan) -> dict[str, int]:
    """Count, by feature, what is held, refused and in sync, and by fault what is invalid."""
    return {
        "held": len({hold.feature for hold in plan.holds}),
        "refused": len({refusal.feature for refusal in plan.refusals}),
        "invalid": len(plan.problems),
        "not_applied": len(withheld(plan)),
        "in_sync": plan.in_sync,
    }


def withheld(plan: Plan) -> list[Change]:
    """Return the changes that the guard doesn't let through."""
    return [change for change in plan.changes if plan.is_blocked and not isinstance(change, Rollback)]


def summary(
    plan: Plan, changes: Iterable[Change], *, is_done: bool, broken: int = 0, is_settled: bool = True
) -> str:
    """Return the counts of everything in one line, `2 to create, 3 held, 1 refused, 4 in sync`."""
    total = counts(plan)
    is_held_up = plan.is_blocked and not is_done
    going = [change for change in changes if isinstance(change, Rollback) or not is_held_up]
    parts = [_stage_count(stage, len(members), is_done=is_done) for stage, members in staged(going)]
    parts += [f"{total['not_applied']:,} not applied"] if total["not_applied"] else []
    parts += [f"{total['held']:,} held"] if total["held"] else []
    parts += [f"{total['refused']:,} refused"] if total["refused"] else []
    parts += [counted(total["invalid"], "problem")] if total["invalid"] else []
    parts += [f"{broken:,} refused by the database"] if broken else []
    is_idle = is_settled and parts == ([f"{total['held']:,} held"] if total["held"] else [])
    parts += [f"{total['in_sync']:,} in sync"] if total["in_sync"] or not parts else []
    return f"{'nothing to do now: ' if is_idle else ''}{', '.join(parts)}"


def done_summary(outcome: OutcomeView) -> str:
    """Return what an apply did, and what it left, in one line."""
    return summary(
        outcome.view.plan,
        outcome.done,
        is_done=True,
        broken=len(outcome.broken),
        is_settled=outcome.is_settled and not outcome.failures,
    )


def _stage_count(stage: Stage, count: int, *, is_done: bool) -> str:
    return f"{count:,} {stage.past}" if is_done else f"{count:,} to {_infinitive(stage.kind)}"


def _infinitive(kind: str) -> str:
    return "roll back" if kind == "rollback" else kind
