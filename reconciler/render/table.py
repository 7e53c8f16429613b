"""Columns for a terminal: as wide as their widest cell, without boxes."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TypeAlias

from reconciler.render.style import Style, Tone
from reconciler.render.text import padded, width

Cell: TypeAlias = tuple[str, Tone | None]


def table(
    titles: Sequence[str], rows: Sequence[Sequence[Cell]], style: Style, *, numbers: Container[int] = ()
) -> list[str]:
    """Return the title line and a line for each row; cells are printable, columns of numbers end at one place."""
    widths = [max(width(title), *(width(row[n][0]) for row in rows)) for n, title in enumerate(titles)]
    heading: list[Cell] = [(title, Tone.QUIET) for title in titles]
    return [_line(row, widths, style, numbers) for row in [heading, *rows]]


def _line(row: Sequence[Cell], widths: Sequence[int], style: Style, numbers: Container[int]) -> str:
    cells = [
        " " * (columns - width(text)) + text if number in numbers else padded(text, columns)
        for number, ((text, _), columns) in enumerate(zip(row, widths, strict=True))
    ]
    while cells and not cells[-1].strip():
        cells.pop()
    if cells:
        cells[-1] = cells[-1].rstrip()
    painted = [
        text if tone is None else style.paint(text, tone) for text, (_, tone) in zip(cells, row, strict=False)
    ]
    return "  ".join(painted)
