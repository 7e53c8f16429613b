"""Everything a database has written down, as it is read to be checked: nothing of it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from reconciler.domain.breach import Breach
from reconciler.domain.state import Standing
from reconciler.domain.write_back import WriteBackStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """What a row says of the one before it."""

    version: int
    tier: int
    target: int
    attempt: int
    rolled_back: bool
    retired: bool
    at: datetime
    epoch: int
    epoch_started_at: datetime
    settled_revision: str
    settled_dwell: int
    settled_exposed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One row of a chain with all it says; durations in seconds, `settled_revision` '' where nothing settled it."""

    id: UUID
    feature: str
    version: int
    kind: str
    standing: Standing
    is_settled: bool
    gate_dwell: int | None
    verdict: str | None
    revision: str | None
    rollback_commit: str | None
    reason: str
    actor: str
    at: datetime
    clocked_at: datetime
    epoch: int
    epoch_started_at: datetime
    settled_revision: str
    rollout_id: UUID
    rollback_id: UUID | None
    started_at: datetime | None
    completed_at: datetime | None
    recorded_by: str
    previous: Previous | None
    percentage: int
    is_raise: bool
    settled_dwell: int
    settled_exposed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A row of what applications read."""

    id: UUID
    feature: str
    version: int
    standing: Standing
    current_tier: str
    target_tier: str
    percentage: int
    status: str
    error_rate: float
    window: int  # milliseconds
    rollback_id: UUID | None
    epoch: int
    epoch_started_at: datetime
    settled_revision: str
    revision: str | None
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A commit that was taken into force; `reason` is why history was reanchored."""

    number: int
    root: str
    revision: str
    kind: str
    at: datetime
    reason: str | None = None

    @property
    def is_reanchor(self) -> bool:
        """Whether a person said here that history was rewritten on purpose."""
        return self.kind == "reanchor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A row of the outbox; `in_force` is the commit that was in force when it was written."""

    rollback_id: UUID
    feature: str
    attempt: int
    from_tier: int
    at: datetime
    in_force: str | None
    breach: Breach | None
    status: WriteBackStatus
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A commit whose trailers say that it tells of a rollback here."""

    commit: str
    rollback_id: UUID
    feature: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The key of the file that is remembered as in force whole, at a version of its chain."""

    version: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRow:
    """The one row that says what is in force."""

    number: int
    root: str | None
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A row that holds what nothing can hold; `version` None where the table has no versions."""

    table: str
    feature: str
    version: int | None
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """One moment of a database, everything by feature; `missing` are rules of its schema that are gone or off."""

    scope: ScopeRow
    taken: tuple[Taken, ...] = ()
    chains: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)
    rollouts: Mapping[str, Derived] = field(default_factory=dict)
    outbox: tuple[Outgoing, ...] = ()
    sources: Mapping[str, Remembered] = field(default_factory=dict)
    damage: tuple[Damage, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that does not fit: of which feature and version, by which rule, and what to do.

    `feature` is empty where it is about more than one.
    """

    feature: str
    version: int | None
    rule: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """Something that could not be checked, why, and what to do about that."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of a check; `counts` are what was looked at, by name."""

    root: str
    tip: str
    in_force: str | None
    counts: Mapping[str, int]
    findings: tuple[Finding, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether everything that could be checked fits."""
        return not self.findings
