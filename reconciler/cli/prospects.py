"""What the commands between git and the database share: both of them open, and the plan between them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType

from reconciler.cli.invocation import Invocation, now
from reconciler.domain.diff import Circumstances
from reconciler.domain.impact import Impact
from reconciler.domain.plan import Plan
from reconciler.domain.statistics import Statistics
from reconciler.errors import UNANSWERED
from reconciler.reconcile.impact import impacts
from reconciler.reconcile.observe import Prospect, Request, compare, prepare
from reconciler.render.view import PlanView
from reconciler.repository.git import GitRepository
from reconciler.store.postgres import PostgresStore
from reconciler.wiring.database import checked_dsn, embedded_dsn, folder_of, store_at
from reconciler.wiring.files import open_repository, root_of, uncommitted

_FEW = 500
_NOBODY: Mapping[str, Impact] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """An open repository and the database beside it."""

    call: Invocation
    repository: GitRepository
    store: PostgresStore

    @property
    def root(self) -> str:
        """The folder of the definitions."""
        return root_of(self.call.settings)

    def planned(
        self,
        *,
        revision: str | None = None,
        adopt: bool = False,
        worktree: bool = False,
        with_policy: bool = False,
    ) -> Prospect:
        """Plan a commit, or what lies in the working tree."""
        with self.call.talk.step("reading definitions and comparing"):
            if not worktree:
                request = Request(
                    root=self.root, local_now=now(), revision=revision, adopt=adopt, with_policy=with_policy
                )
                return prepare(self.store, self.repository, request)
            checkout = uncommitted(self.repository, self.root)
            circumstances = Circumstances(revision=checkout.revision, adopt=adopt)
            return compare(self.store, self.store.scope(), checkout.files, circumstances)

    def look_after_events(self) -> None:
        """Make room for the events of the next days, and count those of the last hours; who plans needs neither."""
        with suppress(*UNANSWERED), self.call.talk.step("counting events"):
            self.store.prepare_for_events()
            self.store.summarise()

    def statistics(self) -> Mapping[str, Statistics]:
        """Return how every rollout fares; nothing where that can't be read, which stops no status."""
        with suppress(*UNANSWERED), self.call.talk.step("counting customers"):
            return self.store.statistics(None)
        return {}

    def moved(self, plan: Plan) -> Mapping[str, Impact]:
        """Return whom the changes of a plan move among the customers seen."""
        with self.call.talk.step("counting customers"):
            return impacts(self.store, plan)

    def note_uncommitted(self, plan: Plan, remedy: str) -> None:
        """Say that what is not committed is no part of a plan; looked for only where that costs next to nothing."""
        if plan.in_sync + len(plan.changes) <= _FEW and self.repository.is_dirty(self.root):
            self.call.talk.note(f"note: uncommitted changes in {self.root} are not part of this {remedy}")


@contextmanager
def workplace(call: Invocation, *, needs_commit: bool = True) -> Iterator[Workplace]:
    """Open the repository and the database of a call."""
    opened = open_repository(call.settings, needs_commit=needs_commit)
    with opened as repository, closing(store_for(call, repository)) as store:
        yield Workplace(call=call, repository=repository, store=store)


def store_for(call: Invocation, repository: GitRepository | None = None) -> PostgresStore:
    """Return the store of the database that the settings name, else of the repository's embedded one."""
    dsn = call.settings.dsn
    if dsn is not None:
        with call.talk.step("connecting"):
            return store_at(checked_dsn(dsn))
    top = (repository or open_repository(call.settings, needs_commit=False)).top
    with call.talk.step("starting embedded PostgreSQL"):
        return store_at(embedded_dsn(call.settings, folder_of(call.settings, top, os.environ), call.talk.note))


def view_of(prospect: Prospect, moved: Mapping[str, Impact] = _NOBODY) -> PlanView:
    """Return what the renderers show of a prospect, and whom it moves."""
    return PlanView(
        plan=prospect.plan,
        root=prospect.root,
        in_force=prospect.scope.revision,
        permission=prospect.permission,
        impacts=moved,
    )
