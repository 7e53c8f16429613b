"""Where each table lies on a distributed PostgreSQL, and what keeps a statement from running there.

Control tables lie on one server and may do whatever PostgreSQL can; data tables are spread by a column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pglast import ast, parse_plpgsql, parse_sql

PLACEMENT: Mapping[str, str] = {"rollout_events": "customer_id", "rollout_customers": "customer_id"}
CONTROL = frozenset(
    {
        *("rollout_transitions", "rollout_revisions", "feature_rollouts", "rollout_scope", "settled_sources"),
        *("event_batches", "event_claims", "tally_progress", "schema_migrations"),
        *("rollout_write_backs", "rollout_proposals"),
    }
)

_TIMES = ("now", "clock", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday")
_EXPRESSION = 2  # RAW_PARSE_PLPGSQL_EXPR; assignments follow, a statement is 0
_PARAMETER = re.compile(r"%\((\w+)\)s")


def statement_faults(text: str) -> list[str]:
    """Return what a distributed PostgreSQL refuses of this text, or answers wrongly; parameters as psycopg's."""
    found = []
    for raw in parse_sql(_PARAMETER.sub("$1", text).replace("%%", "%")):
        found += [*_writing_faults(raw.stmt), *(fault for node in _nodes(raw.stmt) for fault in _faults(node))]
    return found


def function_faults(definition: str) -> list[str]:
    """Return the same for every statement of a PL/pgSQL function."""
    known = parse_plpgsql(definition.replace("rollouts.", ""))  # of types it knows none by the name of a schema
    return [fault for query in _queries(known) for fault in statement_faults(query)]


def _writing_faults(statement: object) -> Iterator[str]:
    written = {table for node in _nodes(statement) for table in _written(node)}
    if written & PLACEMENT.keys() and written - PLACEMENT.keys():
        yield "writes a control and a data table"


def _faults(node: ast.Node) -> Iterator[str]:
    table = _target(node)
    match node:
        case ast.MergeStmt() if table in PLACEMENT:
            yield "merges into a data table"
        case ast.InsertStmt() if table in PLACEMENT and node.onConflictClause is not None:
            yield from _replacing_faults(table, node.onConflictClause)
        case ast.UpdateStmt() if table in PLACEMENT:
            yield from _moving_faults(table, node.targetList)
        case ast.UpdateStmt() if _reads_data(node.fromClause):
            yield "updates a control table from a data table"
        case ast.SelectStmt() if _reads_data(node.fromClause):
            yield from _reading_faults(node)
        case ast.RangeSubselect() if node.lateral and _reads_data(node.subquery):
            yield "reads a data table laterally"
        case _:
            return


def _replacing_faults(table: str, clause: ast.OnConflictClause) -> Iterator[str]:
    if any(_tells_time(node) for node in _nodes((clause.targetList, clause.whereClause))):
        yield "asks for the time while it replaces"
    yield from _moving_faults(table, clause.targetList)


def _moving_faults(table: str, targets: object) -> Iterator[str]:
    if any(isinstance(node, ast.ResTarget) and node.name == PLACEMENT[table] for node in _nodes(targets)):
        yield "moves a row to another place"


def _reading_faults(select: ast.SelectStmt) -> Iterator[str]:
    if select.lockingClause:
        yield "locks rows of a data table"
    if any(isinstance(node, ast.GroupingSet) for node in _nodes(select.groupClause)):
        yield "groups a data table by sets"


def _written(node: ast.Node) -> Iterator[str]:
    match node:
        case ast.InsertStmt() | ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt():
            yield _target(node)
        case ast.CopyStmt() if node.is_from:
            yield _target(node)
        case ast.TruncateStmt():
            yield from (str(one.relname) for one in _nodes(node.relations) if isinstance(one, ast.RangeVar))
        case _:
            return


def _target(node: ast.Node) -> str:
    relation = getattr(node, "relation", None)
    return str(relation.relname) if isinstance(relation, ast.RangeVar) else ""


def _reads_data(tree: object) -> bool:
    return any(isinstance(node, ast.RangeVar) and node.relname in PLACEMENT for node in _nodes(tree))


def _tells_time(node: ast.Node) -> bool:
    if isinstance(node, ast.FuncCall) and node.funcname:
        return node.funcname[-1].sval in _TIMES
    return isinstance(node, ast.SQLValueFunction)


def _nodes(tree: object) -> Iterator[ast.Node]:
    """Walk through a tree of the parser, from the top down."""
    if isinstance(tree, tuple):
        for one in tree:
            yield from _nodes(one)
    elif isinstance(tree, ast.Node):
        yield tree
        for attribute in tree:
            yield from _nodes(getattr(tree, attribute))


def _queries(tree: object) -> Iterator[str]:
    """Walk through a function; what is no statement of its own is an expression or an assignment."""
    if isinstance(tree, list):
        for one in tree:
            yield from _queries(one)
    elif isinstance(tree, dict) and "parseMode" in tree:
        query, mode = str(tree["query"]), tree["parseMode"]
        expression = query.split(":=", 1)[-1] if mode > _EXPRESSION else query
        yield f"select {expression}" if mode else query
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from _queries(value)
