"""A plan, or what an apply made of it, for a terminal: stages in their order, calm columns, counts at the end."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.domain.plan import Plan
from reconciler.render.details import guard_words
from reconciler.render.layout import Block, Layout
from reconciler.render.stages import done_summary, stage_title, staged, summary, withheld
from reconciler.render.style import Style, Tone
from reconciler.render.text import counted, printable, wrapped
from reconciler.render.view import OutcomeView, PlanView, short


def plan_text(view: PlanView, style: Style) -> str:
    """Render a plan."""
    plan = view.plan
    if view.permission.is_stale:
        return f"{view.fence}\n"
    if view.is_in_sync:
        return f"{_in_sync(plan, style)}\n"
    layout = Layout(view, plan.changes, style)
    stages = [layout.stage(stage, changes, stage_title(stage, plan)) for stage, changes in staged(plan.changes)]
    last = summary(plan, plan.changes, is_done=False)
    head = [_heading(view, style), _fence(view, style), _guard(plan, style)]
    return _page([*head, *stages, *_rest(layout), [style.paint(last, Tone.STRONG)]])


def outcome_text(outcome: OutcomeView, style: Style) -> str:
    """Render what an apply did, in the stages of its plan."""
    view, plan = outcome.view, outcome.view.plan
    if view.permission.is_stale and not outcome.done:
        return f"{view.fence}\n"
    if view.is_in_sync and not (outcome.done or outcome.broken) and outcome.is_settled:
        return f"{_in_sync(plan, style)}\n"
    left = withheld(plan)
    layout = Layout(view, [*outcome.done, *(each.change for each in outcome.broken), *left], style)
    stages = [layout.stage(stage, changes, stage.past) for stage, changes in staged(outcome.done)]
    stages += [layout.stage(stage, changes, stage_title(stage, plan)) for stage, changes in staged(left)]
    rest = [layout.broken(outcome.broken), *_rest(layout), _conflicts(outcome, style)]
    last = done_summary(outcome)
    head = [_applied(view, style), _fence(outcome, style), _guard(plan, style)]
    return _page([*head, *stages, *rest, [style.paint(last, Tone.STRONG)]])


def _rest(layout: Layout) -> list[Block]:
    return [layout.held(), layout.refused(), layout.invalid()]


def _page(blocks: Iterable[Block]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _in_sync(plan: Plan, style: Style) -> str:
    rollouts = counted(plan.in_sync, "rollout")
    return f"{style.paint('in sync', Tone.MORE, Tone.STRONG)}: {rollouts}, nothing to do at {short(plan.revision)}"


def _heading(view: PlanView, style: Style) -> Block:
    since = "nothing applied yet" if view.in_force is None else f"in force {short(view.in_force)}"
    title = style.paint(f"plan {short(view.plan.revision)}", Tone.STRONG)
    return [f"{title}  {style.paint(f'{view.root}, {since}', Tone.QUIET)}"]


def _applied(view: PlanView, style: Style) -> Block:
    title = style.paint(f"apply {short(view.plan.revision)}", Tone.STRONG)
    return [f"{title}  {style.paint(view.root, Tone.QUIET)}"]


def _fence(view: PlanView | OutcomeView, style: Style) -> Block:
    return [] if view.fence is None else _warned(view.fence, style)


def _guard(plan: Plan, style: Style) -> Block:
    return [line for word in guard_words(plan) for line in _warned(word, style)]


def _conflicts(outcome: OutcomeView, style: Style) -> Block:
    count = len(outcome.conflicts)
    if not outcome.is_settled:
        last = printable(outcome.conflicts[-1]) if count else "no reason given"
        note = f"not settled: others kept changing the same features (last: {last}); run it again"
        return _warned(note, style)
    if not count:
        return []
    note = (
        f"decided anew {'once' if count == 1 else f'{count:,} times'}: others changed the same features meanwhile"
    )
    return [style.paint(note, Tone.QUIET)]


def _warned(text: str, style: Style) -> Block:
    return [style.paint(line, Tone.BAD) for line in wrapped(text, columns=style.width, first="! ")]
