"""Plain YAML scalars as values: YAML 1.2 core, and nothing that two YAML readers would read differently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.definitions.fault import shown

MOST_DIGITS = 18
"""No number has more digits."""

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_BOOLEANS_OF_OLD = frozenset(
    spelling
    for word in ("y", "n", "yes", "no", "on", "off")
    for spelling in (word, word.capitalize(), word.upper())
)
_FIRST_OF_NUMBERS = frozenset("0123456789+-.")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?")
_OTHER_NUMBER = re.compile(
    r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"  # 0123, 1_000, +1, 1., 1e3
    r"|\.[0-9_]+(?:[eE][-+]?[0-9]+)?"  # .5
    r"|0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+"  # 0x1F, 0o17, 0b11
    r"|_[0-9_]*"  # +_1, behind its sign
    r"|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)"  # 12:30:45, which is base 60
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """A plain scalar that is refused: YAML readers differ on it, or no rule could compare it."""

    rule: str
    message: str
    remedy: str


def plain(text: str) -> Scalar | Unclear:
    """Return the value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text in _BOOLEANS_OF_OLD:
        return _unclear(text, "a boolean", instead="true or false")
    if text == "=":
        return _unclear(text, "a default value")
    if text == "<<":
        return _unclear(text, "an order to merge")
    if text[0] not in _FIRST_OF_NUMBERS:
        return text
    number = _NUMBER.fullmatch(text)
    return _like_a_number(text) if number is None else _number(text, is_fraction=number[1] is not None)


def _number(text: str, *, is_fraction: bool) -> int | float | Unclear:
    # Counted first: Python itself refuses a long number, and takes its time.
    digits = len(text) - text.startswith("-") - is_fraction
    if digits > MOST_DIGITS:
        return Unclear(
            rule="long-number",
            message=f"the number has {digits} digits, the limit is {MOST_DIGITS}",
            remedy="shorten it, or quote it if it is text",
        )
    return float(text) if is_fraction else int(text)


def _like_a_number(text: str) -> str | Unclear:
    if _DATE.fullmatch(text):
        return _unclear(text, "a date")
    if _OTHER_NUMBER.fullmatch(text):
        return _unclear(text, "a number", instead=None if ":" in text else "plain digits")
    if _NO_NUMBER.fullmatch(text):
        return Unclear(
            rule="not-a-number",
            message=f"{text} is no number that can be compared",
            remedy="write a number in plain digits",
        )
    return text


def _unclear(text: str, to_some: str, *, instead: str | None = None) -> Unclear:
    quoted = shown(text)
    return Unclear(
        rule="unclear-value",
        message=f"{quoted[1:-1]} is {to_some} to some YAML readers and text to others",
        remedy=f"quote it: {quoted}" if instead is None else f"quote it for text, {quoted}, or write {instead}",
    )
