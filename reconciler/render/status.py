"""Where every rollout stands: its rung, how much of the dwell is served, and what it waits for next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconciler.domain.plan import Hold
from reconciler.domain.state import State, Status
from reconciler.render.details import awaits
from reconciler.render.moments import until
from reconciler.render.style import Style
from reconciler.render.view import PlanView

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRow:
    """One rollout: `dwell` is what its tier asks for, `next_step` what happens or is needed next."""

    state: State
    dwell: timedelta
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """Every rollout of a database, with the plan that says what comes next; `database` holds no secret.

    `absent` are the features that have a file and no row yet, with what is about them.
    """

    view: PlanView
    rows: tuple[StatusRow, ...]
    absent: tuple[tuple[str, str], ...]
    database: str


def status_view(view: PlanView, states: Mapping[str, State], database: str, style: Style) -> StatusView:
    """Return the rows of all states, in the order of their names."""
    following = _following(view, style)
    rows = tuple(_row(states[name], following.get(name), view.plan.observed_at, style) for name in sorted(states))
    absent = tuple((name, following[name]) for name in sorted(following.keys() - states.keys()))
    return StatusView(view=view, rows=rows, absent=absent, database=database)


def _following(view: PlanView, style: Style) -> dict[str, str]:
    # What stands in the way is worth more than what happens anyway: the last word wins.
    plan = view.plan
    if view.fence is not None:
        return {}
    following = {change.feature: f"{change.kind} on the next apply" for change in plan.changes}
    following |= {feature: "unreadable, see plan" for problem in plan.problems for feature in problem.features}
    following |= {hold.feature: _awaits(hold, plan.observed_at, style) for hold in _last_first(plan.holds)}
    following |= {refusal.feature: f"refused: {refusal.rule}, see plan" for refusal in plan.refusals}
    return following


def _last_first(holds: tuple[Hold, ...]) -> tuple[Hold, ...]:
    # The hold that ends last names the day; one whose end nobody knows outlasts all others.
    return tuple(sorted(holds, key=lambda hold: hold.until or _NEVER))


def _awaits(hold: Hold, now: datetime, style: Style) -> str:
    return f"tier {int(hold.tier)} {awaits(hold, now, style.zone)}"


def _row(state: State, following: str | None, now: datetime, style: Style) -> StatusRow:
    standing = state.standing
    dwell = standing.gates.dwell.at(standing.tier) if standing.status is Status.IN_PROGRESS else timedelta()
    return StatusRow(state=state, dwell=dwell, next_step=following or _unasked(state, dwell, now, style))


def _unasked(state: State, dwell: timedelta, now: datetime, style: Style) -> str:
    standing = state.standing
    match standing.status:
        case Status.ROLLED_BACK:
            return f"`attempt: {standing.attempt + 1}`, `tier: 1` begins it again"
        case Status.PLANNED:
            return "`tier: 1` begins it"
        case Status.PAUSED:
            return "`paused: false` resumes it"
        case Status.RETIRED | Status.COMPLETED:
            return ""
        case Status.IN_PROGRESS:
            due = state.epoch_started_at + dwell
            when = "now" if due <= now else f"from {until(due, now, style.zone)}"
            seen = standing.settled.thresholds.min_exposed
            evidence = f", once {seen:,} customers have seen it" if seen and standing.tier else ""
            return f"`tier: {int(standing.tier) + 1}` possible {when}{evidence}"
