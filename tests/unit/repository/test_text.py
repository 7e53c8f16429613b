"""Text of strangers is shown on one line and steers nothing."""

from __future__ import annotations

import pytest

from reconciler.repository.text import one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Raise checkout to 10 %", "Raise checkout to 10 %", id="plain"),
        pytest.param("prüfen 🚀 漢字", "prüfen 🚀 漢字", id="not ASCII"),
        pytest.param("a\nb\r\nc\td", "a b  c d", id="newlines and tabs"),
        pytest.param(" \n a \n", "a", id="blanks around"),
        pytest.param("\x1b[31mred\x07", "�[31mred�", id="escape sequence"),
        pytest.param("a\u202eb\u2066c\u200b", "a�b�c�", id="invisible and bidirectional"),
        pytest.param("a\u2028b\u0085c", "a�b�c", id="other line ends"),
        pytest.param("\udcff\x00", "��", id="not text"),
        pytest.param("x" * 500, "x" * 500, id="500 characters"),
        pytest.param("x" * 501, "x" * 499 + "…", id="501 characters"),
    ],
)
def test_shows_text_on_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown
