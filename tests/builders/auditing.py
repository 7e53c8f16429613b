"""Checks for tests: all that a database says against a repository, real or dictated, and what was found by name.

assert verified(ring.database, ring.remote.path).findings == ()
assert found(ring.database, ring.remote.path) == ["checkout 2 no_skip"]
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from reconciler.definitions.source import Entry
from reconciler.domain.lineage import Lineage
from reconciler.domain.record import Telling, Verification
from reconciler.reconcile.verify import Verifier
from reconciler.repository.git import GitRepository
from reconciler.store.audit import read_records
from reconciler.store.connection import connect
from tests.builders.chain import insert
from tests.builders.commits import Commits
from tests.builders.database import Database
from tests.builders.scene import ROOT

_NAMES = UUID(int=1)


def verified(
    database: Database, repository: Path, *features: str, branch: str = "main", role: str = "rollouts_reader"
) -> Verification:
    """Check a database against a repository, as who may only look."""
    with closing(connect(database.dsn_for(role))) as connection:
        records = read_records(connection, list(features) or None)
    with GitRepository.open(repository, branch=branch) as archive:
        return Verifier(archive=archive, root=ROOT, branch=branch).run(records)


def found(database: Database, repository: Path, *features: str) -> list[str]:
    """Return what does not fit: feature and version, so far as it is about one, and the rule."""
    findings = verified(database, repository, *features).findings
    return [" ".join(map(str, filter(None, (each.feature, each.version, each.rule)))) for each in findings]


class DictatedArchive:
    """The past of dictated commits, each telling of rollbacks by an id that follows from it."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    def entries(self, revision: str, root: str) -> tuple[Entry, ...] | None:
        """Return the files below the root."""
        return self._commits.entries(revision, root)

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Return the contents of entries."""
        return self._commits.read(entries)

    def lineage(self, commits: Collection[str]) -> Lineage:
        """Return every commit that can be reached from main, or from these."""
        lines = [self._commits.ancestors(start) for start in (self._commits.main, *commits)]
        there = sorted({commit for line in lines for commit in line})  # ids are numbers in the order of commits
        parents = {commit: self._commits.by_id[commit].parent for commit in there}
        known = {commit: () if parent is None else (parent,) for commit, parent in parents.items()}
        return Lineage(tip=self._commits.main, parents=known)

    def changes(
        self, pairs: Sequence[tuple[str, str | None]], root: str
    ) -> Iterator[list[tuple[str, Entry | None]]]:
        """Yield what differs between two commits."""
        for commit, other in pairs:
            after, before = self._files(commit, root), {} if other is None else self._files(other, root)
            paths = [path for path in {**after, **before} if after.get(path) != before.get(path)]
            yield [(path, after.get(path)) for path in paths]

    def tellings(self, until: str, environment: str) -> Sequence[Telling]:
        """Return every commit that tells of a rollback, newest first."""
        return [
            Telling(commit=commit, rollback_id=uuid5(_NAMES, commit + feature), feature=feature, attempt=attempt)
            for commit in self._commits.ancestors(until)
            for feature, attempt in self._commits.by_id[commit].rollbacks.items()
        ]

    def _files(self, commit: str, root: str) -> dict[str, Entry]:
        return {entry.path: entry for entry in self._commits.entries(commit, root) or ()}


@contextmanager
def past_the_rules(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Open the session of a superuser for whom no trigger fires, not even those that always do, and no key."""
    tables = (
        "rollout_transitions",
        "rollout_revisions",
        "rollout_scope",
        "feature_rollouts",
        "rollout_write_backs",
    )
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("set search_path = rollouts")
        for table in tables:
            admin.execute(f"alter table {table} disable trigger user".encode())
        try:
            yield admin
        finally:
            for table in tables:
                admin.execute(f"alter table {table} enable trigger user".encode())
                for trigger in ("append_only", "stays"):
                    with suppress(psycopg.errors.UndefinedObject):
                        admin.execute(f"alter table {table} enable always trigger {trigger}".encode())


def forge(admin: psycopg.Connection[Any], feature: str, **changes: object) -> None:
    """Append a row after a feature's last one that fits it in every column, as the server would have written it."""
    with admin.cursor(row_factory=dict_row) as cursor:
        cursor.execute("select * from rollout_transitions where feature_name = %s order by version desc", [feature])
        last = cursor.fetchone() or {}
        [in_force] = cursor.execute("select revision from rollout_scope").fetchall()
        cursor.execute(
            "select attname from pg_attribute where attrelid = 'rollout_transitions'::regclass "
            "and attnum > 0 and attgenerated = '' and not attisdropped"
        )
        columns = [row["attname"] for row in cursor.fetchall()]
    at = last["at"] + timedelta(seconds=1)
    row = {column: last[column] for column in columns}
    row |= {"id": uuid4(), "version": last["version"] + 1, "at": at, "clocked_at": at, "epoch": last["epoch"] + 1}
    row |= {"epoch_started_at": at, **in_force, "settled_revision": in_force["revision"]}
    row |= {name: last[name.removeprefix("previous_")] for name in columns if name.startswith("previous_")}
    row |= {name: Jsonb(last[name]) for name in ("gates", "settled_gates")}
    insert(admin, "rollout_transitions", row | changes)
