"""Customers written into the lists of a definition and taken out of them, in every style that a list can have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import yaml

from reconciler.definitions.edit_fields import quoted_like
from reconciler.definitions.scalars import plain
from reconciler.definitions.splice import Field, Sheet, Splice, UnsafeError, is_flow

_CAN_BE_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_.@/+-]*[A-Za-z0-9_])?")
_QUOTES = frozenset({"'", '"'})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """What happens to one list: the indexes of the items that go, and the customers that come at its end."""

    name: str
    removed: frozenset[int]
    added: tuple[str, ...]


def list_splices(sheet: Sheet, change: ListChange) -> Iterator[Splice]:
    """Yield what changes one list."""
    if not sheet.has(change.name):
        yield _new(sheet, change)
        return
    field = sheet.field(change.name)
    items = field.value.value
    for node in (items[index] for index in sorted(change.removed)):
        _refuse_unclear(node, change.name)
    kept = [item for index, item in enumerate(items) if index not in change.removed]
    # JSON stays JSON.
    quote = _quote_of(kept or items or ([field.key] if sheet.is_flow else []))
    texts = [spelled(customer, quote) for customer in change.added]
    if is_flow(field.value):
        yield from _FlowList(sheet, field.value, change, texts).splices()
    else:
        yield from _block(sheet, field, change, texts)


def spelled(customer: str, quote: str = "") -> str:
    """Return a customer as an item of a list: in these quotes, or in double ones if it needs any."""
    if quote == "'":
        return "'" + customer.replace("'", "''") + "'"
    if not quote and _CAN_BE_PLAIN.fullmatch(customer) and plain(customer) == customer:
        return customer
    return json.dumps(customer, ensure_ascii=False)


def _quote_of(items: Iterable[yaml.Node]) -> str:
    """Return the quote in which all items stand; double ones when they differ, empty when one stands in none."""
    styles = {getattr(item, "style", None) for item in items}
    if not styles or not styles <= _QUOTES:
        return ""
    return "'" if styles == {"'"} else '"'


def _new(sheet: Sheet, change: ListChange) -> Splice:
    if not sheet.root.value:
        raise UnsafeError(sheet.root.start_mark, f"there are no fields, below which {change.name} could stand")
    key, value = sheet.root.value[-1]
    name = quoted_like(key, change.name)
    if sheet.is_flow:
        inside = ", ".join(spelled(customer, _quote_of([key])) for customer in change.added)
        return Splice(value.end_mark.index, value.end_mark.index, f", {name}: [{inside}]")
    at, indent = _end_of_fields(sheet, value), " " * sheet.root.start_mark.column
    ending = sheet.line_ending(at - 1)
    lines = [f"{name}:", *(f"  - {spelled(customer)}" for customer in change.added)]
    return Splice(at, at, "".join(f"{indent}{line}{ending}" for line in lines))


def _end_of_fields(sheet: Sheet, node: yaml.Node) -> int:
    while not isinstance(node, yaml.ScalarNode) and not is_flow(node):
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end = node.end_mark.index
    # A block text ends at the start of a line already.
    at = end if end == sheet.line_start(end) else sheet.next_line(end)
    while at < len(sheet.text) and _is_comment_below(sheet, at):
        at = sheet.next_line(at)
    return at


def _is_comment_below(sheet: Sheet, line_start: int) -> bool:
    # A comment that is indented deeper than the fields belongs to the field above it.
    first = sheet.skip_blanks(line_start)
    return sheet.text[first] == "#" and first - line_start > sheet.root.start_mark.column


def _refuse_unclear(node: yaml.Node, name: str) -> None:
    is_plain_text = isinstance(node, yaml.ScalarNode) and node.style not in {"|", ">"}
    if not is_plain_text or node.start_mark.index == node.end_mark.index:
        raise UnsafeError(node.start_mark, f"this item of {name} is no text on its line")


def _block(sheet: Sheet, field: Field, change: ListChange, texts: Sequence[str]) -> Iterator[Splice]:
    items = field.value.value
    for node in (items[index] for index in sorted(change.removed)):
        start = sheet.line_start(node.start_mark.index)
        if not _is_dash(sheet.text[start : node.start_mark.index]):
            raise UnsafeError(node.start_mark, f"this item of {change.name} does not stand behind its dash")
        yield Splice(start, sheet.next_line(node.end_mark.index))
    if texts:
        yield _items_below(sheet, field, texts, change.name)
    elif len(change.removed) == len(items):
        yield Splice(field.behind_colon, field.behind_colon, " []")


def _items_below(sheet: Sheet, field: Field, texts: Sequence[str], name: str) -> Splice:
    last = field.value.value[-1]
    _refuse_unclear(last, name)
    start = last.start_mark.index
    lead = sheet.text[sheet.line_start(start) : start]
    if not _is_dash(lead):
        lead = " " * field.value.start_mark.column + "- "
    below, ending = sheet.next_line(last.end_mark.index), sheet.line_ending(last.end_mark.index)
    return Splice(below, below, "".join(f"{lead}{text}{ending}" for text in texts))


def _is_dash(lead: str) -> bool:
    return lead.strip(" \t") == "-"


class _FlowList:
    """A list in brackets: to each item belongs the comma behind it, which the last one may lack."""

    def __init__(self, sheet: Sheet, node: yaml.Node, change: ListChange, texts: Sequence[str]) -> None:
        self._sheet = sheet
        self._items: list[yaml.Node] = node.value
        self._inside = (node.start_mark.index + 1, node.end_mark.index - 1)
        self._change = change
        self._texts = texts
        self._last_kept = max(set(range(len(self._items))) - change.removed, default=-1)
        self._ends_in_comma = bool(self._items) and self._comma(len(self._items) - 1) is not None

    def splices(self) -> Iterator[Splice]:
        """Yield what changes the list."""
        start, end = self._inside
        if self._last_kept < 0 and "\n" not in self._sheet.text[start:end]:
            yield Splice(start, end, ", ".join(self._texts))
            return
        for run in self._runs():
            yield self._without(*run)
        if self._last_kept >= 0:
            yield from self._tail()
        elif self._texts:
            gap = " " if self._sheet.text[start] == "#" else ""
            yield Splice(start, start, ", ".join(self._texts) + gap)

    def _comma(self, index: int) -> int | None:
        text, at = self._sheet.text, self._items[index].end_mark.index
        is_last = index + 1 == len(self._items)
        end = self._inside[1] if is_last else self._items[index + 1].start_mark.index
        while at < end and text[at] != ",":
            at = self._sheet.next_line(at) if text[at] == "#" else at + 1
        return at if at < end else None

    def _comma_beside(self, index: int) -> int | None:
        comma, item = self._comma(index), self._items[index]
        if comma is not None and "\n" in self._sheet.text[item.end_mark.index : comma]:
            raise UnsafeError(
                item.start_mark, f"the comma behind this item of {self._change.name} is not on its line"
            )
        return comma

    def _runs(self) -> list[list[int]]:
        """Return the removed items, those together that follow each other on one line."""
        runs: list[list[int]] = []
        for index in sorted(self._change.removed):
            line = self._items[index].start_mark.line
            if line != self._items[index].end_mark.line:
                raise UnsafeError(
                    self._items[index].start_mark, f"this item of {self._change.name} is longer than a line"
                )
            if runs and runs[-1][-1] == index - 1 and self._items[index - 1].end_mark.line == line:
                runs[-1].append(index)
            else:
                runs.append([index])
        return runs

    def _without(self, first: int, *others: int) -> Splice:
        sheet, last = self._sheet, others[-1] if others else first
        start, comma = self._items[first].start_mark.index, self._comma_beside(last)
        end = self._items[last].end_mark.index if comma is None else comma + 1
        if sheet.is_first(start) and sheet.ends_line(end):
            return Splice(sheet.line_start(start), sheet.next_line(end))
        if last < self._last_kept and not sheet.ends_line(end):
            return Splice(start, sheet.skip_blanks(end))
        return Splice(start if sheet.is_first(start) else sheet.back_over_blanks(start), end)

    def _tail(self) -> Iterator[Splice]:
        end = self._items[self._last_kept].end_mark.index
        if self._texts and self._is_alone():
            yield from self._lines_below()
            return
        if self._texts:
            yield Splice(end, end, "".join(f", {text}" for text in self._texts))
        if not self._ends_in_comma and (comma := self._comma_beside(self._last_kept)) is not None:
            yield Splice(comma, comma + 1)

    def _is_alone(self) -> bool:
        item, comma = self._items[self._last_kept], self._comma(self._last_kept)
        end = item.end_mark.index
        if comma is not None:
            if self._sheet.skip_blanks(end) != comma:
                return False
            end = comma + 1
        return self._sheet.is_first(item.start_mark.index) and self._sheet.ends_line(end)

    def _lines_below(self) -> Iterator[Splice]:
        sheet, item = self._sheet, self._items[self._last_kept]
        start, end = item.start_mark.index, item.end_mark.index
        if self._comma(self._last_kept) is None:
            yield Splice(end, end, ",")
        indent, ending = sheet.text[sheet.line_start(start) : start], sheet.line_ending(end)
        below = sheet.next_line(end)
        items = ("," + ending + indent).join(self._texts) + ("," if self._ends_in_comma else "")
        yield Splice(below, below, f"{indent}{items}{ending}")
