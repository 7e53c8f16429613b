"""The store on PostgreSQL: a statement is a transaction, and a write of unknown outcome is read back by its id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self
from uuid import UUID

import psycopg

from reconciler.domain.history import Transition
from reconciler.domain.ledger import Cause, Index, RevisionRecord, Scope
from reconciler.domain.plan import Change
from reconciler.domain.state import State
from reconciler.errors import ConflictError
from reconciler.store.connection import Connection, connect
from reconciler.store.failures import translated
from reconciler.store.rows import Row, state_of, transition_of, transition_parameters
from reconciler.store.statements import statement

Parameters = Mapping[str, object]


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
        with translated():
            try:
                return self._rows(name, parameters)
            except psycopg.OperationalError:
                if not self._is_lost():
                    raise
                return self._rows(name, parameters)

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
