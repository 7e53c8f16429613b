"""Columns for a terminal: as wide as their widest cell, without boxes."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TypeAlias

from reconciler.render.style import Style, Tone
from reconciler.render.text import padded, width

Cell: TypeAlias = tuple[str, Tone | None]


def table(
    titles: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    style: Style,
    *,
    numbers: Container[str] = (),
    spare: Sequence[str] = (),
) -> list[str]:
    """Return the title line and a line for each row; cells are printable.

    The columns titled as in `numbers` end at one place; those of `spare` are left out, in this order, on a page too
    narrow for all.
    """
    shown = _fitting(titles, rows, style, spare)
    titles, rows = [titles[n] for n in shown], [[row[n] for n in shown] for row in rows]
    widths = _widths(titles, rows)
    heading: list[Cell] = [(title, Tone.QUIET) for title in titles]
    at_the_end = [title in numbers for title in titles]
    return [_line(row, widths, at_the_end, style) for row in [heading, *rows]]


def _fitting(
    titles: Sequence[str], rows: Sequence[Sequence[Cell]], style: Style, spare: Sequence[str]
) -> list[int]:
    shown = list(range(len(titles)))
    for title in spare:
        if sum(_widths(titles, rows)[n] + 2 for n in shown) - 2 <= style.width:
            break
        shown.remove(list(titles).index(title))
    return shown


def _widths(titles: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[int]:
    return [max(width(title), *(width(row[n][0]) for row in rows)) for n, title in enumerate(titles)]


def _line(row: Sequence[Cell], widths: Sequence[int], at_the_end: Sequence[bool], style: Style) -> str:
    cells = [
        " " * (columns - width(text)) + text if is_number else padded(text, columns)
        for (text, _), columns, is_number in zip(row, widths, at_the_end, strict=True)
    ]
    while cells and not cells[-1].strip():
        cells.pop()
    if cells:
        cells[-1] = cells[-1].rstrip()
    painted = [
        text if tone is None else style.paint(text, tone) for text, (_, tone) in zip(cells, row, strict=False)
    ]
    return "  ".join(painted)
