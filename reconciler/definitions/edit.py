"""Edits of a definition that change what was meant and not one other byte, or refuse.

The places come from the parser's marks, never from a search in the text; the result is read again by the strict
parser and held against what was meant before anybody gets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.definitions.edit_fields import FIELDS, field_splices
from reconciler.definitions.edit_lists import ListChange, list_splices
from reconciler.definitions.fault import Fault, shown, shown_path
from reconciler.definitions.parse import parse
from reconciler.definitions.places import Document
from reconciler.definitions.proof import proof_of
from reconciler.definitions.splice import UnsafeError, sheet_of
from reconciler.definitions.text import forbidden_in_value
from reconciler.errors import EditRefusedError

_LISTS = ("whitelist", "blacklist")
_DEFAULTS: Mapping[str, int | bool] = {"attempt": 1, "rolled_back": 0, "paused": False}
_NAMED = 3  # so many customers are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a definition is to say from now on: None leaves a field as it is, lists gain and lose customers."""

    tier: int | None = None
    attempt: int | None = None
    rolled_back: int | None = None
    paused: bool | None = None
    whitelist_add: tuple[str, ...] = ()
    whitelist_remove: tuple[str, ...] = ()
    blacklist_add: tuple[str, ...] = ()
    blacklist_remove: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in _LISTS:
            if both := set(self.added(name)) & set(self.removed(name)):
                raise ValueError(f"an edit can't both add {min(both)!r} to {name} and remove it")

    def value(self, name: str) -> int | bool | None:
        """Return what a field is to be; None leaves it."""
        value: int | bool | None = getattr(self, name)
        return value

    def added(self, name: str) -> tuple[str, ...]:
        """Return the customers that a list gains, each once."""
        return tuple(dict.fromkeys(getattr(self, f"{name}_add")))

    def removed(self, name: str) -> tuple[str, ...]:
        """Return the customers that a list loses."""
        return tuple(dict.fromkeys(getattr(self, f"{name}_remove")))

    def __str__(self) -> str:
        """Return it in words, for a person who is to write it."""
        fields = (f"`{name}: {str(self.value(name)).lower()}`" for name in FIELDS if self.value(name) is not None)
        return ", ".join((*fields, *self._lists_in_words()))

    def _lists_in_words(self) -> Iterator[str]:
        for name in _LISTS:
            if added := self.added(name):
                yield f"{_named(added)} added to {name}"
            if removed := self.removed(name):
                yield f"{_named(removed)} removed from {name}"


def edit(content: bytes, path: str, wanted: Edit) -> bytes:
    """Return the file with what is wanted, every other byte as it was; the same object when nothing changes.

    A missing field that is wanted as its default counts as there. Raises EditRefusedError where the file can't be
    read, a place is written in a way that leaves doubt, or the strict parser would refuse what it took before.
    """
    try:
        return _edited(content, wanted)
    except UnsafeError as error:
        place = f"{shown_path(path)}:{error.line}:{error.column}"
        raise EditRefusedError(f"{place}: {error.fact}; {error.remedy}: {wanted}") from error


def _edited(content: bytes, wanted: Edit) -> bytes:
    document = _read(content)
    values = _new_values(document.data, wanted)
    lists = [change for name in _LISTS if (change := _list_change(document, name, wanted)) is not None]
    if not values and not lists:
        return content
    sheet = sheet_of(content)
    splices = [*field_splices(sheet, values)]
    # New lists stand at the end, below what is added to the one that ends there now.
    for change in sorted(lists, key=lambda each: not sheet.has(each.name)):
        splices += list_splices(sheet, change)
    result = sheet.spliced(splices)
    doubt = proof_of(content, document, sheet, values, lists).doubt(result)
    if doubt is not None:
        raise _doubtful(doubt, document, (*values, *(change.name for change in lists)))
    return result


def _read(content: bytes) -> Document:
    parsed = parse(content)
    if parsed.faults or parsed.document is None:
        first = parsed.faults[0]
        raise UnsafeError(first, f"the file can't be read: {first.message}", f"{first.remedy}, then write by hand")
    return parsed.document


def _new_values(data: Mapping[str, Any], wanted: Edit) -> dict[str, int | bool]:
    values = {name: value for name in FIELDS if (value := wanted.value(name)) is not None}
    return {name: value for name, value in values.items() if not _is(data, name, value)}


def _is(data: Mapping[str, Any], name: str, value: int | bool) -> bool:
    old = data.get(name) if name in data else _DEFAULTS.get(name)
    return type(old) is type(value) and old == value


def _list_change(document: Document, name: str, wanted: Edit) -> ListChange | None:
    add, remove = wanted.added(name), frozenset(wanted.removed(name))
    if not add and not remove:
        return None
    old = document.data.get(name, [])
    place = document.value_spot(name).start_mark
    if not isinstance(old, list):
        raise UnsafeError(place, f"{name} is no list")
    removed = frozenset(index for index, item in enumerate(old) if isinstance(item, str) and item in remove)
    present = {item for item in old if isinstance(item, str)}
    added = tuple(customer for customer in add if customer not in present)
    for customer in added:
        if (hidden := forbidden_in_value(customer)) is not None:
            raise UnsafeError(place, f"{shown(customer)} holds {hidden}, which no file may hold", "not written")
    return ListChange(name=name, removed=removed, added=added) if removed or added else None


def _doubtful(doubt: str | Fault, document: Document, names: Iterable[str]) -> UnsafeError:
    # A place in the edited file would be none for a reader of this one.
    place = document.value_spot(next((name for name in names if name in document.data), "tier")).start_mark
    if isinstance(doubt, str):
        return UnsafeError(place, doubt)
    return UnsafeError(place, f"the edited file would be refused: {doubt.message}", f"{doubt.remedy}; meant was")


def _named(customers: tuple[str, ...]) -> str:
    more = f" and {len(customers) - _NAMED} more" if len(customers) > _NAMED else ""
    return ", ".join(shown(customer) for customer in customers[:_NAMED]) + more
