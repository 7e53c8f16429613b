"""Rings laid once and copied for each test: a folder and a database are copied in a tenth of the time.

laid = lay(folder, server, template, {"checkout": {"tier": 1}}, lambda ring: ring.roll_back("checkout"))
with a_copy(laid, tmp_path, server) as ring: ...
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from reconciler.store.embedded import EmbeddedServer
from reconciler.store.postgres import PostgresStore
from tests.builders.database import Database, a_database, name_of
from tests.builders.git import GitSandbox
from tests.builders.ring import Ring, a_ring

Features: TypeAlias = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Laid:
    """A ring that nobody touches any more."""

    folder: Path
    database: Database
    by_people: frozenset[str]


@contextmanager
def lay(
    folder: Path, server: EmbeddedServer, template: str, features: Features, act: Callable[[Ring], None]
) -> Iterator[Laid]:
    """Lay a ring with these definitions applied, and act on it."""
    with a_database(server, template=template) as database:
        with a_ring(folder, database, features) as ring:
            with ring.worker("first") as worker:
                worker.tick()
            act(ring)
        yield Laid(folder=folder, database=database, by_people=frozenset(ring.by_people))


@contextmanager
def a_copy(laid: Laid, folder: Path, server: EmbeddedServer) -> Iterator[Ring]:
    """Copy a ring."""
    for name in ("remote.git", "person"):
        shutil.copytree(laid.folder / name, folder / name, symlinks=True)
    remote, person = GitSandbox(path=folder / "remote.git"), GitSandbox(path=folder / "person", _commits=50)
    person.git("remote", "set-url", "origin", remote.path.as_uri())
    with a_database(server, template=name_of(laid.database)) as database:
        store = PostgresStore.at(database.dsn_for("rollouts_reconciler"))
        try:
            yield Ring(
                folder=folder,
                database=database,
                remote=remote,
                person=person,
                store=store,
                by_people=set(laid.by_people),
            )
        finally:
            store.close()


Lay: TypeAlias = Callable[[Features, Callable[[Ring], None]], Laid]
CopyOf: TypeAlias = Callable[[Laid], AbstractContextManager[Ring]]
