"""Many at once: each with a store of its own, from the same moment on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from reconciler.store.postgres import PostgresStore
from tests.builders.database import Database

Result = TypeVar("Result")


def all_at_once(database: Database, jobs: Sequence[Callable[[PostgresStore], Result]]) -> list[Result]:
    """Run the jobs in a thread each, with a store each, from the same moment on."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[PostgresStore], Result]) -> Result:
        store = PostgresStore.at(database.dsn_for("rollouts_reconciler"))
        store.scope()
        barrier.wait(30)
        try:
            return job(store)
        finally:
            store.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))
