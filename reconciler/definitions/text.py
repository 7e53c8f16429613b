"""Bytes of a file become text: its size, its encoding, and the characters that nobody would see in a review."""

from __future__ import annotations

import re

from reconciler.definitions.fault import Fault, at_most

LARGEST_FILE = 256 * 1024
"""No definition has more bytes."""

_BOM = "\ufeff"

# Every character of the categories Cc, Cf, Zl and Zp but tab, line feed, carriage return and the zero-width
# joiner (emoji need it), and the two that no YAML parser takes. Written out: asking unicodedata takes 0.2 s.
_INVISIBLE = (
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    r"\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0001\U000e0020-\U000e007f"
)
_FORBIDDEN = re.compile(rf"[{_INVISIBLE}]|\r(?!\n)")
_FORBIDDEN_IN_VALUE = re.compile(rf"[{_INVISIBLE}\r\ud800-\udfff]")
# Characters that print as nothing or as a blank, besides those above: two ids that differ by one look alike.
_UNSEEN = re.compile(
    r"^\s|\s$|[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200d\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    r"\U0001d159\U000e0000-\U000e0fff]|[^\S ]"
)
_COMMON = bytes([0x09, 0x0A, *range(0x20, 0x7F)])

_NAMES = {
    "\x00": "a NUL",
    "\x1b": "an escape character",
    "\r": "a carriage return without a line feed",
    "\x85": "a next-line character",
    "\xad": "a soft hyphen",
    "\u200b": "a zero-width space",
    "\u2028": "a line separator",
    "\u2029": "a paragraph separator",
    "\u202e": "a right-to-left override",
    "\ufeff": "a byte order mark in mid-file",
}


def decode(content: bytes) -> str | tuple[Fault, ...]:
    """Return the text without its byte order mark, or the faults for which it can't be read."""
    if len(content) > LARGEST_FILE:
        return (_too_large(len(content)),)
    if not content.translate(None, _COMMON):
        return content.decode("ascii")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return (_not_utf8(content, error),)
    text = text.removeprefix(_BOM)
    return at_most(_forbidden(text, match) for match in _FORBIDDEN.finditer(text)) or text


def forbidden_in_value(value: str) -> str | None:
    """Name the first character that an escape put into a value and that must not be there."""
    match = _FORBIDDEN_IN_VALUE.search(value)
    return None if match is None else character_name(match[0])


def unseen_in_id(value: str) -> str | None:
    """Name the first character of an id that a reader takes for nothing, or for an ordinary blank."""
    match = _UNSEEN.search(value)
    return None if match is None else "a blank at its end" if match[0] == " " else character_name(match[0])


def character_name(character: str) -> str:
    """Name an invisible character in words where it has any, always with its code point."""
    return f"{_NAMES.get(character, 'an invisible character')} (U+{ord(character):04X})"


def _too_large(size: int) -> Fault:
    return Fault(
        line=1,
        column=1,
        rule="too-large",
        message=f"the file has {size} bytes, the limit is {LARGEST_FILE}",
        remedy="shorten its lists",
    )


def _not_utf8(content: bytes, error: UnicodeDecodeError) -> Fault:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Fault(line=1, column=1, rule="not-utf8", message="the file is UTF-16", remedy="save it as UTF-8")
    line_start = content.rfind(b"\n", 0, error.start) + 1
    before = content[line_start : error.start].decode("utf-8").removeprefix(_BOM)
    return Fault(
        line=content.count(b"\n", 0, error.start) + 1,
        column=len(before) + 1,
        rule="not-utf8",
        message=f"the byte 0x{content[error.start]:02X} is not UTF-8",
        remedy="save the file as UTF-8",
    )


def _forbidden(text: str, match: re.Match[str]) -> Fault:
    return Fault(
        line=text.count("\n", 0, match.start()) + 1,
        column=match.start() - text.rfind("\n", 0, match.start()),
        rule="control-character",
        message=f"{character_name(match[0])} stands here, which a review can't see",
        remedy="delete it",
    )
