"""A plan, or what an apply made of it, for a terminal: stages in their order, calm columns, counts at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from reconciler.domain.plan import Change, Hold, Plan, Refusal
from reconciler.domain.state import Standing
from reconciler.render.details import awaits, details, guard_words, mend, owner_of
from reconciler.render.ladder import STEP_WIDTH, step
from reconciler.render.stages import Stage, staged, summary
from reconciler.render.style import Style, Tone
from reconciler.render.text import counted, padded, printable, width, wrapped
from reconciler.render.view import BrokenRule, OutcomeView, PlanView, short

_FEATURE_WIDTH = 34
_INDENT = " " * 6

Block = list[str]


def plan_text(view: PlanView, style: Style) -> str:
    """Render a plan."""
    plan = view.plan
    if view.permission.is_stale:
        return f"{view.fence}\n"
    if view.is_in_sync:
        return f"{_in_sync(plan, style)}\n"
    layout = _Layout(plan, plan.changes, style)
    blocks = [_heading(view, style), *_fence(view, style), *_guard(plan, style)]
    blocks += [layout.stage(stage, changes, stage.kind) for stage, changes in staged(plan.changes)]
    blocks += layout.rest()
    return _page([*blocks, [style.paint(summary(plan, plan.changes, is_done=False), Tone.STRONG)]])


def outcome_text(outcome: OutcomeView, style: Style) -> str:
    """Render what an apply did, in the stages of its plan."""
    view, plan = outcome.view, outcome.view.plan
    if view.permission.is_stale and not outcome.done:
        return f"{view.fence}\n"
    if view.is_in_sync and not (outcome.done or outcome.broken) and outcome.is_settled:
        return f"{_in_sync(plan, style)}\n"
    layout = _Layout(plan, outcome.done, style)
    blocks = [_fence(view, style)[0] if view.fence else _applied(view, style), *_guard(plan, style)]
    blocks += [layout.stage(stage, changes, stage.past) for stage, changes in staged(outcome.done)]
    blocks += [layout.broken(outcome.broken), *layout.rest(), _conflicts(outcome, style)]
    return _page([*blocks, [style.paint(summary(plan, outcome.done, is_done=True), Tone.STRONG)]])


class _Layout:
    """The columns of one page: every feature, tier and owner stands below the other."""

    def __init__(self, plan: Plan, changes: Iterable[Change], style: Style) -> None:
        self._plan = plan
        self._style = style
        everything: tuple[Change | Hold | Refusal, ...] = (*changes, *plan.holds, *plan.refusals)
        longest = max((width(each.feature) for each in everything), default=0)
        self._feature_width = min(longest, _FEATURE_WIDTH)

    def stage(self, stage: Stage, changes: Sequence[Change], title: str) -> Block:
        """Return the changes of one stage."""
        entries = (self._change(stage, change) for change in changes)
        return self._section(title, stage.tone, entries, len(changes))

    def broken(self, broken: Sequence[BrokenRule]) -> Block:
        """Return the changes that the database refused."""
        entries = (self._broken(each) for each in broken)
        return self._section("refused by the database", Tone.BAD, entries, len(broken))

    def rest(self) -> list[Block]:
        """Return what is held, refused and invalid."""
        plan = self._plan
        holds = [list(group) for _, group in groupby(plan.holds, key=lambda hold: hold.feature)]
        return [
            self._section("held", Tone.WAIT, (self._hold(group) for group in holds), len(holds)),
            self._section("refused", Tone.BAD, (self._refusal(each) for each in plan.refusals), len(plan.refusals)),
            self._section(
                "invalid", Tone.BAD, (self._told(str(each)) for each in plan.problems), len(plan.problems)
            ),
        ]

    def _section(self, title: str, tone: Tone, entries: Iterable[Block], count: int) -> Block:
        if not count:
            return []
        shown = self._style.shown(count)
        lines = [self._style.paint(title, tone, Tone.STRONG)]
        lines += [line for _, entry in zip(range(shown), entries, strict=False) for line in entry]
        if count > shown:
            lines.append(self._quiet(f"  ... and {count - shown:,} more; `--output json` lists them all"))
        return lines

    def _change(self, stage: Stage, change: Change) -> Block:
        place = step(change.before, change.after, self._style)
        head = self._head(stage.symbol, stage.tone, change.feature, place, owner_of(change))
        return [*head, *(line for detail in details(change) for line in self._told(detail))]

    def _broken(self, broken: BrokenRule) -> Block:
        change = broken.change
        place = step(change.before, change.after, self._style)
        head = self._head("!", Tone.BAD, change.feature, place, owner_of(change))
        return [*head, *self._told(f"{broken.reason} [{broken.rule}]")]

    def _hold(self, holds: Sequence[Hold]) -> Block:
        first, zone = holds[0], self._style.zone
        lines = self._head("=", Tone.WAIT, first.feature, self._asked(first), first.owner)
        for hold in holds:
            lines += self._told(awaits(hold, self._plan.observed_at, zone))
            lines += self._quietly(self._told(hold.reason))
            lines += self._remedy(hold.remedy)
        return lines

    def _refusal(self, refusal: Refusal) -> Block:
        lines = self._head("!", Tone.BAD, refusal.feature, self._asked(refusal), refusal.owner)
        where = f"{refusal.where}: " if refusal.where else ""
        lines += self._told(f"{where}{refusal.reason} [{refusal.rule}]")
        return lines + self._remedy(mend(refusal, self._plan.observed_at, self._style.zone))

    def _asked(self, asked: Hold | Refusal) -> str:
        return step(asked.before, Standing(tier=asked.tier), self._style)

    def _head(self, symbol: str, tone: Tone, feature: str, place: str, owner: str) -> Block:
        name = padded(feature, self._feature_width)
        line = f"  {symbol} {name}  {place}"
        room = self._style.width - 4 - self._feature_width - 2 - STEP_WIDTH - 2
        painted = f"  {self._style.paint(f'{symbol} {name}', tone)}  {place}"
        owner = printable(owner)
        if not owner:
            return [painted]
        if width(name) > self._feature_width or width(owner) > room:
            return [painted, *self._quietly(self._told(f"owner {owner}"))]
        gap = " " * (4 + self._feature_width + 2 + STEP_WIDTH + 2 - width(line))
        return [f"{painted}{gap}{self._quiet(owner)}"]

    def _told(self, text: str) -> Block:
        return wrapped(text, columns=self._style.width, first=_INDENT)

    def _remedy(self, text: str) -> Block:
        return wrapped(text, columns=self._style.width, first=f"{_INDENT}-> ")

    def _quietly(self, lines: Block) -> Block:
        return [self._quiet(line) for line in lines]

    def _quiet(self, text: str) -> str:
        return self._style.paint(text, Tone.QUIET)


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


def _fence(view: PlanView, style: Style) -> list[Block]:
    return [_warned(view.fence, style)] if view.fence else []


def _guard(plan: Plan, style: Style) -> list[Block]:
    words = guard_words(plan)
    return [[line for word in words for line in _warned(word, style)]] if words else []


def _warned(text: str, style: Style) -> Block:
    lines = wrapped(text, columns=style.width, first="! ")
    return [style.paint(line, Tone.BAD) for line in lines]


def _conflicts(outcome: OutcomeView, style: Style) -> Block:
    count = len(outcome.conflicts)
    if not outcome.is_settled:
        last = printable(outcome.conflicts[-1]) if count else "no reason given"
        return _warned(
            f"not settled: others changed the same features {count:,} times (last: {last}); run it again", style
        )
    if not count:
        return []
    note = f"decided anew {counted(count, 'time')}: somebody else changed the same feature first"
    return [style.paint(note, Tone.QUIET)]
