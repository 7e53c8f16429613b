"""Everything a database has written down, read in one snapshot to be checked; a row that can't be is told of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from reconciler.domain.record import (
    Damage,
    Derived,
    Link,
    Outgoing,
    Previous,
    Records,
    Remembered,
    ScopeRow,
    Taken,
)
from reconciler.domain.write_back import WriteBackStatus
from reconciler.store.connection import Connection
from reconciler.store.rows import Row, breach_from_json, standing_of
from reconciler.store.rules import RULES
from reconciler.store.statements import statement

Value = TypeVar("Value")

_SNAPSHOT = "set transaction isolation level repeatable read, read only"
_PAGE = 1_000  # rows: each may hold long lists
_LINKED = (
    *("version", "tier", "target", "attempt", "rolled_back", "retired", "at", "epoch", "epoch_started_at"),
    *("settled_revision", "settled_dwell", "settled_exposed"),
)
_OPTIONAL = frozenset(
    {
        *(
            "gate_dwell_seconds",
            "verdict",
            "revision",
            "rollback_commit",
            "rollback_id",
            "started_at",
            "completed_at",
        ),
        *(f"previous_{name}" for name in _LINKED),
    }
)


def read_records(connection: Connection, features: Sequence[str] | None = None) -> Records:
    """Return what is written down of the named features, of all for None, at one moment."""
    damage: list[Damage] = []
    named = {"features": None if features is None else list(features)}
    with connection.transaction():
        connection.execute(_SNAPSHOT)
        links = _read(connection, "audit_transitions", named, damage, _link_of)
        rollouts = _read(connection, "audit_rollouts", named, damage, _derived_of)
        outbox = _read(connection, "audit_outbox", named, damage, _outgoing_of)
        sources = _rows(connection, "audit_sources", named)
        return Records(
            scope=_scope(connection),
            taken=read_taken(connection),
            chains={feature: tuple(chain) for feature, chain in groupby(links, attrgetter("feature"))},
            rollouts={rollout.feature: rollout for rollout in rollouts},
            outbox=tuple(outbox),
            sources={row["feature_name"]: _remembered_of(row) for row in sources},
            damage=tuple(damage),
            missing=_missing(connection),
        )


def read_taken(connection: Connection) -> tuple[Taken, ...]:
    """Return every commit that was taken into force, oldest first."""
    rows = connection.execute(statement("read_revisions")).fetchall()
    return tuple(Taken(**row) for row in rows)


def _scope(connection: Connection) -> ScopeRow:
    [row] = connection.execute(statement("read_scope")).fetchall()
    return ScopeRow(number=row["number"], root=row["root"], revision=row["revision"])


def _missing(connection: Connection) -> tuple[str, ...]:
    found = {row["rule"] for row in _rows(connection, "audit_rules", {})}
    return tuple(sorted(RULES - found))


def _read(
    connection: Connection,
    name: str,
    parameters: Mapping[str, object],
    damage: list[Damage],
    value_of: Callable[[Row], Value],
) -> list[Value]:
    values: list[Value] = []
    for row in _rows(connection, name, parameters):
        try:
            values.append(value_of(row))
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            damage.append(_damage(name, row, error))
    return values


def _rows(connection: Connection, name: str, parameters: Mapping[str, object]) -> Iterator[Row]:
    with connection.cursor(name=name) as cursor:
        cursor.itersize = _PAGE
        yield from cursor.execute(statement(name), parameters)


def _damage(name: str, row: Row, error: Exception) -> Damage:
    tables = {"audit_transitions": "rollout_transitions", "audit_rollouts": "feature_rollouts"}
    return Damage(
        table=tables.get(name, "rollout_write_backs"),
        feature=row["feature_name"],
        version=row.get("version"),
        fault=f"{type(error).__name__}: {error}",
    )


def _link_of(row: Row) -> Link:
    for name, value in row.items():
        if value is None and name not in _OPTIONAL:
            raise ValueError(f"{name} is null")
    return Link(
        id=row["id"],
        feature=row["feature_name"],
        version=row["version"],
        kind=row["kind"],
        standing=standing_of(row),
        is_settled=row["is_settled"],
        gate_dwell=row["gate_dwell_seconds"],
        verdict=row["verdict"],
        revision=row["revision"],
        rollback_commit=row["rollback_commit"],
        reason=row["reason"],
        actor=row["actor"],
        at=row["at"],
        clocked_at=row["clocked_at"],
        epoch=row["epoch"],
        epoch_started_at=row["epoch_started_at"],
        settled_revision=row["settled_revision"],
        rollout_id=row["rollout_id"],
        rollback_id=row["rollback_id"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
        recorded_by=row["recorded_by"],
        previous=_previous_of(row),
        percentage=row["percentage"],
        is_raise=row["is_raise"],
        settled_dwell=row["settled_dwell"],
        settled_exposed=row["settled_exposed"],
    )


def _previous_of(row: Row) -> Previous | None:
    values = {name: row[f"previous_{name}"] for name in _LINKED}
    return None if all(value is None for value in values.values()) else Previous(**values)


def _derived_of(row: Row) -> Derived:
    threshold = row["rollback_threshold"]
    return Derived(
        id=row["id"],
        feature=row["feature_name"],
        version=row["version"],
        standing=standing_of(row),
        current_tier=row["current_tier"],
        target_tier=row["target_tier"],
        percentage=row["percentage"],
        status=row["status"],
        error_rate=threshold["errorRate"],
        window=threshold["timeWindow"],
        rollback_id=row["rollback_id"],
        epoch=row["epoch"],
        epoch_started_at=row["epoch_started_at"],
        settled_revision=row["settled_revision"],
        revision=row["revision"],
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        completed_at=row["completed_at"],
    )


def _outgoing_of(row: Row) -> Outgoing:
    return Outgoing(
        rollback_id=row["rollback_id"],
        feature=row["feature_name"],
        attempt=row["attempt"],
        from_tier=row["from_tier"],
        at=row["rolled_back_at"],
        in_force=row["in_force"],
        breach=breach_from_json(row["evidence"]),
        status=WriteBackStatus(row["status"]),
        revision=row["revision"],
    )


def _remembered_of(row: Row) -> Remembered:
    return Remembered(version=row["version"], key=row["source_key"])
