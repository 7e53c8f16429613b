"""What a database keeps beside the chains: the commit in force, and which features it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The root a database serves and the commit in force; `number` is what a writer states it decided on.

    `is_reanchored` says that the commit was put into force after history was rewritten: what lies behind it was
    never applied and has to be read as well.
    """

    number: int
    root: str | None
    revision: str | None
    now: datetime
    is_reanchored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Every feature of a database: those retired, those exposed by tier, and the source keys in force whole."""

    features: frozenset[str]
    retired: frozenset[str]
    exposed: frozenset[str]
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who writes a transition, and because of which commit; an import names its own and takes None."""

    revision: str | None
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRecord:
    """A commit to take into force; `previous_number` is the scope's number it was decided on."""

    previous_number: int
    root: str
    revision: str
    actor: str
    kind: str = "apply"
    reason: str | None = None
    unsafe_reason: str | None = None
