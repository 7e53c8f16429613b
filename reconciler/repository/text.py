"""Text of strangers for people to read: one line, nothing that steers a terminal, of bounded length."""

from __future__ import annotations

import os
import unicodedata

_LONGEST = 500
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def one_line(text: str | os.PathLike[str]) -> str:
    """Return `text` on one line, cut at 500 characters; what could steer a terminal is replaced by U+FFFD."""
    cleaned = "".join(_shown(character) for character in os.fspath(text).strip()[: _LONGEST + 1])
    return cleaned if len(cleaned) <= _LONGEST else cleaned[: _LONGEST - 1] + "…"


def _shown(character: str) -> str:
    if character in "\t\r\n":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _UNSAFE else character
