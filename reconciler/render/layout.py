"""The columns of a page about rollouts: every feature, tier and owner stands below the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeAlias

from reconciler.domain.plan import Change, Hold, Refusal
from reconciler.domain.problem import Problem
from reconciler.domain.state import Standing
from reconciler.render.details import awaits, details, mend, moved, owner_of
from reconciler.render.ladder import STEP_WIDTH, step
from reconciler.render.stages import Stage
from reconciler.render.style import Style, Tone
from reconciler.render.text import padded, printable, width, wrapped
from reconciler.render.view import BrokenRule, PlanView

Block: TypeAlias = list[str]

_OWNER_WIDTH = 16
_INDENT = " " * 6


class Layout:
    """Lays out changes, holds, refusals and problems of one plan; a section without entries is empty."""

    def __init__(self, view: PlanView, changes: Iterable[Change], style: Style) -> None:
        self._plan = plan = view.plan
        self._impacts = view.impacts
        self._style = style
        everything: tuple[Change | Hold | Refusal, ...] = (*changes, *plan.holds, *plan.refusals)
        longest = max((len(each.feature) for each in everything), default=0)
        self._feature_width = min(longest, style.width - STEP_WIDTH - _OWNER_WIDTH - 8)

    def stage(self, stage: Stage, changes: Sequence[Change], title: str) -> Block:
        """Return the changes of one stage."""
        return self._section(title, stage.tone, (self._change(stage, change) for change in changes), len(changes))

    def broken(self, broken: Sequence[BrokenRule]) -> Block:
        """Return the changes that the database refused."""
        entries = (self._broken(each) for each in broken)
        return self._section("refused by the database", Tone.BAD, entries, len(broken))

    def held(self) -> Block:
        """Return what waits, feature by feature."""
        holds = [list(group) for _, group in groupby(self._plan.holds, key=lambda hold: hold.feature)]
        return self._section("held", Tone.WAIT, (self._hold(group) for group in holds), len(holds))

    def refused(self) -> Block:
        """Return what breaks a rule."""
        refusals = self._plan.refusals
        return self._section("refused", Tone.BAD, (self._refusal(each) for each in refusals), len(refusals))

    def invalid(self) -> Block:
        """Return the faults of files."""
        problems = self._plan.problems
        return self._section("invalid", Tone.BAD, (self._problem(each) for each in problems), len(problems))

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
        told = [*details(change), *self._impact(change)]
        return [*head, *(line for detail in told for line in self._told(detail))]

    def _impact(self, change: Change) -> Block:
        impact = self._impacts.get(change.feature)
        return [] if impact is None else [moved(impact)]

    def _broken(self, broken: BrokenRule) -> Block:
        change = broken.change
        place = step(change.before, change.after, self._style)
        head = self._head("!", Tone.BAD, change.feature, place, owner_of(change))
        return [*head, *self._told(f"{broken.reason} [{broken.rule}]")]

    def _hold(self, holds: Sequence[Hold]) -> Block:
        first = holds[0]
        lines = self._head("=", Tone.WAIT, first.feature, self._asked(first), first.owner)
        for hold in holds:
            lines += self._told(awaits(hold, self._plan.observed_at, self._style.zone))
            lines += self._quietly(self._told(hold.reason))
            lines += self._remedy(hold.remedy)
        return lines

    def _refusal(self, refusal: Refusal) -> Block:
        lines = self._head("!", Tone.BAD, refusal.feature, self._asked(refusal), refusal.owner)
        where = f"{refusal.where}: " if refusal.where else ""
        lines += self._told(f"{where}{refusal.reason} [{refusal.rule}]")
        return lines + self._remedy(mend(refusal, self._plan.observed_at, self._style.zone))

    def _problem(self, problem: Problem) -> Block:
        place = f"{printable(problem.path)}:{problem.line}:{problem.column}"
        head = f"  {self._style.paint(f'! {place}', Tone.BAD)}"
        return [head, *self._told(f"{problem.message} [{problem.rule}]"), *self._remedy(problem.remedy)]

    def _asked(self, asked: Hold | Refusal) -> str:
        return step(asked.before, Standing(tier=asked.tier), self._style)

    def _head(self, symbol: str, tone: Tone, feature: str, place: str, owner: str) -> Block:
        name = self._style.paint(f"{symbol} {padded(feature, self._feature_width)}", tone)
        step_at = 4 + self._feature_width + 2
        lines, line = [], f"  {name}  {place}"
        if len(feature) > self._feature_width:
            lines, line = [f"  {name}"], f"{' ' * step_at}{place}"
        shown = printable(owner)
        if not shown:
            return [*lines, line]
        if width(shown) > self._style.width - step_at - STEP_WIDTH - 2:
            return [*lines, line, *self._quietly(self._told(f"owner {shown}"))]
        gap = " " * (STEP_WIDTH - width(place) + 2)
        return [*lines, f"{line}{gap}{self._quiet(shown)}"]

    def _told(self, text: str) -> Block:
        return wrapped(text, columns=self._style.width, first=_INDENT)

    def _remedy(self, text: str) -> Block:
        return wrapped(text, columns=self._style.width, first=f"{_INDENT}-> ")

    def _quietly(self, lines: Block) -> Block:
        return [self._quiet(line) for line in lines]

    def _quiet(self, text: str) -> str:
        return self._style.paint(text, Tone.QUIET)
