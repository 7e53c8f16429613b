"""Statuses for a terminal: a table with bars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain

from reconciler.domain.state import Standing, State, Status
from reconciler.render.details import guard_words
from reconciler.render.ladder import dwell_bar, ladder_bar
from reconciler.render.moments import span
from reconciler.render.stages import summary
from reconciler.render.statistics import fares
from reconciler.render.status import StatusRow, StatusView
from reconciler.render.style import Style, Tone
from reconciler.render.table import table
from reconciler.render.text import clipped, counted, printable, wrapped
from reconciler.render.view import short

_TITLES = ("feature", "status", "ladder", "shown", "for", "dwell", "owner")
_SPARE = ("owner", "for", "ladder")
_TONES = {
    Status.ROLLED_BACK: Tone.BAD,
    Status.RETIRED: Tone.QUIET,
    Status.PAUSED: Tone.LESS,
    Status.COMPLETED: Tone.MORE,
    Status.PLANNED: Tone.QUIET,
    Status.IN_PROGRESS: Tone.SAME,
}


def status_text(status: StatusView, style: Style) -> str:
    """Render where every rollout stands."""
    view = status.view
    facts = [
        ("database", printable(status.database)),
        ("root", view.root),
        ("in force", "nothing yet" if view.in_force is None else short(view.in_force)),
        ("write-back", status.write_back),
    ]
    head = [line for name, fact in facts for line in _fact(name, fact, style)]
    warnings = (view.fence,) if view.fence is not None else guard_words(view.plan)
    fence = [style.paint(line, Tone.BAD) for each in warnings for line in _warned(each, style)]
    rows = _rows(status, style) if status.rows else ["no rollouts yet; `reconciler apply` creates them"]
    if status.absent:
        rows += ["", style.paint("not created yet", Tone.QUIET), *_absent(status.absent, style)]
    last = f"{counted(len(status.rows), 'rollout')}{_retired(status)}"
    if view.fence is None:
        last += f"; {summary(view.plan, view.plan.changes, is_done=False)}"
    return "\n".join([*head, *fence, "", *rows, "", style.paint(last, Tone.STRONG)]) + "\n"


def _fact(name: str, fact: str, style: Style) -> list[str]:
    label = name.ljust(10)
    first, *rest = wrapped(fact, columns=style.width, first=f"{label} ", rest=" " * 11)
    return [first.replace(label, style.paint(label, Tone.QUIET), 1), *rest]


def _warned(text: str, style: Style) -> list[str]:
    return ["", *wrapped(text, columns=style.width, first="! ")]


def _retired(status: StatusView) -> str:
    count = sum(1 for row in status.rows if row.state.standing.status is Status.RETIRED)
    return f", {count:,} of them retired" if count else ""


def _rows(status: StatusView, style: Style) -> list[str]:
    now = status.view.plan.observed_at
    cells = [_cells(row, now, style) for row in status.rows]
    title, *lines = table(_TITLES, cells, style, spare=_SPARE)
    told = [_with_next(row, line, style) for row, line in zip(status.rows, lines, strict=True)]
    return [title, *chain.from_iterable(told)]


def _absent(absent: Sequence[tuple[str, str]], style: Style) -> list[str]:
    longest = max(len(feature) for feature, _ in absent)
    return [
        line
        for feature, following in absent
        for line in wrapped(following, columns=style.width, first=f"{feature.ljust(longest)}  ")
    ]


def _cells(row: StatusRow, now: datetime, style: Style) -> tuple[tuple[str, Tone | None], ...]:
    standing = row.state.standing
    attempt = f" #{standing.attempt}" if standing.attempt > 1 else ""
    status = standing.status.value.replace("_", " ")
    tone = _TONES[standing.status]
    return (
        (row.state.feature, Tone.STRONG),
        (f"{status}{attempt}", tone),
        (ladder_bar(standing.tier, standing.target, style), tone),
        (f"{standing.tier.exposure:3} %", None),
        (span(now - row.state.epoch_started_at), None),
        (_dwell(row.state, standing, row.dwell, now, style), None),
        (clipped(standing.owner, 24), Tone.QUIET),
    )


def _dwell(state: State, standing: Standing, dwell: timedelta, now: datetime, style: Style) -> str:
    if standing.status is not Status.IN_PROGRESS or not dwell:
        return ""
    return dwell_bar(now - state.epoch_started_at, dwell, style)


def _with_next(row: StatusRow, line: str, style: Style) -> list[str]:
    told = wrapped(row.next_step, columns=style.width, first="  -> ")
    health = "" if row.statistics is None else fares(row.statistics)
    tone = Tone.BAD if row.statistics is not None and row.statistics.evidence.is_tripped else Tone.QUIET
    lines = [style.paint(each, tone) for each in wrapped(health, columns=style.width, first="     ")]
    return [line, *lines, *(style.paint(each, Tone.QUIET) for each in told)]
