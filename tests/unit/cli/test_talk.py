"""Notes at once, progress only after a second, one updating line on a terminal."""

from __future__ import annotations

import io
import time

from reconciler.cli.talk import Talk


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_a_note_is_a_line() -> None:
    stream = io.StringIO()

    Talk(stream).note("started")

    assert stream.getvalue() == "started\n"


def test_nothing_is_said_in_the_first_second() -> None:
    screen = Screen()
    talk = Talk(screen)

    with talk.step("reading"):
        talk.report(1, 2)

    assert screen.getvalue() == ""


def test_a_terminal_has_one_line_that_is_taken_away() -> None:
    screen = Screen()
    talk = Talk(screen)
    time.sleep(1.05)

    talk.report(1, 2000)
    talk.report(2, 2000)
    talk.note("done")

    assert screen.getvalue() == "\r\x1b[K1 of 2,000\r\x1b[Kdone\n"


def test_a_log_is_not_flooded() -> None:
    stream = io.StringIO()
    talk = Talk(stream)
    time.sleep(1.05)

    for done in range(1000):
        talk.report(done, 1000)

    assert stream.getvalue() == ""


def test_a_closed_stream_stops_no_work() -> None:
    stream = io.StringIO()
    talk = Talk(stream)
    stream.close()

    talk.note("nobody listens")
