"""What is asked for by branches of ours, and how far that is: a row a feature, written by whoever read it last."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, timedelta

from reconciler.domain.ladder import Tier
from reconciler.domain.proposal import Place, Proposal, ProposalStatus
from reconciler.errors import ConflictError
from reconciler.store.connection import Connection
from reconciler.store.rows import Row
from reconciler.store.statements import statement

_LONGEST_NOTE = 500  # characters


def read_ripe(connection: Connection) -> list[str]:
    """Return the features that have served their dwell and might climb, in order."""
    return [row["feature_name"] for row in connection.execute(statement("read_ripe")).fetchall()]


def read_proposals(connection: Connection, features: Collection[str]) -> list[Proposal]:
    """Return what was asked for these features last, and for any feature where something is left to do."""
    rows = connection.execute(statement("read_proposals"), {"features": sorted(features)}).fetchall()
    return [_proposal_of(row) for row in rows]


def save_proposal(connection: Connection, proposal: Proposal, pause: timedelta | None) -> Proposal:
    """Write a row, with a pause from now on or none, and return it as it is then.

    ConflictError when somebody else wrote it since its version was read.
    """
    parameters = {
        "feature": proposal.feature,
        "version": proposal.version,
        "branch": proposal.branch,
        "attempt": proposal.attempt,
        "epoch": proposal.epoch,
        "tier": int(proposal.tier),
        "base": proposal.base,
        "path": proposal.place.path,
        "blob": proposal.place.blob,
        "at": proposal.at,
        "message": proposal.message,
        "commits": list(proposal.commits),
        "status": proposal.status.value,
        "is_settled": proposal.is_settled,
        "refusals": proposal.refusals,
        "note": proposal.note[:_LONGEST_NOTE],
        "pause": pause,
    }
    name = "update_proposal" if proposal.version else "insert_proposal"
    row = connection.execute(statement(name), parameters).fetchone()
    if row is None:
        raise ConflictError(f"somebody else went on with the proposal of {proposal.feature}")
    return replace(proposal, version=row["version"], waits_until=row["waits_until"])


def _proposal_of(row: Row) -> Proposal:
    return Proposal(
        feature=row["feature_name"],
        version=row["version"],
        branch=row["branch"],
        attempt=row["attempt"],
        epoch=row["epoch"],
        tier=Tier(row["tier"]),
        base=row["base"],
        place=Place(path=row["path"], blob=row["blob"]),
        at=row["proposed_at"].astimezone(UTC),
        message=row["message"],
        commits=tuple(row["commits"]),
        status=ProposalStatus(row["status"]),
        is_settled=row["is_settled"],
        refusals=row["refusals"],
        note=row["note"],
        waits_until=row["waits_until"],
    )
