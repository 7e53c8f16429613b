"""Chains for tests: rows to append as a writer would, and a checker that recomputes every rule in plain Python.

take(connection, commit(1))
append(connection, tier=1)                              # the first row of `checkout`, by the commit in force
append(connection, kind="promote", tier=2, verdict="healthy", gate_dwell_seconds=0)
assert faults(connection) == []
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby, pairwise
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Placeholder

from tests.builders.outbox import outbox_faults

Connection: TypeAlias = psycopg.Connection[Any]
Row: TypeAlias = dict[str, Any]

TABLES = (
    *("rollout_transitions", "rollout_revisions", "feature_rollouts", "rollout_scope", "settled_sources"),
    *("rollout_write_backs", "rollout_proposals"),
    *("rollout_events", "event_batches", "event_claims", "rollout_customers", "tally_progress"),
)

_EXPOSURE = (0, 1, 10, 50, 100)
_TIERS = ("tier_0_disabled", "tier_1_internal", "tier_2_early_adopters", "tier_3_general", "tier_4_full")
_COPIED = (
    "target attempt rolled_back retired paused description owner whitelisted_customers blacklisted_customers gates "
    "settled_gates"
)
_DERIVED = (
    "feature_name version tier target attempt rolled_back rollback_id retired paused epoch epoch_started_at "
    "description owner gates settled_gates settled_revision revision whitelisted_customers blacklisted_customers "
    "started_at completed_at percentage"
)
_LINKED = "version tier target attempt rolled_back retired at epoch epoch_started_at settled_revision"


def commit(number: int) -> str:
    """Return the id of the n-th commit of a test."""
    return f"{number:040x}"


def some_gates(*, dwell: int = 0, exposed: int = 0, error_rate: float = 0.05, **thresholds: object) -> str:
    """Return gates as the store writes them, with one dwell for every tier."""
    fixed = {
        "error_rate": error_rate,
        "success_rate": 0.95,
        "window": 3600,
        "min_exposed": exposed,
        "confidence": None,
    }
    return json.dumps({"dwell": dict.fromkeys("123", dwell), "thresholds": fixed | thresholds})


def take(connection: Connection, revision: str, **changes: object) -> None:
    """Take a commit into force, as the next after the last one."""
    last = _one(connection, "select number from rollouts.rollout_scope")
    row = {"previous_number": last["number"], "root": "rollouts.d", "kind": "apply", "actor": "tests"}
    insert(connection, "rollout_revisions", row | {"revision": revision} | changes)


def append(connection: Connection, **changes: object) -> Row:
    """Append the row that follows the feature's last one but for `changes`, and return what the writer said."""
    row = following(connection, **changes)
    with connection.transaction():
        insert(connection, "rollout_transitions", row)
        if row["kind"] == "rollback" and row.get("rollback_commit") is None:
            insert(connection, "rollout_write_backs", {"rollback_id": row["id"]})
    return row


def following(connection: Connection, **changes: object) -> Row:
    """Return the row that would follow a feature's last one: an update by the commit in force, or a creation."""
    feature = changes.get("feature_name", "checkout")
    scope = _one(connection, "select revision from rollouts.rollout_scope")
    found = _rows(
        connection,
        "select * from rollouts.rollout_transitions where feature_name = %s order by version desc limit 1",
        [feature],
    )
    last = _as_written(found[0]) if found else _FIRST
    said = {"id": uuid4(), "feature_name": feature, "is_settled": True, "reason": "a test", "actor": "tests"}
    return last | said | {"revision": scope["revision"]} | changes


def insert(connection: Connection, table: str, row: Mapping[str, object]) -> None:
    """Insert one row into a table of the schema."""
    connection.execute(insertion(table, row), dict(row))


def insertion(table: str, row: Mapping[str, object]) -> bytes:
    """Return the statement that inserts such a row."""
    statement = SQL("insert into rollouts.{} ({}) values ({})").format(
        Identifier(table), SQL(", ").join(map(Identifier, row)), SQL(", ").join(map(Placeholder, row))
    )
    return statement.as_bytes(None)


