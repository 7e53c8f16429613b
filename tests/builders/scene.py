"""A database, its clock and a history of commits, ready to apply; what stands is said in the words of the oracle.

scene.commit({"checkout": {"tier": 1}})
scene.apply()
scene.pass_time(hours=48)
assert scene.rows() == {...}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg

from reconciler.domain.ledger import RevisionRecord
from reconciler.domain.state import State
from reconciler.reconcile.apply import Applier, Outcome
from reconciler.reconcile.observe import Prospect, Request, prepare
from reconciler.reconcile.override import Grounds, roll_back
from reconciler.reconcile.ports import Store
from reconciler.store.postgres import PostgresStore
from tests.builders.commits import Commits
from tests.builders.database import Database, set_clock
from tests.builders.domain import NOW, row_of
from tests.oracle import Feature

ROOT = "rollouts.d"
EASY_POLICY: Mapping[str, Any] = {"min_dwell": "0s", "dwell": "48h", "thresholds": {"min_exposed": 0}}


@dataclass
class Scene:
    """One database with what is applied to it."""

    store: PostgresStore
    admin: psycopg.Connection[Any]
    commits: Commits = field(default_factory=Commits)
    now: datetime = NOW
    files: dict[str, str] = field(default_factory=dict)

    def commit(self, features: Mapping[str, Mapping[str, Any] | None], **named: Any) -> str:
        """Commit these definitions beside those that are there; None removes one."""
        for feature, fields in features.items():
            self.files.pop(path_of(feature), None)
            if fields is not None:
                self.files[path_of(feature)] = yaml_of({"feature": feature, **fields})
        return self.commit_files(self.files, **named)

    def commit_files(self, files: Mapping[str, str], **named: Any) -> str:
        """Commit this very tree."""
        return self.commits.commit(files, **named)

    def policy(self, fields: Mapping[str, Any]) -> None:
        """Put this policy into the next commit."""
        self.files[f"{ROOT}/_policy.yaml"] = yaml_of(fields)

    def pass_time(self, **span: float) -> None:
        """Turn the database's clock, forward or back."""
        self.at(self.now + timedelta(**span))

    def at(self, moment: datetime) -> None:
        """Set the database's clock."""
        self.now = moment
        set_clock(self.admin, moment)

    def prepare(self, revision: str | None = None, *, skew: timedelta = timedelta(), **named: Any) -> Prospect:
        """Plan a commit, the tip when none is named."""
        request = Request(root=ROOT, local_now=self.now - skew, revision=revision, **named)
        return prepare(self.store, self.commits, request)

    def apply(
        self,
        revision: str | None = None,
        *,
        skew: timedelta = timedelta(),
        store: Store | None = None,
        prepare: Callable[[], Prospect] | None = None,
        **named: Any,
    ) -> Outcome:
        """Apply a commit, the tip when none is named, as the role that may."""
        applier = Applier(
            store=store or self.store,
            prepare=prepare or (lambda: self.prepare(revision, skew=skew, **named)),
            new_id=uuid4,
            actor="tests",
        )
        outcome = applier.run()
        assert outcome.broken == (), "the plan asked for what the database refuses"
        return outcome

    def reanchor(self, revision: str) -> None:
        """Take a commit of rewritten history into force."""
        number = self.store.scope().number
        record = RevisionRecord(
            previous_number=number, root=ROOT, revision=revision, actor="ada", kind="reanchor", reason="reset"
        )
        self.store.take_revision(record)

    def roll_back(self, feature: str, reason: str = "12 of 100 failed") -> None:
        """Roll a feature back because of its errors: no commit says so yet."""
        roll_back(self.store, feature, Grounds(reason=reason, actor="analysis"), uuid4)

    def states(self) -> Mapping[str, State]:
        """Return every state, as the product reads it."""
        return self.store.states(None)

    def rows(self) -> dict[str, Feature]:
        """Return every state in the words of the oracle."""
        return {feature: row_of(state) for feature, state in self.states().items()}

    def chain(self, feature: str) -> list[tuple[str, int, int]]:
        """Return kind, tier and attempt of each transition, oldest first."""
        return [(row.kind, int(row.tier), row.attempt) for row in self.store.history(feature)]

    def counts(self) -> tuple[int, int, int]:
        """Return how many transitions, revisions and remembered sources there are."""
        [(transitions, revisions, sources)] = self.admin.execute(
            """select (select count(*) from rollouts.rollout_transitions),
                      (select count(*) from rollouts.rollout_revisions),
                      (select count(*) from rollouts.settled_sources)"""
        ).fetchall()
        return transitions, revisions, sources


@contextmanager
def a_scene(database: Database) -> Iterator[Scene]:
    """Open a scene at NOW, in a fresh database."""
    store = PostgresStore.at(database.dsn_for("rollouts_reconciler"))
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        scene = Scene(store=store, admin=admin)
        scene.at(NOW)
        scene.policy(EASY_POLICY)
        try:
            yield scene
        finally:
            store.close()


def summary(scene: Scene, feature: str) -> tuple[str, int, str]:
    """Return what applications read: tier, percentage and status."""
    [(tier, percentage, status)] = scene.admin.execute(
        "select current_tier, percentage, status from rollouts.feature_rollouts where feature_name = %s", [feature]
    ).fetchall()
    return tier, percentage, status


def path_of(feature: str, folder: str = "") -> str:
    """Return the path of a feature's file."""
    return f"{ROOT}/{folder}{feature}.yaml"


def yaml_of(fields: Mapping[str, Any]) -> str:
    """Write a mapping as YAML."""
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items())
