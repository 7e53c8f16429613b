"""Colour only where it is wanted, bars only where they can be shown, moments on the reader's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from reconciler.cli.terminal import LocalZone, can_show, wants_color, width_of


@pytest.mark.parametrize(
    ("environment", "is_terminal", "refused", "wanted"),
    [
        pytest.param({}, True, False, True, id="terminal"),
        pytest.param({}, False, False, False, id="pipe"),
        pytest.param({}, True, True, False, id="--no-color"),
        pytest.param({"NO_COLOR": "1"}, True, False, False, id="NO_COLOR"),
        pytest.param({"NO_COLOR": ""}, True, False, True, id="empty NO_COLOR says nothing"),
        pytest.param({"FORCE_COLOR": "1"}, False, False, True, id="FORCE_COLOR in a pipe"),
        pytest.param({"FORCE_COLOR": "0"}, True, False, False, id="FORCE_COLOR=0"),
        pytest.param({"CLICOLOR_FORCE": "1"}, False, False, True, id="CLICOLOR_FORCE in a pipe"),
        pytest.param({"CLICOLOR": "0"}, True, False, False, id="CLICOLOR=0"),
        pytest.param({"CLICOLOR": "1"}, False, False, False, id="CLICOLOR=1 in a pipe"),
        pytest.param({"TERM": "dumb"}, True, False, False, id="dumb terminal"),
        pytest.param({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False, False, id="NO_COLOR wins"),
        pytest.param({"FORCE_COLOR": "1"}, True, True, False, id="--no-color wins"),
    ],
)
def test_colour_is_written_where_it_is_wanted(
    environment: dict[str, str], is_terminal: bool, refused: bool, wanted: bool
) -> None:
    assert wants_color(environment, is_terminal=is_terminal, refused=refused) is wanted


@pytest.mark.parametrize(
    ("columns", "is_terminal", "width"),
    [
        pytest.param("100", True, 100, id="terminal"),
        pytest.param("300", True, 120, id="too wide to read"),
        pytest.param("10", True, 40, id="too narrow to write"),
        pytest.param("100", False, 100, id="COLUMNS counts in a pipe"),
        pytest.param(None, False, 80, id="pipe"),
    ],
)
def test_the_page_is_as_wide_as_can_be_read(
    columns: str | None, is_terminal: bool, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)

    assert width_of(is_terminal=is_terminal) == width


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", True), ("UTF8", True), ("ascii", False), (None, False)])
def test_bars_are_drawn_where_the_encoding_has_them(encoding: str | None, shown: bool) -> None:
    assert can_show(encoding) is shown


def test_the_local_zone_knows_summer_from_winter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        summer = datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(LocalZone())
        winter = datetime(2026, 1, 1, 12, tzinfo=UTC).astimezone(LocalZone())
        told = [f"{moment:%H:%M %Z}" for moment in (summer, winter)]
    finally:
        monkeypatch.undo()
        time.tzset()

    assert told == ["14:00 CEST", "13:00 CET"]
