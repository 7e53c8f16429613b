"""What every example of the machine begins with, and a pass that may be killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psycopg

from reconciler.store.embedded import EmbeddedServer
from reconciler.store.postgres import PostgresStore
from tests.builders.database import Database, a_database, set_clock
from tests.builders.domain import NOW
from tests.builders.git import GitSandbox, a_repository
from tests.builders.laid import Laid
from tests.builders.machine_git import BEGUN, POLICY
from tests.builders.ring import Ring
from tests.builders.scene import path_of, yaml_of


def one_pass(folder: Path, database: Database, remote: GitSandbox, now: datetime) -> None:
    """Make one pass of a replica of its own, in a process that may be killed."""
    store = PostgresStore.at(database.dsn_for("rollouts_reconciler"))
    ring = Ring(folder=folder, database=database, remote=remote, person=remote, store=store)
    with ring.worker("killed") as worker:
        worker.ticker.clock = lambda: now
        worker.tick()


@contextmanager
def begun(folder: Path, server: EmbeddedServer, template: str) -> Iterator[Laid]:
    """Lay two features at tier 0 that nobody has applied, in a database whose clock can be turned."""
    files = {path_of(name): yaml_of({"feature": name, **BEGUN}) for name in ("checkout", "search")}
    first = a_repository(folder, {**files, POLICY: yaml_of({"min_dwell": "0h"})}, name="begun")
    first.clone(folder / "remote.git", bare=True).clone(folder / "person")
    with a_database(server, template=template) as database:
        with psycopg.connect(database.dsn, autocommit=True) as admin:
            set_clock(admin, NOW)
        yield Laid(folder=folder, database=database, by_people=frozenset())
