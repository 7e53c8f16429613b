"""Strict YAML: values, places and limits, both sides of each."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.definitions.parse import parse
from reconciler.definitions.places import Document


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("0", 0),
        ("0.05", 0.05),
        ("-0.5", -0.5),
        ("999999999999999999", 999_999_999_999_999_999),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("48h", "48h"),
        ("..", ".."),
        ("1.2.3", "1.2.3"),
        ("2026-10", "2026-10"),
        ("nO", "nO"),
        ("'no'", "no"),
        ('"1"', "1"),
        ("\uff11", "\uff11"),
    ],
)
def test_reads_a_scalar(written: str, value: object) -> None:
    document = _document(f"a: {written}\n")

    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


@pytest.mark.parametrize(
    "written",
    [
        *("no", "No", "NO", "yes", "on", "OFF", "y", "N", "="),
        *("0123", "00", "1_000", "+1", "1.", ".5", "1e3", "1.5E-3", "0x1F", "0o17", "-0x1", "12:30", "1:2:3.5"),
        *("2026-10-01", "2026-1-1", "2026-10-01 12:00:00", "2026-10-01T12:00:00Z"),
        *(".nan", ".NaN", ".inf", "-.Inf", "+.INF", "1000000000000000000", "0." + "1" * 18),
    ],
)
def test_refuses_a_plain_scalar(written: str) -> None:
    parsed = parse(f"a: {written}\n".encode())

    assert [(fault.line, fault.column) for fault in parsed.faults] == [(1, 4)]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_takes_as_text_what_is_quoted(quote: str) -> None:
    assert _document(f"a: {quote}2026-10-01{quote}\n").data == {"a": "2026-10-01"}


def test_knows_the_place_of_every_key_and_value() -> None:
    document = _document("# é\nlist: [x, {k: 'v'}]\n")

    assert _at(document.key_spot("list")) == (2, 1)
    assert _at(document.value_spot("list")) == (2, 7)
    assert _at(document.value_spot("list", 0)) == (2, 8)
    assert _at(document.key_spot("list", 1, "k")) == (2, 12)
    assert _at(document.value_spot("list", 1, "k")) == (2, 15)


def test_the_place_of_what_is_missing_is_that_of_the_nearest_above() -> None:
    document = _document("a:\n  b: 1\n")

    assert _at(document.value_spot("a", "c", 3)) == (2, 3)
    assert _at(document.key_spot("x", "y")) == (1, 1)


def test_sets_a_byte_order_mark_aside() -> None:
    parsed = parse(b"\xef\xbb\xbfa: 1\nb: 2\n")

    assert parsed.document is not None
    assert _at(parsed.document.value_spot("a")) == (1, 4)


def test_counts_columns_in_characters() -> None:
    assert _at(_document("é: {'\U0001f600': 1}\n").value_spot("é", "\U0001f600")) == (1, 10)


def test_dwell_alone_may_have_numbers_for_keys() -> None:
    assert _document("dwell: {1: a, '2': b}\n").data == {"dwell": {"1": "a", "2": "b"}}
    assert [fault.rule for fault in parse(b"other: {1: a}\n").faults] == ["key"]
    assert [fault.rule for fault in parse(b"dwell: {1: {2: a}}\n").faults] == ["key"]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param("a: " + "[" * 31 + "]" * 31, [], id="as deep as may be"),
        pytest.param("a: " + "[" * 32 + "]" * 32, ["too-deep"], id="one deeper"),
        pytest.param("a: [" + "b," * 19_997 + "]", [], id="as many values as may be"),
        pytest.param("a: [" + "b," * 19_998 + "]", ["too-many-values"], id="one value more"),
        pytest.param("a: b #" + "x" * (256 * 1024 - 6), [], id="as large as may be"),
        pytest.param("a: b #" + "x" * (256 * 1024 - 5), ["too-large"], id="one byte more"),
        pytest.param("a: " + "9" * 18, [], id="as many digits as may be"),
        pytest.param("a: " + "9" * 19, ["long-number"], id="one digit more"),
    ],
)
def test_limits(text: str, rules: list[str]) -> None:
    assert [fault.rule for fault in parse(text.encode()).faults] == rules


def test_says_a_hundred_faults_and_that_there_are_more() -> None:
    faults = parse(("a: [" + "no," * 101 + "]").encode()).faults

    assert [fault.rule for fault in faults] == ["unclear-value"] * 100 + ["more"]


def test_a_duplicate_keeps_the_first_value() -> None:
    parsed = parse(b"a: 1\na: 2\n")

    assert parsed.document is not None
    assert parsed.document.data == {"a": 1}


def _document(text: str) -> Document:
    parsed = parse(text.encode())
    assert parsed.faults == ()
    assert parsed.document is not None
    return parsed.document


def _at(spot: Any) -> tuple[int, int]:
    return spot.start_mark.line + 1, spot.start_mark.column + 1
