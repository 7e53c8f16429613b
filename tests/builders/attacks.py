"""Attacks on the store: situations to start from, and the name of the rule that refuses a statement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL, Identifier

from reconciler.store.embedded import EmbeddedServer
from tests.builders.chain import Connection, append, commit, contents, some_gates, take
from tests.builders.database import a_database

ALLOWED = "allowed"
DENIED = "42501"
GENERATED = "428C9"
SYNTAX = "42601"
WRITERS = ("rollouts_reconciler", "rollouts_owner")
READERS = ("rollouts_application", "rollouts_reader")


@contextmanager
def a_target(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    """Open a database of its own for attacks; each one is rolled back, so that many can share it."""
    with a_database(server, template=template) as database, psycopg.connect(database.dsn) as connection:
        yield connection


def refusal(
    connection: Connection, role: str, statement: str | bytes, parameters: Mapping[str, object] | None = None
) -> str:
    """Return the name of the rule that refuses the statement, its SQLSTATE when that has none, or `allowed`.

    What it did is taken back in any case, and a refused statement must have changed nothing.
    """
    query = statement.encode() if isinstance(statement, str) else statement
    before = contents(connection)
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(SQL("set local role {}").format(Identifier(role)))
            connection.execute(query, parameters)
            connection.execute("set constraints all immediate")
    except psycopg.Error as error:
        assert contents(connection) == before
        return error.diag.constraint_name or error.sqlstate or str(error)
    return ALLOWED


def prepare(connection: Connection, situation: str) -> None:
    """Bring `checkout` into a situation by its name; the caller's transaction takes it back."""
    take(connection, commit(1))
    SITUATIONS[situation](connection)
    # What is left to be checked at COMMIT would stand in the way of a TRUNCATE.
    connection.execute("set constraints all immediate; set constraints all deferred")


def _nothing(_connection: Connection) -> None:
    pass


def _off(connection: Connection) -> None:
    append(connection)
    take(connection, commit(2))


def _live(connection: Connection, **gates: int) -> None:
    gated = some_gates(**gates)
    append(connection, tier=1, gates=gated, settled_gates=gated)
    take(connection, commit(2))


def _at_tier_3(connection: Connection) -> None:
    _live(connection)
    append(connection, kind="promote", tier=2, gate_dwell_seconds=0, verdict="insufficient")
    take(connection, commit(3))
    append(connection, kind="promote", tier=3, gate_dwell_seconds=0, verdict="healthy")
    take(connection, commit(4))


def _held(connection: Connection) -> None:
    _live(connection, dwell=3600)
    append(connection, is_settled=False, gates=some_gates(dwell=7200))


def _lowered(connection: Connection) -> None:
    _live(connection)
    append(connection, kind="demote", tier=0)


def _rolled_back(connection: Connection) -> None:
    _live(connection)
    append(connection, kind="rollback", tier=0, rolled_back=True, is_settled=False, revision=None)


def _restarted(connection: Connection) -> None:
    _rolled_back(connection)
    append(connection, kind="restart", tier=1, attempt=2, rolled_back=False)
    take(connection, commit(3))


def _retired(connection: Connection) -> None:
    append(connection, tier=1, target=1)
    take(connection, commit(2))
    append(connection, kind="retire", retired=True)
    take(connection, commit(3))


SITUATIONS: Mapping[str, Callable[[Connection], None]] = {
    "nothing": _nothing,
    "off": _off,
    "live": _live,
    "dwelling": lambda connection: _live(connection, dwell=3600),
    "unproven": lambda connection: _live(connection, exposed=1),
    "at tier 3": _at_tier_3,
    "held": _held,
    "lowered": _lowered,
    "rolled back": _rolled_back,
    "restarted": _restarted,
    "retired": _retired,
}
