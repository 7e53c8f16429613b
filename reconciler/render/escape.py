"""Text inside Markdown: nothing in it is a link, a mention, a table cell, HTML or a formula."""

from __future__ import annotations

from reconciler.render.text import printable

_INVISIBLE = "&#8203;"
_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "@": f"@{_INVISIBLE}",  # after it no name follows: nobody is called
        "#": f"#{_INVISIBLE}",
        **{character: f"\\{character}" for character in "\\`*_[]{}~|$!"},
    }
)


def escaped(text: str) -> str:
    """Return text of strangers as itself, on one line."""
    return printable(text).translate(_ESCAPES).replace("://", "&#58;//").replace("www.", "www&#46;")


def code(text: str) -> str:
    """Return text as code; backticks, which would end it, become apostrophes."""
    return f"`{printable(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def inline(text: str) -> str:
    """Return one of our own sentences, in which backticks mean code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escaped(text)
    return "".join(code(part) if number % 2 else escaped(part) for number, part in enumerate(parts))
