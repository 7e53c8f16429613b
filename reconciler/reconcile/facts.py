"""What the loop says of its work: one fact, one line, with fields that a machine can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened; an alarm is what somebody should look at."""

    name: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    is_alarm: bool = False


Tell: TypeAlias = Callable[[Fact], None]


def unheard(_fact: Fact) -> None:
    """Tell nobody."""
