"""Text of strangers made harmless: one line for a terminal, nothing that steers it, and how wide it is."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence

_JOINER = "\N{ZERO WIDTH JOINER}"
_NO_COLUMN = frozenset({_JOINER, "\N{VARIATION SELECTOR-16}"})
_WIDE = frozenset({"F", "W"})
_COMMAND = re.compile(r"(?<!\S)::|##\[")
_REPLACED = "\N{REPLACEMENT CHARACTER}"
_TIED = "\N{NO-BREAK SPACE}%"


def printable(text: str) -> str:
    """Return `text` on one line; what could steer a terminal or hide is replaced by U+FFFD.

    A workflow's log takes `::` at the beginning of a line, and `##[` anywhere, for a command: both are parted.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(_shown(character) for character in " ".join(text.split()))
    return (
        _COMMAND.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}", text)
        if "::" in text or "##[" in text
        else text
    )


def clipped(text: str, limit: int) -> str:
    """Return printable text cut to a width, with an ellipsis in place of the rest."""
    line = printable(text)
    if width(line) <= limit:
        return line
    kept = ""
    for character in line:
        if width(kept + character) >= limit:
            break
        kept += character
    return kept.rstrip() + "…"


def width(text: str) -> int:
    """Return the columns that printable text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def padded(text: str, columns: int) -> str:
    """Return text filled with blanks to a width."""
    return text + " " * max(columns - width(text), 0)


def wrapped(text: str, *, columns: int, first: str, rest: str | None = None) -> list[str]:
    """Return printable text as lines of at most `columns`, indented; long words and percentages stay whole."""
    lines = textwrap.wrap(
        printable(text).replace(" %", _TIED),
        width=columns,
        initial_indent=first,
        subsequent_indent=" " * width(first) if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_TIED, " %") for line in lines]


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, `1 file` or `1,200 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def few(items: Sequence[str], shown: int) -> str:
    """Return the first items and how many more there are, `a, b, ... and 40 more`."""
    listed = ", ".join(clipped(item, 40) for item in items[:shown])
    more = len(items) - shown
    return listed if more <= 0 else f"{listed}, ... and {more:,} more"


def _shown(character: str) -> str:
    return character if character.isprintable() or character in {" ", _JOINER} else _REPLACED


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in _NO_COLUMN:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1
