"""A migrated database of its own for a benchmark, durable as in production."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from reconciler.domain.ladder import Tier
from reconciler.domain.ledger import Cause, RevisionRecord
from reconciler.domain.plan import Create
from reconciler.domain.state import Standing
from reconciler.store.embedded import ensure_running, stop
from reconciler.store.migrate import migrate
from reconciler.store.postgres import PostgresStore


@contextmanager
def a_migrated_database() -> Iterator[str]:
    """Run a server in a temporary folder and yield the DSN of its migrated database."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "server"
        server = ensure_running(place)
        try:
            with psycopg.connect(server.dsn) as connection:
                migrate(connection, applied_by="benchmark")
            yield server.dsn
        finally:
            stop(place)


def create_rollouts(dsn: str, features: Sequence[str], tier: Tier) -> None:
    """Take features over at a tier, in a database that has no commit in force yet."""
    revision = "a" * 40
    record = RevisionRecord(previous_number=0, root="rollouts.d", revision=revision, actor="benchmark")
    with closing(PostgresStore.at(dsn)) as store:
        store.take_revision(record)
        for feature in features:
            change = Create(
                feature=feature, before=None, after=Standing(tier=tier), reason="taken over", adopted=True
            )
            store.transition(change, transition_id=uuid4(), cause=Cause(revision=revision, actor="benchmark"))