def contents(connection: Connection) -> dict[str, list[Row]]:
    """Return everything the schema holds, for a comparison before and after."""
    # As JSON: a summary that has not begun stands at the infinity before all time, which Python has no word for.
    query = "select to_jsonb(t) as row from rollouts.{} t order by t::text"
    return {table: [found["row"] for found in _rows(connection, query.format(table))] for table in TABLES}


def faults(connection: Connection) -> list[str]:
    """Return every rule that what is stored breaks, by feature and version; none means that the chain is valid."""
    revisions = _rows(connection, "select * from rollouts.rollout_revisions order by number")
    scope = _one(connection, "select * from rollouts.rollout_scope")
    rollouts = {row["feature_name"]: row for row in _rows(connection, "select * from rollouts.feature_rollouts")}
    rows = _rows(connection, "select * from rollouts.rollout_transitions order by feature_name, version")
    chains = {feature: list(chain) for feature, chain in groupby(rows, lambda row: row["feature_name"])}
    outbox = _rows(connection, "select * from rollouts.rollout_write_backs")
    found = [*_revision_faults(revisions, scope), *outbox_faults(rows, outbox)]
    if rollouts.keys() != chains.keys():
        found.append("feature_rollouts has other features than the chain")
    for feature, chain in chains.items():
        found += [f"{feature}: {fault}" for fault in _chain_faults(chain, revisions)]
        found += [f"{feature}: {fault}" for fault in _derived_faults(chain, rollouts.get(feature, {}))]
    return found


_FIRST: Row = {
    "version": 1,
    "kind": "create",
    "tier": 0,
    "target": 4,
    "attempt": 1,
    "rolled_back": False,
    "retired": False,
    "paused": False,
    "description": "",
    "owner": "shop",
    "whitelisted_customers": [],
    "blacklisted_customers": [],
    "gates": some_gates(),
    "settled_gates": some_gates(),
}


def _as_written(last: Row) -> Row:
    row = {column: last[column] for column in _COPIED.split()}
    texts = {column: json.dumps(row[column]) for column in ("gates", "settled_gates")}
    return row | texts | {"version": last["version"] + 1, "kind": "update", "tier": last["tier"]}


def _revision_faults(revisions: Sequence[Row], scope: Row) -> Iterator[str]:
    if [row["number"] for row in revisions] != list(range(1, len(revisions) + 1)):
        yield "revisions: a gap"
    if any(after["at"] < before["at"] for before, after in pairwise(revisions)):
        yield "revisions: time falls"
    if len({row["root"] for row in revisions}) > 1:
        yield "revisions: two roots"
    last = revisions[-1] if revisions else {"number": 0, "root": None, "revision": None}
    if any(scope[column] != last[column] for column in ("number", "root", "revision")):
        yield "rollout_scope: not the last revision"


def _chain_faults(chain: Sequence[Row], revisions: Sequence[Row]) -> Iterator[str]:
    for previous, row in pairwise([None, *chain]):
        assert row is not None
        broken = [*_own_faults(row), *_fence_faults(row, revisions)]
        broken += _first_faults(row) if previous is None else _step_faults(previous, row)
        yield from (f"version {row['version']} ({row['kind']}): {fault}" for fault in broken)
    raises = [row["revision"] for previous, row in pairwise([None, *chain]) if row and _is_raise(previous, row)]
    if len(set(raises)) < len(raises):
        yield "one commit raises twice"


def _own_faults(row: Row) -> Iterator[str]:
    if row["percentage"] != _EXPOSURE[row["tier"]]:
        yield "percentage apart from tier"
    if not row["tier"] <= row["target"] <= len(_TIERS) - 1:
        yield "tier above target"
    if row["rolled_back"] and row["tier"]:
        yield "rolled back, yet exposed"
    if set(row["whitelisted_customers"]) & set(row["blacklisted_customers"]):
        yield "a customer on both lists"
    if row["revision"] is None and row["kind"] != "rollback":
        yield "no commit"


def _fence_faults(row: Row, revisions: Sequence[Row]) -> Iterator[str]:
    """Name a row whose commit was not the one in force at its time."""
    if row["revision"] is None:
        return
    spans = zip(revisions, [*(after["at"] for after in revisions[1:]), None], strict=True)
    if not any(
        taken["revision"] == row["revision"] and taken["at"] <= row["at"] and (until is None or row["at"] <= until)
        for taken, until in spans
    ):
        yield "its commit was not in force"


