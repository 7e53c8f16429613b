"""What evaluation reads of the store: every rollout, or the few that differ from what is known already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from psycopg import errors

from reconciler.evaluation.snapshot import Rollout
from reconciler.store.connection import Connection
from reconciler.store.rows import Row
from reconciler.store.statements import statement

CHANNEL = "rollouts"
"""Where each committed transition is announced, with the feature's name as payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """By what a feature's row is known: its version, and the chain it belongs to (another after a restore)."""

    chain: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedRollout:
    """A rollout, its mark, and the window of its threshold in seconds."""

    mark: Mark
    rollout: Rollout
    window: float


def listen(connection: Connection) -> None:
    """Have this session told of every transition committed from now on; a standby tells nobody anything."""
    with suppress(errors.ReadOnlySqlTransaction):  # whoever asks a standby polls
        connection.execute(f"listen {CHANNEL}")


def announced(connection: Connection) -> frozenset[str]:
    """Return the features with a transition since the last call; never waits."""
    return frozenset(notice.payload for notice in connection.notifies(timeout=0))


def read_marks(connection: Connection) -> dict[str, Mark]:
    """Return the mark of every feature there is."""
    rows = connection.execute(statement("read_marks")).fetchall()
    return {row["feature_name"]: _mark_of(row) for row in rows}


def read_rollouts(connection: Connection, features: Sequence[str] | None = None) -> Mapping[str, MarkedRollout]:
    """Return the named rollouts that exist, every one for None."""
    wanted = None if features is None else list(features)
    rows = connection.execute(statement("read_rollouts"), {"features": wanted}).fetchall()
    return {row["feature_name"]: _rollout_of(row) for row in rows}


def _rollout_of(row: Row) -> MarkedRollout:
    rollout = Rollout(
        feature=row["feature_name"],
        tier=row["tier"],
        exposure=row["percentage"],
        attempt=row["attempt"],
        epoch=row["epoch"],
        is_rolled_back=row["rolled_back"],
        whitelist=frozenset(row["whitelisted_customers"]),
        blacklist=frozenset(row["blacklisted_customers"]),
        revision=row["revision"],
    )
    return MarkedRollout(mark=_mark_of(row), rollout=rollout, window=row["window_seconds"])


def _mark_of(row: Row) -> Mark:
    return Mark(chain=row["id"], version=row["version"])
