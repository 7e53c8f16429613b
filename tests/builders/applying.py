"""Applies without git: a linear history of trees of files, where the n-th tree is the n-th commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from reconciler.domain.diff import Circumstances
from reconciler.domain.revision import Candidate, Relation, examine
from reconciler.reconcile.apply import Applier, Outcome
from reconciler.reconcile.observe import Files, Prospect, compare
from reconciler.store.postgres import PostgresStore
from tests.builders.chain import commit
from tests.builders.definitions import ROOT, Tree, a_file, a_tree

POLICY = b"min_dwell: 0s\ndwell: 0s\nthresholds:\n  min_exposed: 0\n"


def some_files(**fields: dict[str, object] | int) -> Tree:
    """Return a tree of files by feature, each with its tier or its fields; gates are wide open."""
    told = {feature: {"tier": said} if isinstance(said, int) else said for feature, said in fields.items()}
    files = {f"{feature}.yaml": a_file(feature, **said) for feature, said in told.items()}
    return a_tree(files | {"_policy.yaml": POLICY})


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Trees, oldest first; whoever applies one believes that it is the tip."""

    trees: Sequence[Tree]

    def apply(self, store: PostgresStore, number: int, *, new_id: Callable[[], UUID] = uuid4) -> Outcome:
        """Apply the n-th commit."""
        return Applier(store=store, prepare=lambda: self.prepare(store, number), new_id=new_id, actor="tests").run()

    def prepare(self, store: PostgresStore, number: int) -> Prospect:
        """Plan the n-th commit."""
        scope = store.scope()
        revision, tree = commit(number), self.trees[number - 1]
        candidate = Candidate(
            revision=revision,
            tip=revision,
            on_branch=True,
            in_force=scope.revision,
            relation=None if scope.revision is None else _relation(int(scope.revision, 16), number),
        )
        files = Files(root=ROOT, entries=tree.entries, read=tree.read)
        return compare(store, scope, files, Circumstances(revision=revision), permission=examine(candidate))


def _relation(applied: int, candidate: int) -> Relation:
    if applied == candidate:
        return Relation.SAME
    return Relation.AHEAD if applied < candidate else Relation.BEHIND
