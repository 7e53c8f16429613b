"""What a database keeps beside the chains: the commit in force, and which features it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The root a database serves and the commit in force; `number` is what a writer states it decided on.

    `place` tells this database from one that took its place after a failover or a restore.

    `transitions` counts the rows of all chains: when it moved, something was written since.

    `looks_back` says that rollbacks which git tells of behind this commit may not be in force: history was
    rewritten, or they could not be carried out. The whole history has to be read then.
    """

    number: int
    root: str | None
    revision: str | None
    now: datetime
    transitions: int = 0
    looks_back: bool = False
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Every feature of a database: those retired, those exposed by tier, and the source keys in force whole."""

    features: frozenset[str]
    retired: frozenset[str]
    exposed: frozenset[str]
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who writes a transition, and because of which commit; an import names its own and takes None.

    From `raises_end` on, by the database's clock, nothing may be raised: a freeze begins. Nor anywhere but in the
    database that this was decided on, when its `place` is named.
    """

    revision: str | None
    actor: str
    raises_end: datetime | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionRecord:
    """A commit to take into force; `previous_number` is the scope's number it was decided on.

    `looks_back` says that rollbacks behind it are still to be carried out.
    """

    previous_number: int
    root: str
    revision: str
    actor: str
    kind: str = "apply"
    reason: str | None = None
    unsafe_reason: str | None = None
    looks_back: bool = False
