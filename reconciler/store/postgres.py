"""The store on PostgreSQL: a statement is a transaction, and a write of unknown outcome is read back by its id."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import psycopg

from reconciler.domain.analysis import Tallies
from reconciler.domain.answer import Passage
from reconciler.domain.history import Transition
from reconciler.domain.ledger import Cause, Index, RevisionRecord, Scope
from reconciler.domain.plan import Change, Rollback
from reconciler.domain.proposal import Proposal
from reconciler.domain.state import State
from reconciler.domain.statistics import Statistics
from reconciler.domain.watched import Watched
from reconciler.domain.write_back import WriteBack
from reconciler.errors import ConflictError
from reconciler.store.connection import Connection
from reconciler.store.events import extend_events
from reconciler.store.failures import translated
from reconciler.store.proposals import read_proposals, read_ripe, save_proposal
from reconciler.store.rows import Row, passage_of, state_of, transition_of, transition_parameters
from reconciler.store.session import Session
from reconciler.store.statements import statement
from reconciler.store.statistics import read_seen_customers, read_statistics, read_tallies, summarise
from reconciler.store.write_backs import (
    claim_write_backs,
    next_write_back,
    read_exposed,
    read_failing,
    read_watched,
    read_write_backs,
    record_rollbacks,
    update_write_back,
)

_NEWEST = 2**31 - 1  # no version is greater
_PAGE = 16  # rows: each may hold long lists
_HOURS = 6 * 3_600.0  # seconds

# Nothing holds a rollback up for longer, a standby that should hear of it first least of all: git remembers it too.
_AT_ONCE = "set local lock_timeout = '2s'; set local synchronous_commit = local"

Parameters = Mapping[str, object]
Answer = TypeVar("Answer")


class PostgresStore(Session):
    """Guarded state in the schema `rollouts`; reconnects when a connection was lost."""

    def scope(self) -> Scope:
        """Return the root and the commit in force, by the database's clock."""
        row = self._read("read_scope")[0]
        return Scope(
            number=row["number"],
            root=row["root"],
            revision=row["revision"],
            now=row["now"],
            looks_back=row["looks_back"],
            place=row["place"],
            transitions=int(row["transitions"]),
        )

    def index(self) -> Index:
        """Return every feature by name."""
        rows = self._read("read_index")
        return Index(
            features=frozenset(row["feature_name"] for row in rows),
            retired=frozenset(row["feature_name"] for row in rows if row["retired"]),
            exposed=frozenset(row["feature_name"] for row in rows if row["is_exposed"]),
            keys={row["feature_name"]: row["source_key"] for row in rows if row["source_key"] is not None},
        )

    def states(self, features: Sequence[str] | None) -> Mapping[str, State]:
        """Return the states of the named features that exist; of all for None."""
        if features is not None and not features:
            return {}
        wanted = None if features is None else list(features)
        return {row["feature_name"]: state_of(row) for row in self._read("read_states", {"features": wanted})}

    def history(self, feature: str) -> tuple[Transition, ...]:
        """Return every transition of a feature, oldest first."""
        return tuple(transition_of(row) for row in self._read("read_history", {"feature": feature}))

    def passages(self, feature: str, as_of: datetime | None) -> Iterator[Passage]:
        """Yield a feature's rows up to a moment with all they say, newest first, a few at a time."""
        below = _NEWEST
        while True:
            parameters = {"feature": feature, "as_of": as_of, "below": below, "most": _PAGE}
            page = [passage_of(row) for row in self._read("read_passages", parameters)]
            yield from page
            if len(page) < _PAGE:
                return
            below = page[-1].transition.version

    def tallies(self, features: Sequence[str] | None) -> Mapping[str, Tallies]:
        """Return the counts of the named features, all for None; where nobody was seen there are none."""
        return self._asked(lambda connection: read_tallies(connection, features))

    def statistics(self, features: Sequence[str] | None) -> Mapping[str, Statistics]:
        """Return how the named features fare, all for None; features that don't exist are left out."""
        return self._asked(lambda connection: read_statistics(connection, features))

    def seen_customers(self, feature: str, limit: int) -> frozenset[str]:
        """Return customers that were seen with a feature, so many at most."""
        return self._asked(lambda connection: read_seen_customers(connection, feature, limit))

    def prepare_for_events(self) -> None:
        """Make the partitions of today and the two days after."""
        self._asked(extend_events)

    def summarise(self) -> bool:
        """Bring the summary of customers up to now; False when another session is at it."""
        return self._asked(summarise, silence=_HOURS)  # it takes as long as there are events

    def take_revision(self, record: RevisionRecord) -> None:
        """Take a commit into force; ConflictError when another was taken since."""
        parameters = {
            "previous_number": record.previous_number,
            "root": record.root,
            "revision": record.revision,
            "kind": record.kind,
            "reason": record.reason,
            "unsafe_reason": record.unsafe_reason,
            "looks_back": record.looks_back,
            "actor": record.actor,
        }
        self._write("insert_revision", parameters, has_landed=lambda: self._is_in_force(record))

    def transition(self, change: Change, *, transition_id: UUID, cause: Cause) -> None:
        """Append one transition exactly once: after a lost connection its id says whether it landed.

        A rollback that git has to be told of lands together with the row of the outbox that says so.
        """
        parameters = transition_parameters(change, transition_id, cause=cause)
        self._write(
            "insert_rollback" if _is_news(change) else "insert_transition",
            parameters,
            has_landed=lambda: bool(self._rows("read_transition", {"id": transition_id})),
        )

    def remember_sources(self, keys: Mapping[str, tuple[int, str]]) -> None:
        """Remember, by feature, the version and the key of the file that is in force whole."""
        features = sorted(keys)
        parameters = {
            "features": features,
            "versions": [keys[feature][0] for feature in features],
            "keys": [keys[feature][1] for feature in features],
        }
        self._write("remember_sources", parameters, has_landed=lambda: False)

    def make_way(self) -> int:
        """End sessions that hold rows of the rollouts and do nothing, and return how many that were."""
        return self._asked(lambda connection: _first(connection, "end_idle_blockers", "ended"))

    def watched(self, features: Sequence[str] | None) -> Sequence[Watched]:
        """Return the named rollouts that somebody has, every one for None, with the counts of their windows."""
        return self._asked(lambda connection: read_watched(connection, features))

    def exposed(self) -> Sequence[str]:
        """Return every feature that somebody has."""
        return self._asked(read_exposed)

    def failing(self, span: timedelta) -> Sequence[str]:
        """Return the features with an error received within the last `span`, of customers who had them."""
        return self._asked(lambda connection: read_failing(connection, span))

    def claim_write_backs(self, *, most: int, lease: timedelta) -> Sequence[WriteBack]:
        """Take up to so many rollbacks that git has to be told of now; nobody else takes them for that long."""
        return self._asked(lambda connection: claim_write_backs(connection, most=most, lease=lease))

    def write_backs(self, *, all_of_them: bool = False) -> Sequence[WriteBack]:
        """Return those offered, or in git and standing, or every one there ever was; oldest first."""
        return self._asked(lambda connection: read_write_backs(connection, all_of_them=all_of_them))

    def update_write_back(self, write_back: WriteBack, pause: timedelta) -> None:
        """Say how far it is, and that nobody need look at it before the pause is over."""
        self._asked(lambda connection: update_write_back(connection, write_back, pause))

    def next_write_back(self) -> timedelta | None:
        """Return how long until a rollback has to be told to git; None when none waits."""
        return self._asked(next_write_back)

    def record_rollbacks(self) -> int:
        """Put rollbacks among the events that are not there yet, and return how many these were."""
        return self._asked(record_rollbacks)

    def ripe(self) -> Sequence[str]:
        """Return the features that have served their dwell and might climb."""
        return self._asked(read_ripe)

    def proposals(self, features: Collection[str]) -> Sequence[Proposal]:
        """Return what was asked for these features last, and for any where something is left to do."""
        return self._asked(lambda connection: read_proposals(connection, features))

    def save_proposal(self, proposal: Proposal, pause: timedelta | None) -> Proposal:
        """Write what is asked for a feature; ConflictError when somebody else wrote it since."""
        return self._asked(lambda connection: save_proposal(connection, proposal, pause))

    def _write(self, name: str, parameters: Parameters, *, has_landed: Callable[[], bool]) -> None:
        with translated():
            try:
                self._execute(name, parameters)
            except psycopg.OperationalError:
                if not self._is_lost():
                    raise
                self._write_again(name, parameters, has_landed=has_landed)

    def _write_again(self, name: str, parameters: Parameters, *, has_landed: Callable[[], bool]) -> None:
        if has_landed():
            return
        try:
            self._execute(name, parameters)
        except psycopg.Error:
            # The lost statement may have landed after the look; its version or number keeps it from doing so twice.
            if not has_landed():
                raise

    def _is_in_force(self, record: RevisionRecord) -> bool:
        row = self._rows("read_scope")[0]
        landed = (record.previous_number + 1, record.root, record.revision)
        return (row["number"], row["root"], row["revision"]) == landed

    def _read(self, name: str, parameters: Parameters | None = None) -> list[Row]:
        return self._asked(lambda connection: _fetched(connection, name, parameters))

    def _rows(self, name: str, parameters: Parameters | None = None) -> list[Row]:
        return self._heard(lambda connection: _fetched(connection, name, parameters), None)

    def _execute(self, name: str, parameters: Parameters) -> None:
        written = self._heard(lambda connection: _written(connection, name, parameters), None)
        if name == "insert_transition" and not written:
            raise ConflictError(
                f"{parameters['feature']} is not raised: raises froze, or the database is another since"
            )


def _is_news(change: Change) -> bool:
    return isinstance(change, Rollback) and change.commit is None


def _fetched(connection: Connection, name: str, parameters: Parameters | None) -> list[Row]:
    return list(connection.execute(statement(name), parameters).fetchall())


def _written(connection: Connection, name: str, parameters: Parameters) -> int:
    if name != "insert_rollback":
        return connection.execute(statement(name), parameters).rowcount
    with connection.transaction():
        connection.execute(_AT_ONCE)
        return connection.execute(statement(name), parameters).rowcount


def _first(connection: Connection, name: str, column: str) -> int:
    row = connection.execute(statement(name)).fetchone()
    return int(row[column]) if row is not None else 0
