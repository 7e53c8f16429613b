"""The outbox: rollbacks that git has to be told of, claimed by their state and marked by what git holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, timedelta

from reconciler.domain.analysis import Cohort
from reconciler.domain.events import Batch, Event, EventKind
from reconciler.domain.ladder import Tier
from reconciler.domain.watched import Watched
from reconciler.domain.write_back import WriteBack, WriteBackStatus
from reconciler.store.connection import Connection
from reconciler.store.events import store_batch
from reconciler.store.rows import Row, breach_from_json, gates_from_json
from reconciler.store.statements import statement


def read_watched(connection: Connection, features: Sequence[str] | None) -> list[Watched]:
    """Return the named rollouts that somebody has, every one for None; `window` is None where nobody was seen."""
    wanted = None if features is None else list(features)
    rows = connection.execute(statement("read_watched"), {"features": wanted}).fetchall()
    names = [row["feature_name"] for row in rows]
    windows = _windows(connection, names) if names else {}
    return [
        Watched(
            feature=row["feature_name"],
            attempt=row["attempt"],
            thresholds=gates_from_json(row["gates"]).thresholds,
            window=windows.get(row["feature_name"]),
        )
        for row in rows
    ]


def read_exposed(connection: Connection) -> list[str]:
    """Return every feature that somebody has."""
    return [row["feature_name"] for row in connection.execute(statement("read_watched"), {"features": None})]


def read_failing(connection: Connection, span: timedelta) -> list[str]:
    """Return the features with an error received within the last `span`, of customers who had them."""
    rows = connection.execute(statement("read_failing"), {"span": span}).fetchall()
    return sorted(row["feature_name"] for row in rows)


def claim_write_backs(connection: Connection, *, most: int, lease: timedelta) -> list[WriteBack]:
    """Take up to so many rollbacks that git has to be told of now; nobody else takes them for that long."""
    rows = connection.execute(statement("claim_write_backs"), {"most": most, "lease": lease}).fetchall()
    return sorted((_write_back_of(row) for row in rows), key=lambda each: (each.at, each.id))


def read_write_backs(connection: Connection, *, all_of_them: bool) -> list[WriteBack]:
    """Return those offered, or in git and standing, or every one there ever was; oldest first."""
    rows = connection.execute(statement("read_write_backs"), {"all_of_them": all_of_them}).fetchall()
    return [_write_back_of(row) for row in rows]


def update_write_back(connection: Connection, write_back: WriteBack, pause: timedelta) -> None:
    """Say how far it is, and that nobody need look at it before the pause is over."""
    parameters = {
        "id": write_back.id,
        "status": write_back.status.value,
        "revision": write_back.revision,
        "branch": write_back.branch,
        "refusals": write_back.refusals,
        "note": write_back.note[:500],
        "pause": pause,
    }
    connection.execute(statement("update_write_back"), parameters)


def next_write_back(connection: Connection) -> timedelta | None:
    """Return how long until a rollback has to be told to git, nothing or less for now; None when none waits."""
    row = connection.execute(statement("next_write_back")).fetchone()
    pause: timedelta | None = None if row is None else row["pause"]
    return pause


def record_rollbacks(connection: Connection) -> int:
    """Put rollbacks among the events that are not there yet, each once, and return how many these were."""
    rows = connection.execute(statement("unrecorded_rollbacks")).fetchall()
    for row in rows:
        # One batch each, by the id of the rollback: whoever comes second stores nothing.
        store_batch(connection, Batch(id=row["rollback_id"], events=(_event_of(row),)))
    if rows:
        connection.execute(statement("rollback_is_recorded"), {"ids": [row["rollback_id"] for row in rows]})
    return len(rows)


def _windows(connection: Connection, features: list[str]) -> dict[str, Cohort]:
    rows = connection.execute(statement("read_windows"), {"features": features}).fetchall()
    return {row["feature"]: Cohort(customers=row["exposed"], failing=row["failing"]) for row in rows}


def _write_back_of(row: Row) -> WriteBack:
    return WriteBack(
        id=row["rollback_id"],
        feature=row["feature_name"],
        attempt=row["attempt"],
        epoch=row["previous_epoch"],
        tier=Tier(row["from_tier"]),
        at=row["rolled_back_at"].astimezone(UTC),
        reason=row["reason"],
        actor=row["actor"],
        gates=gates_from_json(row["gates"]),
        breach=breach_from_json(row["evidence"]),
        in_force=row["in_force"],
        status=WriteBackStatus(row["status"]),
        revision=row["revision"],
        branch=row["branch"],
        refusals=row["refusals"],
        note=row["note"],
    )


def _event_of(row: Row) -> Event:
    return Event(
        id=row["rollback_id"],
        feature=row["feature_name"],
        customer="",
        kind=EventKind.ROLLBACK,
        attempt=row["attempt"],
        epoch=row["previous_epoch"],
        is_enabled=False,
        sent_at=row["rolled_back_at"],
        # Metadata have a limit, of which a character may take twelve bytes.
        metadata=json.dumps({"reason": row["reason"][:500]}),
    )
