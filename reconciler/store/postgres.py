"""The store on PostgreSQL: a statement is a transaction, and a write of unknown outcome is read back by its id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Self, TypeVar
from uuid import UUID

import psycopg

from reconciler.domain.analysis import Tallies
from reconciler.domain.answer import Passage
from reconciler.domain.history import Transition
from reconciler.domain.ledger import Cause, Index, RevisionRecord, Scope
from reconciler.domain.plan import Change
from reconciler.domain.state import State
from reconciler.domain.statistics import Statistics
from reconciler.errors import ConflictError
from reconciler.store.connection import Connection, connect
from reconciler.store.events import extend_events
from reconciler.store.failures import translated
from reconciler.store.rows import Row, passage_of, state_of, transition_of, transition_parameters
from reconciler.store.statements import statement
from reconciler.store.statistics import read_seen_customers, read_statistics, read_tallies, summarise

_NEWEST = 2**31 - 1  # no version is greater
_PAGE = 16  # rows: each may hold long lists

Parameters = Mapping[str, object]
Answer = TypeVar("Answer")


class PostgresStore:
    """Guarded state in the schema `rollouts`; reconnects when a connection was lost."""

    def __init__(self, open_connection: Callable[[], Connection]) -> None:
        self._open = open_connection
        self._connection: Connection | None = None

    @classmethod
    def at(cls, dsn: str) -> Self:
        """Return a store that connects to `dsn` when it is first used."""
        return cls(lambda: connect(dsn))

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def scope(self) -> Scope:
        """Return the root and the commit in force, by the database's clock."""
        row = self._read("read_scope")[0]
        return Scope(
            number=row["number"],
            root=row["root"],
            revision=row["revision"],
            now=row["now"],
            looks_back=row["looks_back"],
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
        return self._asked(summarise)

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
        """Append one transition exactly once: after a lost connection its id says whether it landed."""
        parameters = transition_parameters(change, transition_id, cause=cause)
        self._write(
            "insert_transition",
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
        return self._asked(lambda _connection: self._rows(name, parameters))

    def _asked(self, ask: Callable[[Connection], Answer]) -> Answer:
        with translated():
            try:
                return ask(self._live())
            except psycopg.OperationalError:
                if not self._is_lost():
                    raise
                return ask(self._live())

    def _rows(self, name: str, parameters: Parameters | None = None) -> list[Row]:
        return list(self._live().execute(statement(name), parameters).fetchall())

    def _execute(self, name: str, parameters: Parameters) -> None:
        cursor = self._live().execute(statement(name), parameters)
        if name == "insert_transition" and not cursor.rowcount:
            raise ConflictError(f"raises froze before {parameters['feature']} could be raised")

    def _live(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    def _is_lost(self) -> bool:
        return self._connection is None or self._connection.closed or self._connection.broken
