"""Creations applied, a transaction each, against as many bare single-row transactions into the same table.

Goal: 10,000 creations cost at most 1.5 times the bare transactions, in wall-clock time.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psycopg

from reconciler.domain.ledger import Cause, RevisionRecord
from reconciler.reconcile.apply import Applier, Outcome
from reconciler.reconcile.observe import Request, prepare
from reconciler.repository.git import GitRepository
from reconciler.store.postgres import PostgresStore
from reconciler.store.rows import transition_parameters
from reconciler.store.statements import statement
from tests.benchmarks.corpus import a_repository
from tests.benchmarks.databases import a_migrated_database
from tests.benchmarks.measure import Cost, least, report

REVISION = "0" * 40
ROUNDS = 3


def main(count: int = 10_000) -> None:
    """Print the ratio of an apply that creates `count` rollouts to bare inserts of the same rows."""
    with TemporaryDirectory() as folder:
        top = a_repository(Path(folder), count)
        pairs = [(_bare(top), _applied(top)) for _ in range(ROUNDS)]
    floor, cost = (min((pair[side] for pair in pairs), key=lambda cost: cost.wall) for side in (0, 1))
    report(f"apply, {count} creations", cost, floor, "1.50", by_wall=True)


def _applied(top: Path) -> Cost:
    with a_migrated_database() as dsn:
        return least(lambda: _apply(dsn, top), runs=1)


def _bare(top: Path) -> Cost:
    with a_migrated_database() as dsn:
        rows = _rows(dsn, top)
        return least(lambda: _insert(dsn, rows), runs=1)


def _apply(dsn: str, top: Path) -> Outcome:
    store = PostgresStore.at(dsn)
    with GitRepository.open(top) as repository:
        request = Request(root="rollouts.d", local_now=datetime.now(UTC))
        applier = Applier(
            store=store, prepare=lambda: prepare(store, repository, request), new_id=uuid4, actor="benchmark"
        )
        outcome = applier.run()
    assert outcome.is_settled
    store.close()
    return outcome


def _rows(dsn: str, top: Path) -> list[dict[str, object]]:
    store = PostgresStore.at(dsn)
    store.take_revision(RevisionRecord(previous_number=0, root="rollouts.d", revision=REVISION, actor="benchmark"))
    with GitRepository.open(top) as repository:
        plan = prepare(store, repository, Request(root="rollouts.d", local_now=datetime.now(UTC))).plan
    store.close()
    cause = Cause(revision=REVISION, actor="benchmark")
    return [transition_parameters(change, uuid4(), cause=cause) for change in plan.changes]


def _insert(dsn: str, rows: list[dict[str, object]]) -> None:
    query = statement("insert_transition")
    with psycopg.connect(dsn, autocommit=True) as connection:
        for row in rows:
            connection.execute(query, row)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
