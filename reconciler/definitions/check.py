"""One file's content against everything it must be: YAML, schema and meaning, all faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from reconciler.definitions.fault import Fault, at_most
from reconciler.definitions.parse import Parsed, parse
from reconciler.definitions.places import Document
from reconciler.definitions.policy import policy_faults
from reconciler.definitions.rollout import rollout_faults
from reconciler.definitions.schema import schema_faults
from reconciler.definitions.text import LARGEST_FILE
from reconciler.definitions.tree import is_feature

_FEATURE_LINE = re.compile(
    rb"^(?:\xef\xbb\xbf)?feature:[ \t]+[\"']?([a-z][a-z0-9_-]{0,62})[\"']?[ \t]*(?:#|\r?$)", re.MULTILINE
)

# Several of these may stand at one place, where a mapping begins; of all others the first one says enough.
_OF_MAPPINGS = frozenset({"missing-field", "unknown-field", "duplicate-key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A document without faults, or its faults and the feature that it means to be, as far as that can be told."""

    document: Document | None = None
    faults: tuple[Fault, ...] = ()
    feature: str | None = None


def check_rollout(content: bytes, stem: str | None, min_dwell: timedelta) -> Checked:
    """Check a rollout file; `stem` is the feature that its name says, None where that is no legal name."""
    parsed = parse(content)
    document = parsed.document
    feature = _feature_of(content, document)
    if document is None:
        return Checked(faults=parsed.faults, feature=feature)
    found = chain(schema_faults("rollout", document), rollout_faults(document, stem, min_dwell))
    faults = _together(parsed, found)
    return Checked(document=None if faults else document, faults=faults, feature=feature)


def check_policy(content: bytes) -> Checked:
    """Check a policy file."""
    parsed = parse(content)
    if parsed.document is None:
        return Checked(faults=parsed.faults)
    found = chain(schema_faults("policy", parsed.document), policy_faults(parsed.document))
    if faults := _together(parsed, found):
        return Checked(faults=faults)
    return Checked(document=parsed.document)


def _together(parsed: Parsed, found: Iterable[Fault]) -> tuple[Fault, ...]:
    return at_most(_distinct(chain(parsed.faults, found)))


def _distinct(faults: Iterable[Fault]) -> Iterator[Fault]:
    seen: set[tuple[int, int]] = set()
    for fault in faults:
        place = (fault.line, fault.column)
        if fault.rule in _OF_MAPPINGS or place not in seen:
            seen.add(place)
            yield fault


def _feature_of(content: bytes, document: Document | None) -> str | None:
    if document is not None:
        name = document.data.get("feature")
        return name if isinstance(name, str) and is_feature(name) else None
    line = _FEATURE_LINE.search(content, 0, LARGEST_FILE)
    return None if line is None else line[1].decode("ascii")
