"""Where every key and value of a parsed file stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from reconciler.definitions.fault import Fault

Step: TypeAlias = str | int


class Mark(Protocol):
    """A place in a text, counted from 0 in characters, byte order mark left out."""

    line: int
    column: int
    index: int


class Spot(Protocol):
    """What the parser saw: where a scalar, or the opening of a list or mapping, begins and ends."""

    start_mark: Any
    end_mark: Any


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Places of a mapping: its opening, its keys and its values."""

    spot: Spot
    keys: dict[str, Spot]
    values: dict[str, Node]


@dataclass(frozen=True, slots=True)
class ListNode:
    """Places of a list: its opening and its items."""

    spot: Spot
    items: list[Node]


Node: TypeAlias = "MappingNode | ListNode | Spot"


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its plain data and the places of all that is in it."""

    data: Mapping[str, Any]
    root: MappingNode

    def value_spot(self, *path: Step) -> Spot:
        """Return the place of the value at `path`, or of the nearest one above it that exists."""
        node: Node = self.root
        for step in path:
            below = _below(node, step)
            if below is None:
                break
            node = below
        return node.spot if isinstance(node, MappingNode | ListNode) else node

    def key_spot(self, *path: Step) -> Spot:
        """Return the place of the key whose value is at `path`; of an item of a list, the place of the item."""
        parent: Node | None = self.root
        for step in path[:-1]:
            parent = None if parent is None else _below(parent, step)
        if isinstance(parent, MappingNode) and path[-1] in parent.keys:
            return parent.keys[str(path[-1])]
        return self.value_spot(*path)

    def written(self, *path: Step) -> str:
        """Return the scalar at `path` as the file spells it, without quotes; empty for a list or mapping."""
        return str(getattr(self.value_spot(*path), "value", ""))

    def fault(self, *path: Step, rule: str, message: str, remedy: str) -> Fault:
        """Return a fault at the value at `path`."""
        return fault_at(self.value_spot(*path).start_mark, rule=rule, message=message, remedy=remedy)


def fault_at(mark: Mark, *, rule: str, message: str, remedy: str) -> Fault:
    """Return a fault at a mark."""
    return Fault(line=mark.line + 1, column=mark.column + 1, rule=rule, message=message, remedy=remedy)


def _below(node: Node, step: Step) -> Node | None:
    match node, step:
        case MappingNode(), str():
            return node.values.get(step)
        case ListNode(), int() if step < len(node.items):
            return node.items[step]
        case _:
            return None
