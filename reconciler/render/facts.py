"""One fact, one line: words for people that a machine can take apart, or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from reconciler.render.text import printable

Fields: TypeAlias = Mapping[str, str | int | float | bool | None]

_PLAIN = re.compile(r"[\w./:@%+,-]+")


def fact_line(name: str, fields: Fields, at: datetime, *, is_alarm: bool) -> str:
    """Return `time level fact field=value ...`; what holds blanks stands in quotes."""
    level = "alarm" if is_alarm else "info"
    words = [f"{key}={_word(value)}" for key, value in fields.items() if value is not None]
    return " ".join([_moment(at), level, name, *words]) + "\n"


def fact_json(name: str, fields: Fields, at: datetime, *, is_alarm: bool) -> str:
    """Return the same as one JSON object."""
    level = "alarm" if is_alarm else "info"
    return json.dumps({"time": _moment(at), "level": level, "fact": name, **fields}) + "\n"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = printable(str(value))
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
