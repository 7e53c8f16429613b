"""Text of strangers, moments and bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reconciler.domain.ladder import Tier
from reconciler.render.escape import code, escaped, inline
from reconciler.render.ladder import dwell_bar, ladder_bar
from reconciler.render.moments import at_most, both, iso, span, until
from reconciler.render.problems import problems_github, problems_text
from reconciler.render.style import Style
from reconciler.render.text import clipped, few, printable, width
from tests.builders.plans import a_problem

HOURS = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("a\r\n\tb", "a b", id="lines become one"),
        pytest.param("\x1b[2J\x07", "�[2J�", id="control characters"),
        pytest.param("a\u202eb\u200bc", "a�b�c", id="what hides"),
        pytest.param("\N{MAN}\u200d\N{WOMAN}", "\N{MAN}\u200d\N{WOMAN}", id="joined emoji"),
        pytest.param("\udc80", "�", id="lone surrogate"),
    ],
)
def test_text_is_one_harmless_line(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("::stop-commands::x", ": :stop-commands::x", id="a command at the beginning"),
        pytest.param("a ::add-mask::x", "a : :add-mask::x", id="a command that a wrapped line may begin with"),
        pytest.param("std::vector", "std::vector", id="no command"),
        pytest.param("a##[error]b", "a## [error]b", id="a command anywhere"),
    ],
)
def test_no_text_is_a_command_to_the_log_of_a_workflow(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_wide_characters_take_two_columns() -> None:
    assert [width(text) for text in ("abc", "日本", "e\u0301")] == [3, 4, 1]


@pytest.mark.parametrize(("text", "shown"), [("abcdef", "abcdef"), ("abcdefg", "abcde…"), ("日本語文", "日本…")])
def test_long_text_is_clipped_to_its_columns(text: str, shown: str) -> None:
    assert clipped(text, 6) == shown


def test_a_few_stand_for_many() -> None:
    assert few(["a", "b"], 3) == "a, b"
    assert few([str(number) for number in range(2000)], 2) == "0, 1, ... and 1,998 more"


@pytest.mark.parametrize(
    ("duration", "down", "up"),
    [
        pytest.param(timedelta(), "0s", "0s", id="nothing"),
        pytest.param(timedelta(seconds=59), "59s", "59s", id="seconds"),
        pytest.param(5 * HOURS + timedelta(minutes=11, seconds=1), "5h 11m", "5h 12m", id="a second over"),
        pytest.param(48 * HOURS - timedelta(seconds=1), "1d 23h", "2d", id="a second under two days"),
        pytest.param(timedelta(days=400), "400d", "400d", id="more than a year"),
        pytest.param(-HOURS, "0s", "0s", id="over"),
    ],
)
def test_what_was_is_rounded_down_and_what_is_promised_up(duration: timedelta, down: str, up: str) -> None:
    assert (span(duration), at_most(duration)) == (down, up)


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        pytest.param(datetime(2026, 1, 9, 13, tzinfo=UTC), "Fri 2026-01-09 14:00 CET (13:00 UTC)", id="winter"),
        pytest.param(datetime(2026, 7, 9, 12, tzinfo=UTC), "Thu 2026-07-09 14:00 CEST (12:00 UTC)", id="summer"),
        pytest.param(
            datetime(2026, 1, 9, 23, 30, tzinfo=UTC), "Sat 2026-01-10 00:30 CET (Fri 23:30 UTC)", id="another day"
        ),
    ],
)
def test_a_moment_is_local_and_utc(moment: datetime, shown: str) -> None:
    assert both(moment, BERLIN) == shown


def test_utc_is_said_once() -> None:
    moment = datetime(2026, 1, 9, 13, tzinfo=UTC)

    assert until(moment, moment - HOURS, UTC) == "Fri 2026-01-09 13:00 UTC, in 1h"
    assert until(moment, moment, UTC) == "Fri 2026-01-09 13:00 UTC, now"
    assert iso(moment.astimezone(BERLIN)) == "2026-01-09T13:00:00Z"


@pytest.mark.parametrize(
    ("served", "bar"),
    [
        pytest.param(0 * HOURS, "▱▱▱▱▱▱▱▱", id="just begun"),
        pytest.param(24 * HOURS, "▰▰▰▰▱▱▱▱", id="half"),
        pytest.param(48 * HOURS - timedelta(seconds=1), "▰▰▰▰▰▰▰▱", id="a second before"),
        pytest.param(48 * HOURS, "▰▰▰▰▰▰▰▰", id="served"),
    ],
)
def test_a_dwell_is_full_only_when_it_is_served(served: timedelta, bar: str) -> None:
    assert dwell_bar(served, 48 * HOURS, Style()) == bar


def test_a_ladder_ends_at_its_target() -> None:
    assert ladder_bar(Tier(2), Tier(3), Style()) == "■■□ "
    assert ladder_bar(Tier(0), Tier(4), Style(unicode=False)) == "----"


def test_markdown_of_strangers_is_text() -> None:
    assert escaped("@a #1 <b> a|b `c` [d](http://e) *f* &amp;") == (
        "@&#8203;a #&#8203;1 &lt;b&gt; a\\|b \\`c\\` \\[d\\](http&#58;//e) \\*f\\* &amp;amp;"
    )
    assert code("a`b|c") == "`a'b\\|c`"
    assert inline("set `tier: 1` or <b>") == "set `tier: 1` or &lt;b&gt;"
    assert inline("an odd ` here") == "an odd \\` here"


def test_an_annotation_is_escaped() -> None:
    problem = a_problem("a,b:c.yaml", message="50 %\nmore::set", remedy="mend")

    assert problems_github([problem]) == (
        "::error file=a%2Cb%3Ac.yaml,line=3,col=7,title=rollouts%3A type::50 %25%0Amore::set; mend\n"
    )


def test_problems_are_counted() -> None:
    told = problems_text([a_problem(), a_problem(line=4)], Style(), files=7)

    assert told == (
        'rollouts.d/web/broken.yaml:3:7: tier is "two", a whole number is needed; write 0 to 4 [type]\n'
        'rollouts.d/web/broken.yaml:4:7: tier is "two", a whole number is needed; write 0 to 4 [type]\n'
        "\n2 problems in 1 file, 7 definitions valid\n"
    )
    assert problems_text([], Style(), files=1) == "valid: 1 definition\n"
