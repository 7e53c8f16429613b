"""The two ports of the loop: what it needs of a database and of a repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from reconciler.definitions.source import Entry
from reconciler.domain.analysis import Tallies
from reconciler.domain.history import Transition
from reconciler.domain.ledger import Cause, Index, RevisionRecord, Scope
from reconciler.domain.plan import Change, RememberedRollback
from reconciler.domain.revision import Relation
from reconciler.domain.state import State


class Store(Protocol):
    """Guarded state: refuses what breaks a rule (RuleViolatedError) or was decided on old facts (ConflictError)."""

    def scope(self) -> Scope:
        """Return the root and the commit in force."""

    def index(self) -> Index:
        """Return every feature by name."""

    def states(self, features: Sequence[str] | None) -> Mapping[str, State]:
        """Return the states of the named features that exist; of all for None."""

    def take_revision(self, record: RevisionRecord) -> None:
        """Take a commit into force; ConflictError when another was taken since."""

    def transition(self, change: Change, *, transition_id: UUID, cause: Cause) -> None:
        """Append one transition exactly once, whatever happens to the connection."""

    def remember_sources(self, keys: Mapping[str, tuple[int, str]]) -> None:
        """Remember, by feature, the version and the key of the file that is in force whole."""

    def tallies(self, features: Sequence[str] | None) -> Mapping[str, Tallies]:
        """Return the counts of the named features, all for None; where nobody was seen there are none."""

    def seen_customers(self, feature: str, limit: int) -> frozenset[str]:
        """Return customers that were seen with a feature, so many at most."""

    def history(self, feature: str) -> tuple[Transition, ...]:
        """Return every transition of a feature, oldest first."""


class Repository(Protocol):
    """Commits and their files, read as objects and never from a checkout."""

    def tip(self) -> str:
        """Return the id of the newest commit of the configured branch."""

    def resolve(self, revision: str) -> str:
        """Return the full id of a commit that a person named."""

    def entries(self, revision: str, root: str) -> tuple[Entry, ...] | None:
        """Return what stands below the root, None when there is no such folder."""

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Return the contents of entries, in their order."""

    def relation(self, applied: str, candidate: str) -> Relation:
        """Say how the candidate stands to the commit in force."""

    def is_on_branch(self, candidate: str) -> bool | None:
        """Tell whether the configured branch contains the candidate; None when a shallow clone can't tell."""

    def is_complete(self) -> bool:
        """Tell whether the clone holds the whole history."""

    def remembered_rollbacks(
        self, since: str | None, until: str, environment: str
    ) -> Mapping[str, RememberedRollback]:
        """Return, by feature, the newest rollback that trailers tell of in since..until, ever for None."""

    def trailer(self, revision: str, name: str) -> str | None:
        """Return the one-line value of a trailer of a commit."""
