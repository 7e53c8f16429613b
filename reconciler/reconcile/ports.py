"""The ports of the loop: what it needs of a database and of a repository, each part by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from reconciler.definitions.source import Entry
from reconciler.domain.analysis import Tallies
from reconciler.domain.commit import PushReport, Signature
from reconciler.domain.history import Transition
from reconciler.domain.ledger import Cause, Index, RevisionRecord, Scope
from reconciler.domain.lineage import Lineage
from reconciler.domain.plan import Change, RememberedRollback
from reconciler.domain.proposal import Proposal
from reconciler.domain.record import Telling
from reconciler.domain.revision import Relation
from reconciler.domain.state import State
from reconciler.domain.watched import Watched
from reconciler.domain.write_back import WriteBack


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


class WatchedStore(Protocol):
    """What a rollback needs of the store, and who decides on one."""

    def states(self, features: Sequence[str] | None) -> Mapping[str, State]:
        """Return the states of the named features that exist; of all for None."""

    def transition(self, change: Change, *, transition_id: UUID, cause: Cause) -> None:
        """Append one transition exactly once, whatever happens to the connection."""

    def make_way(self) -> int:
        """End sessions that do nothing and are in the way of a rollback; return how many."""

    def exposed(self) -> Sequence[str]:
        """Return every feature that somebody has."""

    def watched(self, features: Sequence[str] | None) -> Sequence[Watched]:
        """Return the named rollouts that somebody has, every one for None, with the counts of their windows."""


class Outbox(Protocol):
    """Rollbacks that git has to be told of, and how far that is."""

    def claim_write_backs(self, *, most: int, lease: timedelta) -> Sequence[WriteBack]:
        """Take up to so many rollbacks that git has to be told of now; nobody else takes them for that long."""

    def write_backs(self, *, all_of_them: bool = False) -> Sequence[WriteBack]:
        """Return those offered, or in git and standing, or every one there ever was; oldest first."""

    def update_write_back(self, write_back: WriteBack, pause: timedelta) -> None:
        """Say how far it is, and that nobody need look at it before the pause is over."""

    def next_write_back(self) -> timedelta | None:
        """Return how long until a rollback has to be told to git; None when none waits."""

    def record_rollbacks(self) -> int:
        """Put rollbacks among the events that are not there yet, and return how many these were."""


class ProposingStore(Store, Protocol):
    """A store that also keeps what is asked for by branches of ours."""

    def next_write_back(self) -> timedelta | None:
        """Return how long until a rollback has to be told to git; None when none waits."""

    def ripe(self) -> Sequence[str]:
        """Return the features that have served their dwell and might climb."""

    def proposals(self, features: Collection[str]) -> Sequence[Proposal]:
        """Return what was asked for these features last, and for any where something is left to do."""

    def save_proposal(self, proposal: Proposal, pause: timedelta | None) -> Proposal:
        """Write what is asked for a feature; ConflictError when somebody else wrote it since."""


class Clone(Protocol):
    """A clone of our own, through which the branch of a remote is read and written."""

    @property
    def repository(self) -> BranchRepository:
        """What was fetched last."""

    def fetch(self) -> str:
        """Fetch the branch and return its tip; UnreachableError when the remote gives no answer."""

    def commit(self, parent: str, files: Mapping[str, bytes], message: str, author: Signature) -> str:
        """Make a commit that changes these files alone; the same arguments make the same commit everywhere."""

    def push(self, commit: str, ref: str, *, onto: str | None = None) -> PushReport:
        """Push without force, with `onto` only while the branch stands there; ask the remote how that went."""

    def push_over(self, commit: str | None, ref: str, *, expected: str | None) -> PushReport:
        """Set a branch of our own, or delete it for None, if it is at `expected` still; None: if it isn't there."""

    def remote_refs(self, prefix: str) -> Mapping[str, str]:
        """Return what the remote holds now: commits by full names that begin like this."""

    def not_contained(self, tip: str, commits: Collection[str]) -> frozenset[str]:
        """Return those commits that the tip does not contain."""


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


class BranchRepository(Repository, Protocol):
    """A repository that also tells by which commits it was told of rollbacks."""

    def rollback_commits(self, since: str | None, until: str, environment: str) -> Mapping[UUID, str]:
        """Return, by the id of the rollback, the commit of since..until that says it tells of that."""

    def last_change(self, revision: str, path: str) -> str | None:
        """Return the newest commit up to a revision that changed this file."""


class Archive(Protocol):
    """The past of a repository as a whole, for who checks or shows it."""

    def entries(self, revision: str, root: str) -> tuple[Entry, ...] | None:
        """Return what stands below the root, None when there is no such folder."""

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Return the contents of entries, in their order."""

    def lineage(self, commits: Collection[str]) -> Lineage:
        """Return every commit of the branch, and those that can be reached from these."""

    def changes(
        self, pairs: Sequence[tuple[str, str | None]], root: str
    ) -> Iterator[list[tuple[str, Entry | None]]]:
        """Yield, for each commit and the one it is compared with, paths below the root and what is there now."""

    def tellings(self, until: str, environment: str) -> Sequence[Telling]:
        """Return every commit up to this one that says it tells of a rollback, newest first."""
