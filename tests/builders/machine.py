"""A ring with the oracle beside it: whatever a worker does there, to database or branch, is judged by the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
from hypothesis import note

from reconciler.domain.ledger import RevisionRecord
from reconciler.domain.write_back import WriteBackStatus
from reconciler.errors import RevisionRefusedError
from reconciler.reconcile.apply import Applier, Outcome
from reconciler.reconcile.observe import Request, prepare
from tests import oracle
from tests.builders.chain import faults
from tests.builders.children import Ended, a_child
from tests.builders.database import set_clock
from tests.builders.domain import NOW, row_of
from tests.builders.machine_answers import OPEN, answered, same
from tests.builders.machine_git import Branch, Person, Told
from tests.builders.machine_laid import one_pass
from tests.builders.ring import Ring, Worker
from tests.builders.scene import ROOT

_DUE = "update rollouts.rollout_write_backs set next_try_at = rollouts.clock() where status <> 'written'"


@dataclass
class World:
    """A ring, the moment at which its database's clock stands, and what the oracle says that it must hold."""

    ring: Ring
    admin: psycopg.Connection[Any]
    resources: ExitStack
    branch: Branch
    person: Person
    now: datetime = NOW
    model: oracle.Model = field(default_factory=oracle.Model)
    by_people: str = ""  # the tip that a person pushed last: nothing of it may be lost
    was_forced: bool = False
    went_back: bool = False
    looks_back: bool = False  # the branch was rewritten: nobody has read what lies behind the commit in force
    ended: set[tuple[str, int]] = field(default_factory=set)
    _workers: dict[str, Worker] = field(default_factory=dict)
    _fetched: dict[str, set[str]] = field(default_factory=dict)

    # What happens.

    def at(self, moment: datetime) -> None:
        """Set the clocks of the database and of every machine."""
        self.went_back |= moment < self.now
        self.now = moment
        set_clock(self.admin, moment)

    def pushed(self) -> None:
        """Take note that a person pushed."""
        self.by_people = self.branch.read()

    def reanchor(self) -> None:
        """Take the tip into force although it does not contain what is in force."""
        record = RevisionRecord(
            previous_number=self.ring.store.scope().number,
            root=ROOT,
            revision=self.branch.tip,
            actor="ada",
            kind="reanchor",
            reason="meant",
        )
        self.ring.store.take_revision(record)
        self.model, self.looks_back = replace(self.model, in_force=self.branch.tip), True

    def roll_back(self, feature: str) -> None:
        """Roll a feature back as a person does."""
        assert self.ring.roll_back(feature).is_new
        self._ended(feature)

    def fail(self, feature: str, worker: str) -> None:
        """Report errors of a feature, at which a worker looks."""
        watching = self.worker(worker)
        watching.store.prepare_for_events()
        self.ring.report(feature, failing=12, healthy=10)
        assert watching.look() == [feature]
        self._ended(feature)

    def tick(self, name: str) -> None:
        """Make a pass, and hold all it did against the oracle."""
        worker, tip = self.worker(name), self._due()
        expected = oracle.apply(self.model, self.asked(tip, name))
        done = worker.tick()
        # A commit that may not be applied is the only thing that a pass may fail at here.
        assert bool(done.failures) == (expected.outcome == oracle.FORBIDDEN), done.failures
        self._judge_write_backs(tip)
        self._fetched[name] |= self.branch.ancestors(self.branch.tip)
        features = self._judge_all_is_told(expected.model.features)
        expected = replace(expected, model=replace(expected.model, features=features))
        self._judge(expected, answered(done.outcome), tip)

    def apply(self, revision: str) -> None:
        """Apply a commit, and hold it against the oracle."""
        worker = self.worker("a")
        tip = worker.clone.fetch()
        request = Request(root=ROOT, local_now=self.now, revision=revision)
        applier = Applier(
            store=worker.store,
            prepare=lambda: prepare(worker.store, worker.clone.repository, request),
            new_id=worker.ticker.new_id,
            actor="tests",
        )
        expected = oracle.apply(self.model, self.asked(revision, "a"))
        try:
            outcome: Outcome | None = applier.run()
        except RevisionRefusedError:
            outcome = None
        self._judge(expected, answered(outcome), tip)

    def kill(self, point: str, time: int) -> None:
        """Kill a pass that comes to a place for the n-th time: each feature is as before, or as it should be."""
        tip, before = self._due(), self.model
        number = self.ring.store.scope().number
        asked = self.asked(tip, "killed")
        expected = oracle.apply(before, asked)
        ended = self._struck(f"{point}=kill@{time}")
        assert ended.code in {0, -9}, ended
        rows, scope = self.rows(), self.ring.store.scope()
        for name, row in rows.items():
            imported = oracle._import_lost_rollback(before.features.get(name), name, asked)
            may_be = (before.features.get(name), imported, expected.model.features.get(name))
            # Whether the commit that tells of it was marked before the kill is anybody's guess.
            known = [replace(each, git_knows=row.git_knows) for each in may_be if each is not None]
            assert row in known, f"{name} is {row}, not one of {known}"
        assert scope.revision in {before.in_force, expected.model.in_force}
        assert rows.keys() >= before.features.keys()
        self.looks_back &= scope.number == number
        self.model = oracle.Model(features=rows, in_force=scope.revision)
        note(f"killed: {ended.code == -9}, in force: {scope.revision}")
        self._judge_write_backs(tip)

    def settle(self) -> None:
        """Let honest people and workers go on until nothing is left to do."""
        tip = self.branch.read()
        if self.model.in_force and self.branch.relation(self.model.in_force, tip) not in {"same", "ahead"}:
            self.reanchor()
        for worker in ("a", "b", "a"):
            self.tick(worker)
        tip, scope = self.branch.tip, self.ring.store.scope()
        self.tick("b")
        assert (self.branch.tip, self.ring.store.scope()) == (tip, scope), "it is never quiet"
        assert self.ring.remote.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"

    # What must be so.

    def has(self, worker: str, commit: str) -> bool:
        """Tell whether the clone of a worker has a commit: one that was forced away before it came has not."""
        return commit in self._fetched.get(worker, ())

    def asked(self, revision: str, worker: str) -> oracle.Asked:
        """Return what the oracle is told when this worker fetches and applies this commit now."""
        branch, in_force = self.branch, self.model.in_force
        self._fetched.setdefault(worker, set()).update(branch.ancestors(branch.tip))
        relation = None if in_force is None else branch.relation(in_force, revision)
        if relation == "behind" and in_force is not None and not self.has(worker, in_force):
            relation = "diverged"
        on_branch = revision in branch.ancestors(branch.tip)
        told: dict[str, int] = {}
        if relation in {"same", "ahead"}:
            # Up to the tip: an older commit of the branch knows of the rollbacks above it.
            told = branch.attempts(None if self.looks_back else in_force, branch.tip if on_branch else revision)
        # Of what the database has never seen, the whole history tells.
        ever = branch.attempts(None, revision)
        told |= {feature: attempt for feature, attempt in ever.items() if feature not in self.model.features}
        tree = branch.tree(revision)
        return oracle.Asked(
            revision=revision,
            now=self.now,
            files=tree.definitions(),
            policy=tree.meaning_of_policy(),
            hidden=tree.hides_files(),
            relation=relation,
            on_branch=on_branch,
            may_raise=revision == branch.tip,
            trailers=told,
        )

    def rows(self) -> dict[str, oracle.Feature]:
        """Return every state in the words of the oracle."""
        return {feature: row_of(state) for feature, state in self.ring.states().items()}

    def is_as_it_should_be(self) -> None:
        """Fail unless database and branch are as the model and every invariant say."""
        tip = self.branch.read()
        same(self.rows(), self.model)
        assert self.ring.store.scope().revision == self.model.in_force
        found = [] if self.went_back else faults(self.admin)
        assert found == []
        assert self.by_people in self.branch.ancestors(tip), "a commit of a person is lost"
        ids = [told.id for told in self.branch.rollbacks(None, tip)]
        assert self.was_forced or len(ids) == len(set(ids)), "a rollback is told twice"
        self.ended |= {(name, row.attempt) for name, row in self.model.features.items() if row.rolled_back}
        for name, row in self.model.features.items():
            over = max((attempt for feature, attempt in self.ended if feature == name), default=0)
            assert not row.tier or row.attempt > over, f"{name}: attempt {row.attempt} was rolled back"

    def worker(self, name: str) -> Worker:
        """Return a replica that goes on for the whole example."""
        if name not in self._workers:
            worker = self.resources.enter_context(self.ring.worker(name))
            worker.ticker.clock = lambda: self.now
            self._workers[name] = worker
        return self._workers[name]

    def _judge(self, expected: oracle.Expected, answer: oracle.Expected, tip: str) -> None:
        note(f"{expected.outcome}: {dict(expected.answers)}")
        open_ends = {name: what for name, what in expected.answers.items() if what in OPEN}
        assert (answer.outcome, dict(answer.answers)) == (expected.outcome, open_ends)
        rows, before = self.rows(), self.model.features
        same(rows, expected.model)
        rises = [name for name, row in rows.items() if row.tier > (before[name].tier if name in before else 0)]
        assert not rises or expected.model.in_force == tip, f"{rises} rose by a commit that is not the tip"
        self.model = expected.model
        if expected.outcome == oracle.APPLIED:
            self.looks_back = False
            self.ended |= self.branch.attempts(None, tip).items()

    def _judge_write_backs(self, before: str) -> None:
        """Fail unless a worker added what each commit says of itself, once, and nothing else."""
        tip = self.branch.read()
        known = {told.id for told in self.branch.rollbacks(None, before)}
        assert before in self.branch.ancestors(tip), "a worker took something back"
        for commit in self.branch.ancestors(tip) - self.branch.ancestors(before):
            node = self.branch.nodes[commit]
            [parent], told = node.parents, node.told
            assert told is not None, f"{commit} tells of nothing"
            assert told.id not in known, f"{told} is told again"
            known.add(told.id)
            assert dict(self.branch.tree(commit).files) == self._rolled_back(parent, told)

    def _rolled_back(self, parent: str, told: Told) -> dict[str, Any]:
        files = dict(self.branch.tree(parent).files)
        said = files[told.feature]
        assert said is not None
        lags = {"attempt": told.attempt} if said.get("attempt", 1) < told.attempt else {}
        return {**files, told.feature: {**said, "tier": 0, "rolled_back": told.attempt, **lags}}

    def _judge_all_is_told(self, features: Mapping[str, oracle.Feature]) -> dict[str, oracle.Feature]:
        """Fail unless git is told of what it can be told of, and return the features as they stand after that."""
        after = dict(features)
        tip = self.branch.tip
        there, files = self.branch.ancestors(tip), self.branch.tree(tip).files
        ids = {told.id for told in self.branch.rollbacks(None, tip)}
        for each in self.ring.write_backs():
            said = files.get(each.feature)
            is_marked = each.status is WriteBackStatus.WRITTEN and each.revision in there
            in_file = said is not None and said.get("rolled_back", 0) >= each.attempt
            is_told = str(each.id) in ids or is_marked or in_file
            row = after[each.feature]
            stands = row.rolled_back and row.attempt == each.attempt
            # Of one that a later attempt left behind nobody tells a second time.
            is_over = each.status is WriteBackStatus.WRITTEN and not stands
            assert is_told or is_over or said is None, f"{each} is not told"
            if stands:
                after[each.feature] = replace(row, git_knows=is_told)
        return after

    def _ended(self, feature: str) -> None:
        self.model = oracle.roll_back(self.model, feature, self.now)

    def _due(self) -> str:
        """Let every rollback be due, and return the tip."""
        self.admin.execute(_DUE)
        return self.branch.read()

    def _struck(self, failpoints: str) -> Ended:
        ring = self.ring
        work = partial(one_pass, ring.folder, ring.database, ring.remote, self.now)
        return a_child(work, ring.folder, failpoints=failpoints).ended()


@contextmanager
def a_world(ring: Ring) -> Iterator[World]:
    """Open a world in a fresh ring."""
    with ExitStack() as resources:
        admin = resources.enter_context(psycopg.connect(ring.database.dsn, autocommit=True))
        branch = Branch(remote=ring.remote)
        world = World(ring=ring, admin=admin, resources=resources, branch=branch, person=Person(ring=ring))
        world.pushed()
        yield world
