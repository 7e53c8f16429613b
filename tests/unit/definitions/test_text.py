"""Which characters a file may hold."""

from __future__ import annotations

import unicodedata

import pytest

from reconciler.definitions.text import decode, forbidden_in_value

_ALLOWED = {"\t", "\n", "\r", "\u200d"}


def test_refuses_exactly_what_nobody_sees() -> None:
    """The list is written out in the code, for a newer Unicode than some Pythons have."""
    invisible = {
        chr(point) for point in range(0x110000) if unicodedata.category(chr(point)) in {"Cc", "Cf", "Zl", "Zp"}
    }
    refused = {chr(point) for point in range(0x110000) if _is_refused(chr(point))}

    assert invisible - _ALLOWED - refused == set()
    assert {unicodedata.category(character) for character in refused - invisible} <= {"Cn"}


@pytest.mark.parametrize("text", ["a\tb\n", "a\r\nb\r\n", "\U0001f469\u200d\U0001f4bb", "Größe 漢字", ""])
def test_takes(text: str) -> None:
    assert decode(text.encode()) == text


def test_takes_a_byte_order_mark_at_the_beginning_only() -> None:
    assert decode("\ufeffa".encode()) == "a"
    assert not isinstance(decode("\ufeff\ufeffa".encode()), str)


def test_a_value_may_hold_line_feeds_and_tabs() -> None:
    assert forbidden_in_value("a\n\tb") is None
    assert forbidden_in_value("a\r\nb") == "a carriage return without a line feed (U+000D)"


def _is_refused(character: str) -> bool:
    if 0xD800 <= ord(character) <= 0xDFFF:
        return False
    return forbidden_in_value(character) is not None and character != "\r"