def _first_faults(row: Row) -> Iterator[str]:
    if row["version"] != 1 or row["kind"] not in {"create", "adopt"}:
        yield "no beginning"
    if row["kind"] == "create" and row["tier"] > 1:
        yield "starts too high"
    if row["epoch"] != 1 or row["epoch_started_at"] != row["at"]:
        yield "wrong first epoch"


def _step_faults(previous: Row, row: Row) -> Iterator[str]:
    stays = (row["tier"], row["attempt"]) == (previous["tier"], previous["attempt"])
    expected = (previous["epoch"], previous["epoch_started_at"]) if stays else (previous["epoch"] + 1, row["at"])
    if row["version"] != previous["version"] + 1:
        yield "a gap"
    if any(row[f"previous_{column}"] != previous[column] for column in _LINKED.split()):
        yield "forged predecessor"
    if row["at"] < previous["at"]:
        yield "time falls"
    if (row["epoch"], row["epoch_started_at"]) != expected:
        yield "wrong epoch"
    if stays and not row["is_settled"] and row["settled_gates"] != previous["settled_gates"]:
        yield "gates loosened while held"
    yield from _raise_faults(previous, row)
    yield from _attempt_faults(previous, row)


def _raise_faults(previous: Row, row: Row) -> Iterator[str]:
    if not _is_raise(previous, row):
        return
    if row["tier"] > previous["tier"] + 1:
        yield "skips a tier"
    if row["paused"]:
        yield "raised while paused"
    if row["revision"] == previous["settled_revision"]:
        yield "raised by the commit that settled the tier"
    if row["kind"] == "restart" or not previous["tier"]:
        return
    tier = str(previous["tier"])
    dwell = max(gates["dwell"][tier] for gates in (previous["settled_gates"], row["settled_gates"]))
    exposed = max(gates["thresholds"]["min_exposed"] for gates in (previous["settled_gates"], row["settled_gates"]))
    if row["at"] - previous["epoch_started_at"] < timedelta(seconds=dwell):
        yield "dwell not served"
    if not (row["verdict"] == "healthy" or (row["verdict"] == "insufficient" and exposed == 0)):
        yield "no evidence"


def _attempt_faults(previous: Row, row: Row) -> Iterator[str]:
    if row["attempt"] < previous["attempt"]:
        yield "attempt falls"
    if previous["rolled_back"] and not row["rolled_back"]:
        if row["kind"] != "restart" or row["attempt"] != previous["attempt"] + 1 or row["tier"] > 1:
            yield "rollback lifted"
    elif row["attempt"] != previous["attempt"] and row["kind"] != "rollback":
        yield "attempt changed"
    if row["retired"] and not previous["retired"] and previous["tier"] not in {0, previous["target"]}:
        yield "retired while live"


def _is_raise(previous: Row | None, row: Row) -> bool:
    before = 0 if previous is None else previous["tier"]
    return bool(row["tier"] > before or row["kind"] == "restart")


def _derived_faults(chain: Sequence[Row], rollout: Row) -> Iterator[str]:
    last = chain[-1]
    thresholds = last["gates"]["thresholds"]
    expected = {column: last[column] for column in _DERIVED.split()} | {
        "id": chain[0]["id"],
        "current_tier": _TIERS[last["tier"]],
        "target_tier": _TIERS[last["target"]],
        "status": _status(last),
        "rollback_threshold": {"errorRate": thresholds["error_rate"], "timeWindow": thresholds["window"] * 1000},
        "updated_at": last["at"],
    }
    yield from (f"feature_rollouts.{name} differs" for name in expected if rollout.get(name) != expected[name])


def _status(row: Row) -> str:
    for status in ("rolled_back", "retired", "paused"):
        if row[status]:
            return status
    if row["tier"] == row["target"]:
        return "completed"
    return "in_progress" if row["tier"] else "planned"


def _one(connection: Connection, query: str) -> Row:
    return _rows(connection, query)[0]


def _rows(connection: Connection, query: str, parameters: Sequence[object] = ()) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), parameters).fetchall()
