"""Plans, outcomes, problems, statuses and histories for a pull-request comment; text of strangers stays text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from reconciler.domain.plan import Change, Hold, Plan, Refusal
from reconciler.domain.problem import Problem
from reconciler.domain.state import State
from reconciler.domain.timeline import Entry, Timeline
from reconciler.render.details import awaits, details, guard_words, mend, moved
from reconciler.render.escape import code, escaped, inline
from reconciler.render.moments import exactly, span
from reconciler.render.stages import done_summary, stage_title, staged, summary
from reconciler.render.status import StatusView
from reconciler.render.style import Style
from reconciler.render.text import clipped, counted
from reconciler.render.timeline import fate, telling, tiers
from reconciler.render.view import BrokenRule, OutcomeView, PlanView, short

LONGEST = 60_000
"""Characters of a page; a comment on GitHub holds 65,536."""

_LIMITS = (50, 10, 2)
_CELL = 300


def plan_markdown(view: PlanView, style: Style) -> str:
    """Render a plan."""
    plan = view.plan
    title = f"### Rollout plan for {code(view.root)} at {code(short(plan.revision))}"
    if view.permission.is_stale:
        return _joined([title, _quoted(view)])
    if view.is_in_sync:
        return _joined([title, f"In sync: {counted(plan.in_sync, 'rollout')}, nothing to do."])
    line = f"**{summary(plan, plan.changes, is_done=False)}**"
    head = [title, line, *([_quoted(view)] if view.fence else []), *_guard(plan)]

    def page(limit: int) -> list[str]:
        stages = [_stage(stage_title(stage, plan), changes, view, limit) for stage, changes in staged(plan.changes)]
        return [*head, *stages, *_rest(plan, style, limit)]

    return _fitting(page)


def outcome_markdown(outcome: OutcomeView, style: Style) -> str:
    """Render what an apply did."""
    view, plan = outcome.view, outcome.view.plan
    title = f"### Rollouts of {code(view.root)} at {code(short(plan.revision))}"
    line = f"**{done_summary(outcome)}**"
    head = [title, line, *([_quoted(outcome)] if outcome.fence else []), *_guard(plan)]
    if not outcome.is_settled:
        head.append("> Not settled: others kept changing the same features. Run it again.")

    def page(limit: int) -> list[str]:
        stages = [_stage(stage.past, changes, view, limit) for stage, changes in staged(outcome.done)]
        return [*head, *stages, *_broken(outcome.broken, limit), *_rest(plan, style, limit)]

    return _fitting(page)


def problems_markdown(problems: Sequence[Problem], *, files: int) -> str:
    """Render the problems of a root."""
    if not problems:
        return f"Valid: {counted(files, 'definition')}.\n"
    head = f"**{counted(len(problems), 'problem')}, {counted(files, 'definition')} valid**"
    return _fitting(lambda limit: [head, *_problems(problems, limit)])


def status_markdown(status: StatusView) -> str:
    """Render where every rollout stands."""
    view, now = status.view, status.view.plan.observed_at
    in_force = "nothing yet" if view.in_force is None else code(short(view.in_force))
    head = f"Rollouts of {code(view.root)}, in force: {in_force}"
    rows = [
        (
            code(row.state.feature),
            escaped(clipped(row.state.standing.owner, 60)),
            row.state.standing.status.value.replace("_", " "),
            _tier(row.state),
            str(row.state.standing.attempt),
            span(now - row.state.epoch_started_at),
            inline(row.next_step),
        )
        for row in status.rows
    ]
    rows += [
        (code(feature), "", "not created", "", "", "", inline(following)) for feature, following in status.absent
    ]
    titles = ("feature", "owner", "status", "tier", "attempt", "since", "next")
    return _fitting(lambda limit: [head, *_table("", titles, rows, 4 * limit)])


def history_markdown(timeline: Timeline, style: Style) -> str:
    """Render the past of a feature, oldest first: a row for each commit and for each transition."""
    rows = [row for entry in timeline.entries for row in _history_rows(timeline, entry, style)]
    titles = ("version", "when", "kind", "tier", "commit", "who", "what")
    head = f"### History of {code(timeline.feature)}"
    return _fitting(lambda limit: [head, *_table("", titles, rows, 4 * limit)])


def _history_rows(timeline: Timeline, entry: Entry, style: Style) -> Iterator[Sequence[str]]:
    shown = timeline.shown(entry.commit)
    if shown is not None and not entry.is_again:
        what = "<br>".join(escaped(clipped(each, _CELL)) for each in (shown.subject, fate(entry, style)) if each)
        who = escaped(clipped(shown.author, 60))
        yield ("", exactly(shown.at, style.zone), "commit", "", code(short(shown.id)), who, what)
    for event in entry.events:
        each = event.transition
        told = "" if event.write_back is None else telling(event.write_back)
        yield (
            str(each.version),
            exactly(each.at, style.zone),
            each.kind,
            tiers(event).removeprefix("tier ").replace("->", "→"),
            "" if each.revision is None else code(short(each.revision)),
            escaped(clipped(each.actor, 60)),
            _two(each.reason, told),
        )


def _fitting(page: Callable[[int], Iterable[str]]) -> str:
    texts = (_joined(page(limit)) for limit in _LIMITS)
    return next((text for text in texts if len(text) <= LONGEST), None) or _joined(page(0))


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _quoted(view: PlanView | OutcomeView) -> str:
    return f"> {escaped(view.fence or '')}"


def _guard(plan: Plan) -> list[str]:
    words = guard_words(plan)
    if not words:
        return []
    remedy = escaped(words[1]) if plan.unsafe_allowed else inline(words[1])
    return [f"> **{escaped(words[0])}**\n> {remedy}"]


def _stage(title: str, changes: Sequence[Change], view: PlanView, limit: int) -> str:
    rows = [
        (
            code(change.feature),
            escaped(clipped(change.after.owner, 60)),
            _step(change),
            "<br>".join(escaped(clipped(told, _CELL)) for told in (*details(change), *_impact(change, view))),
        )
        for change in changes[:limit]
    ]
    symbol = next(stage.symbol for stage, _ in staged(changes))
    heading = f"{code(symbol)} {title}"
    return "\n\n".join(_table(heading, ("feature", "owner", "tier", "what"), rows, limit, count=len(changes)))


def _impact(change: Change, view: PlanView) -> tuple[str, ...]:
    impact = view.impacts.get(change.feature)
    return () if impact is None else (moved(impact),)


def _rest(plan: Plan, style: Style, limit: int) -> list[str]:
    now, zone = plan.observed_at, style.zone
    holds = [
        (
            code(hold.feature),
            escaped(clipped(hold.owner, 60)),
            _asked(hold),
            _two(awaits(hold, now, zone), hold.reason),
            inline(hold.remedy),
        )
        for hold in plan.holds[:limit]
    ]
    refusals = [
        (
            code(refusal.feature),
            escaped(clipped(refusal.owner, 60)),
            _asked(refusal),
            _two(refusal.where, f"{refusal.reason} [{refusal.rule}]"),
            inline(mend(refusal, now, zone)),
        )
        for refusal in plan.refusals[:limit]
    ]
    return [
        *_table(
            "held", ("feature", "owner", "tier", "waits for", "what to do"), holds, limit, count=len(plan.holds)
        ),
        *_table(
            "refused",
            ("feature", "owner", "tier", "why", "what to write"),
            refusals,
            limit,
            count=len(plan.refusals),
        ),
        *_problems(plan.problems, limit),
    ]


def _problems(problems: Sequence[Problem], limit: int) -> list[str]:
    rows = [
        (
            escaped(f"{each.path}:{each.line}:{each.column}"),
            escaped(clipped(each.message, _CELL)),
            inline(clipped(each.remedy, _CELL)),
            escaped(each.rule),
        )
        for each in problems[:limit]
    ]
    return _table("invalid", ("where", "problem", "what to do", "rule"), rows, limit, count=len(problems))


def _broken(broken: Sequence[BrokenRule], limit: int) -> list[str]:
    rows = [
        (code(each.change.feature), escaped(each.rule), escaped(clipped(each.reason, _CELL))) for each in broken
    ]
    return _table("refused by the database", ("feature", "rule", "reason"), rows, limit)


def _table(
    title: str, titles: Sequence[str], rows: Sequence[Sequence[str]], limit: int, *, count: int | None = None
) -> list[str]:
    total = len(rows) if count is None else count
    if not total:
        return []
    lines = [_line(titles), _line("---" for _ in titles), *(_line(row) for row in rows[:limit])]
    more = total - min(limit, len(rows))
    heading = [f"#### {title}"] if title else []
    return [*heading, "\n".join(lines), *([f"... and {more:,} more"] if more else [])]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _step(change: Change) -> str:
    after = f"{int(change.after.tier)} ({change.after.tier.exposure} %)"
    if change.before is None:
        return f"new → {after}"
    before = _tier(change.before)
    return after if before == after else f"{before} → {after}"


def _asked(asked: Hold | Refusal) -> str:
    before = "new" if asked.before is None else _tier(asked.before)
    after = f"{int(asked.tier)} ({asked.tier.exposure} %)"
    return after if before == after else f"{before} → {after}"


def _tier(state: State) -> str:
    return f"{int(state.standing.tier)} ({state.standing.tier.exposure} %)"


def _two(first: str, second: str) -> str:
    return "<br>".join(escaped(clipped(text, _CELL)) for text in (first, second) if text)
