"""How a page looks: its width, colour, symbols and the reader's time zone, all passed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import StrEnum


class Tone(StrEnum):
    """What a colour means; the words and symbols say the same without it."""

    MORE = "32"
    SAME = "36"
    LESS = "33"
    WAIT = "34"
    BAD = "31"
    STRONG = "1"
    QUIET = "2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A page of so many columns; sections longer than `limit` show their first entries only (None: all)."""

    width: int = 80
    color: bool = False
    unicode: bool = True
    zone: tzinfo = UTC
    limit: int | None = 10

    def paint(self, text: str, *tones: Tone) -> str:
        """Return the text in these tones, as it is without colour."""
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(tones)}m{text}\x1b[0m"

    def shown(self, count: int) -> int:
        """Return how many of so many entries are shown; a few more than the limit are no reason to cut."""
        return count if self.limit is None or count <= 2 * self.limit + 4 else self.limit

    @property
    def dot(self) -> str:
        """What parts two facts on a line."""
        return "·" if self.unicode else "-"
