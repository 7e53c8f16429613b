"""Numbers and switches of a definition: their values replaced in place, missing ones written below `tier`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from reconciler.definitions.splice import Sheet, Splice, UnsafeError

FIELDS = ("tier", "rolled_back", "attempt", "paused")
"""The fields that are set, in the order in which missing ones stand below `tier`."""


def field_splices(sheet: Sheet, values: Mapping[str, int | bool]) -> Iterator[Splice]:
    """Yield what sets these fields."""
    for name in (name for name in FIELDS if name in values):
        if not sheet.has(name):
            yield _below_tier(sheet, name, _spelled(values[name]))
            continue
        value = _line_of_value(name, sheet.field(name).value)
        yield Splice(value.start_mark.index, value.end_mark.index, _spelled(values[name]))


def quoted_like(key: yaml.ScalarNode, name: str) -> str:
    """Return a field's name in the quotes of its neighbour: JSON stays JSON."""
    quote = key.style if key.style in {"'", '"'} else ""
    return f"{quote}{name}{quote}"


def _below_tier(sheet: Sheet, name: str, spelled: str) -> Splice:
    if not sheet.has("tier"):
        raise UnsafeError(sheet.root.start_mark, f"there is no tier, below which {name} belongs")
    tier = sheet.field("tier")
    end = _line_of_value("tier", tier.value).end_mark.index
    line = f"{quoted_like(tier.key, name)}: {spelled}"
    if sheet.is_flow:
        return Splice(end, end, f", {line}")
    indent, below = " " * tier.key.start_mark.column, sheet.next_line(end)
    return Splice(below, below, f"{indent}{line}{sheet.line_ending(tier.key.start_mark.index)}")


def _line_of_value(name: str, value: yaml.Node) -> yaml.ScalarNode:
    if not isinstance(value, yaml.ScalarNode) or value.start_mark.index == value.end_mark.index:
        raise UnsafeError(value.start_mark, f"{name} has no value that could be replaced")
    if value.start_mark.line != value.end_mark.line:
        raise UnsafeError(value.start_mark, f"the value of {name} is longer than a line")
    return value


def _spelled(value: int | bool) -> str:
    return str(value).lower()
