"""Whether an edited definition says what was meant, and is otherwise as it was: no edit is believed before."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any, TypeAlias

import yaml

from reconciler.definitions.edit_lists import ListChange
from reconciler.definitions.fault import Fault, at_most, shown
from reconciler.definitions.parse import parse
from reconciler.definitions.places import Document
from reconciler.definitions.rollout import rollout_faults
from reconciler.definitions.schema import schema_faults
from reconciler.definitions.splice import Sheet, is_flow

_Opening: TypeAlias = tuple[int, tuple[int, int] | None]
_Ends: TypeAlias = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A file, the data that its edit is meant to give, and what may change of its lines."""

    content: bytes
    document: Document
    meant: Mapping[str, Any]
    open_lines: Mapping[int, _Ends | None]
    """Lines of the file, counted from 0, that may change between their ends; those without may go."""
    growth: int
    """By so many lines the file grows at most; below 0 it shrinks."""

    def doubt(self, result: bytes) -> str | Fault | None:
        """Return why `result` is not what was meant; a fault is one that the file gets by what was meant."""
        parsed = parse(result)
        if parsed.faults or parsed.document is None:
            said = "; ".join(fault.message for fault in parsed.faults[:1])
            return f"the edited file could not be read ({said})"
        if wrong := _differing(parsed.document.data, self.meant):
            return f"the edit would also change {shown(wrong)[1:-1]}"
        return self._lines_doubt(result) or self._new_fault(parsed.document)

    def _lines_doubt(self, result: bytes) -> str | None:
        old, new = _lines(self.content), _lines(result)
        rest = iter(new)
        for number, line in enumerate(old):
            if not self._is_left(number, line, rest):
                return f"the edit would change line {number + 1}"
        if len(new) > len(old) + self.growth:
            return "the edit would write more lines than it must"
        # A blank line without an ending would be none.
        if result.endswith(b"\n") != self.content.endswith(b"\n") and new[-1] not in {b"", b"\r"}:
            return "the edit would change the end of the file"
        return None

    def _is_left(self, number: int, line: bytes, rest: Iterator[bytes]) -> bool:
        if number not in self.open_lines:
            return line in rest
        ends = self.open_lines[number]
        return ends is None or any(_has(new, *ends) for new in rest)

    def _new_fault(self, document: Document) -> Fault | None:
        found = _faults(document)
        if not found:
            return None
        known = _faults(self.document)
        risen = Counter(fault.rule for fault in found) - Counter(fault.rule for fault in known)
        # Some messages name lines, which an edit moves: they only tell which of several is the new one.
        messages = {fault.message for fault in known}
        candidates = (fault for fault in found if fault.rule in risen)
        return min(candidates, key=lambda fault: fault.message in messages, default=None)


def proof_of(
    content: bytes, document: Document, sheet: Sheet, values: Mapping[str, int | bool], lists: Sequence[ListChange]
) -> Proof:
    """Return what the edit of a file is held against; a file in braces gets its new fields on lines that it has."""
    return Proof(
        content=content,
        document=document,
        meant={**document.data, **values, **{change.name: _changed(document, change) for change in lists}},
        open_lines=_open_lines(sheet, _openings(sheet, values, lists)),
        growth=_growth(sheet, values, lists),
    )


def _changed(document: Document, change: ListChange) -> list[Any]:
    old = document.data.get(change.name, [])
    return [item for index, item in enumerate(old) if index not in change.removed] + list(change.added)


def _growth(sheet: Sheet, values: Iterable[str], lists: Iterable[ListChange]) -> int:
    new_lines = 0 if sheet.is_flow else sum(not sheet.has(name) for name in values)
    return new_lines + sum(_growth_by_list(sheet, change) for change in lists)


def _growth_by_list(sheet: Sheet, change: ListChange) -> int:
    if not sheet.has(change.name):
        return 0 if sheet.is_flow else 1 + len(change.added)
    node = sheet.node(change.name)
    if not is_flow(node):
        return len(change.added) - sum(len(_span(node.value[index])) for index in change.removed)
    return len(change.added) if len(_span(node)) > 1 else 0


def _open_lines(sheet: Sheet, openings: Iterable[_Opening]) -> dict[int, _Ends | None]:
    lines: dict[int, tuple[int, int] | None] = {}
    for line, at in openings:
        other = lines.setdefault(line, at)
        lines[line] = None if at is None or other is None else (min(at[0], other[0]), max(at[1], other[1]))
    return {line: None if at is None else _ends(sheet, *at) for line, at in lines.items()}


def _ends(sheet: Sheet, start: int, end: int) -> _Ends:
    line_start = sheet.line_start(start)
    mark = b"" if line_start else sheet.head
    return mark + sheet.text[line_start:start].encode(), sheet.text[end : sheet.next_line(end) - 1].encode()


def _openings(sheet: Sheet, values: Iterable[str], lists: Iterable[ListChange]) -> Iterator[_Opening]:
    for name in values:
        if sheet.has(name):
            value = sheet.node(name)
            yield value.start_mark.line, (value.start_mark.index, value.end_mark.index)
        elif sheet.is_flow:
            yield _behind(sheet.node("tier"))
    for change in lists:
        if sheet.has(change.name):
            yield from _openings_of_list(sheet, change)
        elif sheet.is_flow:
            yield _behind(sheet.root.value[-1][1])


def _openings_of_list(sheet: Sheet, change: ListChange) -> Iterator[_Opening]:
    field = sheet.field(change.name)
    start, end, items = field.value.start_mark, field.value.end_mark, field.value.value
    kept = max(set(range(len(items))) - change.removed, default=None)
    if is_flow(field.value) and len(_span(field.value)) == 1:
        yield start.line, (start.index + 1, end.index - 1)
        return
    yield from ((line, None) for index in change.removed for line in _span(items[index]))
    if not is_flow(field.value):
        if kept is None:
            yield field.key.start_mark.line, (field.behind_colon, field.behind_colon)
    elif kept is None:
        yield start.line, (start.index + 1, start.index + 1)
    else:
        line, (at, _) = _behind(items[kept])
        comma = sheet.skip_blanks(at)
        yield line, (at, comma + (sheet.text[comma] == ","))


def _behind(node: yaml.Node) -> tuple[int, tuple[int, int]]:
    mark = node.end_mark
    return mark.line, (mark.index, mark.index)


def _span(node: yaml.Node) -> range:
    return range(node.start_mark.line, node.end_mark.line + 1)


def _has(line: bytes, start: bytes, end: bytes) -> bool:
    return len(line) >= len(start) + len(end) and line.startswith(start) and line.endswith(end)


def _differing(data: Mapping[str, Any], meant: Mapping[str, Any]) -> str | None:
    names = [*meant, *(name for name in data if name not in meant)]
    return next((name for name in names if _exactly(data, name) != _exactly(meant, name)), None)


def _exactly(data: Mapping[str, Any], name: str) -> str:
    # To Python 1, 1.0 and True are equal.
    return json.dumps(data[name], sort_keys=True) if name in data else ""


def _lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    last = lines.pop()
    if last:
        # A line that is added below it ends it.
        lines.append(last + b"\r" if lines and lines[-1].endswith(b"\r") else last)
    return lines


def _faults(document: Document) -> tuple[Fault, ...]:
    # Neither the file's name nor the policy is known here, and no edit is about them.
    return at_most(chain(schema_faults("rollout", document), rollout_faults(document, None, timedelta())))
