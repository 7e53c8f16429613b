"""What the reader's terminal is: colour, width, characters and the local time zone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TextIO

from reconciler.render.style import Style

_WIDEST = 120
_DEFAULT_WIDTH = 80


class LocalZone(tzinfo):
    """The zone of this machine, with the offset it has at each moment."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        """Return the offset at a local moment."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:  # noqa: ARG002 - tzinfo's own signature
        """Return None: nobody asks for the summer's part of an offset."""
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        """Return the short name of the zone at a local moment, `CET`."""
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        """Return a moment of UTC on this machine's clock."""
        return moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)


def wants_color(environment: Mapping[str, str], *, is_terminal: bool, refused: bool) -> bool:
    """Tell whether to write colour; first what forbids it, then what forces it, then whether anybody sees it."""
    if refused or environment.get("NO_COLOR"):
        return False
    forced = environment.get("FORCE_COLOR") or environment.get("CLICOLOR_FORCE")
    if forced:
        return forced not in {"0", "false"}
    if environment.get("CLICOLOR") == "0" or environment.get("TERM") == "dumb":
        return False
    return is_terminal


def style_for(stream: TextIO, *, no_color: bool) -> Style:
    """Return the style in which to write to a stream."""
    is_terminal = stream.isatty()
    return Style(
        width=width_of(is_terminal=is_terminal),
        color=wants_color(os.environ, is_terminal=is_terminal, refused=no_color),
        unicode=can_show(stream.encoding),
        zone=LocalZone(),
    )


def width_of(*, is_terminal: bool) -> int:
    """Return the columns to fill: the terminal's, at most 120; 80 where there is none and COLUMNS is unset."""
    if not is_terminal and "COLUMNS" not in os.environ:
        return _DEFAULT_WIDTH
    columns = shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns
    return max(min(columns, _WIDEST), 40)


def can_show(encoding: str | None) -> bool:
    """Tell whether bars and dots can be written in an encoding."""
    return (encoding or "").lower().replace("-", "").startswith("utf")
