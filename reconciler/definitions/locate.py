"""Where in a definition it stands that a customer has a feature, or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from reconciler.definitions.parse import parse
from reconciler.definitions.places import Document, Step
from reconciler.definitions.source import Entry


def entry_of(entries: Sequence[Entry], feature: str) -> Entry | None:
    """Return the file of a feature; None when there is none, or two."""
    found = [each for each in entries if PurePosixPath(each.path).name == f"{feature}.yaml"]
    return found[0] if len(found) == 1 else None


def place_of(content: bytes, field: str, customer: str) -> tuple[int, int] | None:
    """Return line and column of a field, of the customer in it when it is a list; of `tier` when it isn't there."""
    document = parse(content).document
    if document is None:
        return None
    mark = document.value_spot(*_path(document, field, customer)).start_mark
    return mark.line + 1, mark.column + 1


def _path(document: Document, field: str, customer: str) -> tuple[Step, ...]:
    value = document.data.get(field)
    if isinstance(value, list):
        return (field, value.index(customer)) if customer in value else (field,)
    return (field,) if value is not None else ("tier",)
