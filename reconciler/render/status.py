"""Where every rollout stands: its rung, how much of the dwell is served, and what it waits for next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconciler.domain.analysis import Verdict
from reconciler.domain.plan import Hold, Plan
from reconciler.domain.policy import Policy, frozen_at
from reconciler.domain.state import Standing, State, Status
from reconciler.domain.statistics import Statistics
from reconciler.domain.write_back import WriteBack, WriteBackStatus
from reconciler.render.details import awaits_all
from reconciler.render.moments import until
from reconciler.render.stages import withheld
from reconciler.render.style import Style
from reconciler.render.text import counted, printable
from reconciler.render.view import PlanView

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRow:
    """One rollout: `dwell` is what its tier asks for, `next_step` what happens or is needed next.

    `statistics` is how it fares, None where that can't be told.
    """

    state: State
    dwell: timedelta
    next_step: str
    statistics: Statistics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """Every rollout of a database, with the plan that says what comes next; `database` holds no secret.

    `write_back` says where git is told of rollbacks, and of which it isn't told yet.

    `absent` are the features that have a file and no row yet, with what is about them.
    """

    view: PlanView
    rows: tuple[StatusRow, ...]
    absent: tuple[tuple[str, str], ...]
    database: str
    write_back: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What the database says of its rollouts: where each stands and how it fares; `place` is which one it is.

    `untold` are rollbacks that git isn't told of, `remote` is where it is told, None for nowhere.
    """

    states: Mapping[str, State]
    statistics: Mapping[str, Statistics]
    place: str
    remote: str | None = None
    untold: Sequence[WriteBack] = ()


def status_view(view: PlanView, observed: Observations, policy: Policy, style: Style) -> StatusView:
    """Return the rows of all states, in the order of their names; `policy` tells when a raise may happen."""
    states = observed.states
    following = _following(view, style)
    forecast = _Forecast(policy=policy, now=view.plan.observed_at, style=style)
    rows = tuple(
        _row(states[name], following.get(name), observed.statistics.get(name), forecast) for name in sorted(states)
    )
    absent = tuple((name, following[name]) for name in sorted(following.keys() - states.keys()))
    told = _write_back(observed)
    return StatusView(view=view, rows=rows, absent=absent, database=observed.place, write_back=told)


def _write_back(observed: Observations) -> str:
    remote = "off: name a remote with --remote" if observed.remote is None else f"to {printable(observed.remote)}"
    waiting = [f"{each.feature} ({_wait(each)})" for each in observed.untold]
    if not waiting:
        return remote
    return (
        f"{remote}; git isn't told of {counted(len(waiting), 'rollback')}: {'; '.join(waiting[:3])}{_more(waiting)}"
    )


def _wait(write_back: WriteBack) -> str:
    if write_back.status is WriteBackStatus.OFFERED and write_back.branch is not None:
        return f"the branch refused the commit: merge {write_back.branch.removeprefix('refs/heads/')}"
    return printable(write_back.note) or "on its way"


def _more(waiting: Sequence[str]) -> str:
    return f" and {len(waiting) - 3:,} more" if len(waiting) > 3 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forecast:
    policy: Policy
    now: datetime
    style: Style

    def possible(self, due: datetime) -> str:
        """Say from when on something due at a moment may be raised."""
        moment = max(due, self.now)
        frozen = frozen_at(self.policy, moment)
        if frozen is not None and frozen.until is None:
            return "when the freeze ends"
        opens = moment if frozen is None or frozen.until is None else frozen.until
        return "now" if opens <= self.now else f"from {until(opens, self.now, self.style.zone)}"


def _following(view: PlanView, style: Style) -> dict[str, str]:
    # What stands in the way is worth more than what happens anyway: the last word wins.
    plan = view.plan
    if view.fence is not None:
        return {}
    stopped = {change.feature: f"{change.kind} stopped by the guard, see above" for change in withheld(plan)}
    following = {change.feature: f"{change.kind} on the next apply" for change in plan.changes} | stopped
    following |= {feature: "invalid, see plan" for problem in plan.problems for feature in problem.features}
    following |= _held(plan, style)
    following |= {refusal.feature: f"refused: {refusal.rule}, see plan" for refusal in plan.refusals}
    return following


def _held(plan: Plan, style: Style) -> dict[str, str]:
    by_feature: dict[str, list[Hold]] = {}
    for hold in sorted(plan.holds, key=lambda each: each.until or _NEVER):
        by_feature.setdefault(hold.feature, []).append(hold)
    return {
        feature: f"tier {int(holds[0].tier)} {awaits_all(holds, plan.observed_at, style.zone)}"
        for feature, holds in by_feature.items()
    }


def _row(state: State, following: str | None, statistics: Statistics | None, forecast: _Forecast) -> StatusRow:
    standing = state.standing
    dwell = standing.gates.dwell.at(standing.tier) if standing.status is Status.IN_PROGRESS else timedelta()
    return StatusRow(
        state=state,
        dwell=dwell,
        next_step=following or _unasked(state, dwell, statistics, forecast),
        statistics=statistics,
    )


def _unasked(state: State, dwell: timedelta, statistics: Statistics | None, forecast: _Forecast) -> str:
    standing = state.standing
    match standing.status:
        case Status.ROLLED_BACK:
            return f"{_begins(f'`attempt: {standing.attempt + 1}`, `tier: 1`', forecast)} again"
        case Status.PLANNED:
            return _begins("`tier: 1`", forecast)
        case Status.PAUSED:
            return "`paused: false` resumes it"
        case Status.RETIRED | Status.COMPLETED:
            return ""
        case Status.IN_PROGRESS:
            when = forecast.possible(state.epoch_started_at + dwell)
            return f"`tier: {int(standing.tier) + 1}` possible {when}{_evidence(standing, statistics)}"


def _begins(fields: str, forecast: _Forecast) -> str:
    when = forecast.possible(forecast.now)
    return f"{fields} begins it" if when == "now" else f"{fields}, possible {when}, begins it"


def _evidence(standing: Standing, statistics: Statistics | None) -> str:
    if statistics is not None and statistics.verdict is Verdict.UNHEALTHY:
        return ", once it is healthy"
    needed, seen = standing.settled.thresholds.min_exposed, statistics.enabled_customers if statistics else 0
    if needed <= seen or not standing.tier:
        return ""
    so_far = f", {seen:,} so far" if seen else ""
    return f", once {'a customer has' if needed == 1 else f'{needed:,} customers have'} seen it{so_far}"
