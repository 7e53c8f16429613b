"""Many who tell git at once, each a process with a clone of its own, and how often each of them tried.

with writers(ring, 8, rollbacks=6) as at_it: ...
print(at_it.attempts())
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from reconciler import failpoints
from reconciler.domain.write_back import WriteBackStatus
from reconciler.reconcile.facts import unheard
from reconciler.reconcile.writeback import Target, WriteBacks
from reconciler.repository.clone import opened_clone
from reconciler.repository.remote import Remote
from reconciler.store.postgres import PostgresStore
from tests.builders.children import Child, a_child
from tests.builders.ring import MAIN, Ring
from tests.builders.scene import ROOT

_EVER = 1_000_000
_COUNTED = f"write-back.built=sleep:0@{_EVER}"


@dataclass
class Writers:
    """Those who are at it, and a file in which each says how often it tried."""

    children: list[Child]
    folder: Path

    def attempts(self) -> list[int]:
        """Wait until all have ended, and return how often each pushed."""
        for child in self.children:
            ended = child.ended(100)
            assert ended.code == 0, ended
        return [int((self.folder / f"attempts-{n}").read_text()) for n in range(len(self.children))]


@contextmanager
def writers(ring: Ring, count: int, rollbacks: int) -> Iterator[Writers]:
    """Let so many tell git until so many rollbacks are written; no lease keeps one from another's."""
    work = partial(
        _write_all, ring.database.dsn_for("rollouts_reconciler"), str(ring.remote.path), ring.folder, rollbacks
    )
    children = [a_child(partial(work, number), ring.folder, failpoints=_COUNTED) for number in range(count)]
    done = threading.Event()
    unleashing = threading.Thread(target=_without_leases, args=(ring, done))
    unleashing.start()
    try:
        yield Writers(children=children, folder=ring.folder)
    finally:
        done.set()
        unleashing.join()


def _without_leases(ring: Ring, done: threading.Event) -> None:
    while not done.wait(0.02):
        ring.due_now()


def _write_all(dsn: str, url: str, folder: Path, rollbacks: int, number: int) -> None:
    store = PostgresStore.at(dsn)
    target = Target(root=ROOT, branch=MAIN, name="robot", email="robot@example.com")
    sleep = threading.Event().wait
    with opened_clone(folder / f"writer-{number}", Remote(url=url), MAIN, timedelta(seconds=60)) as clone:
        writing = WriteBacks(outbox=store, clone=clone, target=target, tell=unheard, wait=sleep)
        while not _is_done(store, rollbacks):
            writing.work(clone.fetch())
            sleep(0.01)
    store.close()
    (folder / f"attempts-{number}").write_text(str(failpoints._reached.get("write-back.built", 0)))


def _is_done(store: PostgresStore, rollbacks: int) -> bool:
    rows = store.write_backs(all_of_them=True)
    return len(rows) == rollbacks and all(row.status is WriteBackStatus.WRITTEN for row in rows)
