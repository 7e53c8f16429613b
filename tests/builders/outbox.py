"""The outbox for tests: what it must say of a chain, recomputed in plain Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def outbox_faults(transitions: Sequence[Mapping[str, Any]], outbox: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Name every rollback that git is not told of, or told wrongly, and every row that tells of none."""
    expected = {
        row["id"]: (row["feature_name"], row["attempt"], row["previous_tier"], row["at"])
        for row in transitions
        if row["kind"] == "rollback" and row["rollback_commit"] is None
    }
    told = {
        row["rollback_id"]: (row["feature_name"], row["attempt"], row["from_tier"], row["rolled_back_at"])
        for row in outbox
    }
    yield from (f"outbox: {row} is missing" for identity, row in expected.items() if identity not in told)
    yield from (f"outbox: {row} is not so" for identity, row in told.items() if expected.get(identity) != row)
    yield from (f"outbox: {row['feature_name']} is in no commit" for row in outbox if _is_unnamed(row))


def _is_unnamed(row: Mapping[str, Any]) -> bool:
    return row["status"] == "written" and row["revision"] is None
