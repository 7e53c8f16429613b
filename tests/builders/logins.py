"""People of their own who may log in: what the server asks of whoever is no superuser holds for them.

with granted(database, "rollouts_reconciler") as dsn:
    store = PostgresStore.at(dsn)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from tests.builders.database import Database

_NUMBERS = count(1)


@contextmanager
def granted(database: Database, role: str) -> Iterator[str]:
    """Return the way in for somebody who was granted this role and nothing else."""
    user = f"login_{role}_{next(_NUMBERS)}_{uuid4().hex[:8]}"
    name = Identifier(user)
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        admin.execute(SQL("create role {} login in role {}").format(name, Identifier(role)))
        try:
            yield make_conninfo(database.dsn, user=user)
        finally:
            admin.execute(SQL("drop owned by {} cascade; drop role {}").format(name, name))
