"""Strict YAML: plain data and the place of every key and value, or what is wrong with the file.

It reads the parser's events in one pass and builds no nodes, so that what is nested too deeply, repeated or too
large is refused before it costs anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.definitions.fault import Fault, at_most, shown
from reconciler.definitions.places import Document, ListNode, MappingNode, Node, fault_at
from reconciler.definitions.scalars import Unclear, plain
from reconciler.definitions.syntax import given_up_at, syntax_fault
from reconciler.definitions.text import decode, forbidden_in_value

# The pure parser is twelve times slower and takes a tab after a colon for an error: only where there's no other.
_Parser = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

DEEPEST = 32
"""No value is nested deeper."""

MOST_NODES = 20_000
"""No file has more keys, values, lists and mappings together."""

NUMBERED = "dwell"
"""The one field whose keys may be written as whole numbers."""

_Value: TypeAlias = tuple[Any, Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What could be read of a file, and every fault found on the way; sound only without faults."""

    document: Document | None
    faults: tuple[Fault, ...] = ()


def parse(content: bytes) -> Parsed:
    """Read one file strictly; raises nothing, whatever the bytes are."""
    text = decode(content)
    return _read(text) if isinstance(text, str) else Parsed(document=None, faults=text)


def _read(text: str) -> Parsed:
    reader = _Reader(text)
    try:
        document = reader.document()
    except _GaveUp as stop:
        reader.faults.append(stop.fault)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: the pure parser, on wild escapes
        if (depth := given_up_at(error)) is not None:
            # libyaml looks ahead for its own limit: without what lies beyond, the pass comes to where ours is.
            return _read(text[:depth])
        reader.faults.append(syntax_fault(error, text))
    else:
        return Parsed(document=document, faults=at_most(reader.faults))
    return Parsed(document=None, faults=at_most(reader.faults))


class _GaveUp(Exception):  # noqa: N818 - it ends the pass, and the fault says why
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Reader:
    """One pass over the events of one file."""

    def __init__(self, text: str) -> None:
        self._next: Callable[[], Any] = _Parser(text).get_event
        self._nodes = 0
        self.faults: list[Fault] = []

    def document(self) -> Document | None:
        self._next()
        if type(self._next()) is StreamEndEvent:
            remedy = "write the fields, or delete the file"
            self.faults.append(Fault(line=1, column=1, rule="empty", message="the file is empty", remedy=remedy))
            return None
        first = self._next()
        data, root = self._value(first, 1, "")
        self._end()
        if isinstance(root, MappingNode):
            return Document(data, root)
        self._fault(first, "not-a-mapping", "the file is no mapping of fields", "begin with `field: value` lines")
        return None

    def _end(self) -> None:
        while type(event := self._next()) is DocumentEndEvent:
            pass
        if type(event) is not StreamEndEvent:
            self._fault(
                event,
                "several-documents",
                "a second document begins here",
                "keep one document in a file and delete the `---`",
            )

    def _value(self, event: Any, depth: int, field: str) -> _Value:
        kind = type(event)
        self._count(event)
        if kind is ScalarEvent:
            return self._scalar(event), event
        if kind is AliasEvent:
            self._fault(event, "alias", f"*{_cut(event.anchor)} repeats another value", "write the value out")
            return None, event
        self._opening(event, depth)
        return self._mapping(event, depth, field) if kind is MappingStartEvent else self._list(event, depth)

    def _opening(self, event: Any, depth: int) -> None:
        if depth > DEEPEST:
            self._give_up(event, "too-deep", f"values are nested deeper than {DEEPEST} levels", "flatten them")
        if event.anchor is not None or event.tag is not None:
            self._decorated(event)

    def _mapping(self, start: Event, depth: int, field: str) -> _Value:
        data: dict[str, Any] = {}
        node = MappingNode(start, {}, {})
        while type(event := self._next()) is not MappingEndEvent:
            key = self._key(event, depth, field)
            value, place = self._value(self._next(), depth + 1, "" if key is None or depth > 1 else key)
            if key is not None and not self._repeats(key, event, node):
                data[key], node.keys[key], node.values[key] = value, event, place
        return data, node

    def _list(self, start: Event, depth: int) -> _Value:
        data: list[Any] = []
        node = ListNode(start, [])
        while type(event := self._next()) is not SequenceEndEvent:
            value, place = self._value(event, depth + 1, "")
            data.append(value)
            node.items.append(place)
        return data, node

    def _key(self, event: Any, depth: int, field: str) -> str | None:
        if type(event) is not ScalarEvent:
            self._fault(event, "key", "a list, mapping or alias is no field name", "write a name")
            self._value(event, depth + 1, "")
            return None
        self._count(event)
        value = self._scalar(event) if event.tag or event.anchor or not event.implicit[0] else plain(event.value)
        if isinstance(value, str) and event.value != "<<":
            return value
        if type(value) is int and field == NUMBERED:
            return str(event.value)
        self._bad_key(event)
        return None

    def _bad_key(self, event: Any) -> None:
        if event.value == "<<":
            self._fault(event, "merge-key", "<< merges another mapping into this one", "write the fields out")
        elif event.value:
            message = f"the key {_cut(event.value)} is not text to every YAML reader"
            self._fault(event, "key", message, "write the name of a field")
        else:
            self._fault(event, "key", "the key is empty", "write the name of a field")

    def _repeats(self, key: str, event: Any, node: MappingNode) -> bool:
        first = node.keys.get(key)
        if first is None:
            return False
        line = first.start_mark.line + 1
        self._fault(event, "duplicate-key", f"{_cut(key)} stands on line {line} already", "delete one of them")
        return True

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if event.tag is not None or event.anchor is not None:
            self._decorated(event)
        elif event.implicit[0]:
            value = plain(text)
            if not isinstance(value, Unclear):
                return value
            self._fault(event, value.rule, value.message, value.remedy)
        elif event.style == '"' and (name := forbidden_in_value(text)) is not None:
            self._fault(event, "control-character", f"an escape puts {name} into the text", "remove the escape")
        return text

    def _decorated(self, event: Any) -> None:
        if event.anchor is not None:
            message = f"&{_cut(event.anchor)} names a value to repeat it"
            self._fault(event, "anchor", message, "remove the anchor and write repeated values out")
        if event.tag is not None:
            tag = _cut(str(event.tag).replace("tag:yaml.org,2002:", "!!"))
            self._fault(event, "tag", f"the tag {tag} asks the reader to convert the value", "remove the tag")

    def _count(self, event: Event) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            message = f"the file has more than {MOST_NODES} keys and values"
            self._give_up(event, "too-many-values", message, "shorten its lists")

    def _fault(self, event: Any, rule: str, message: str, remedy: str) -> None:
        self.faults.append(fault_at(event.start_mark, rule=rule, message=message, remedy=remedy))

    def _give_up(self, event: Any, rule: str, message: str, remedy: str) -> NoReturn:
        raise _GaveUp(fault_at(event.start_mark, rule=rule, message=message, remedy=remedy))


def _cut(text: str) -> str:
    return shown(text)[1:-1]
