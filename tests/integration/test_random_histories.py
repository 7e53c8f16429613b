"""Random commits, clocks and applies against PostgreSQL and the oracle: after each step they hold the same."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from reconciler.domain.ledger import RevisionRecord
from reconciler.domain.plan import RememberedRollback
from reconciler.store.embedded import EmbeddedServer
from tests import oracle
from tests.builders.chain import faults
from tests.builders.database import a_database
from tests.builders.histories import EDITS, FEATURES, GATES, POLICIES, QUICK, SPANS, WAITS, answer, applied
from tests.builders.scene import ROOT, Scene, a_scene
from tests.builders.trees import Fields, Tree, a_freeze


class History(RuleBasedStateMachine):
    """One database and one repository, driven at random."""

    def __init__(self, server: EmbeddedServer, template: str) -> None:
        super().__init__()
        self.resources = ExitStack()
        database = self.resources.enter_context(a_database(server, template=template))
        self.scene: Scene = self.resources.enter_context(a_scene(database))
        self.model = oracle.Model()
        self.tree = Tree(policy={"min_dwell": "0h"})
        self.trees: dict[str, Tree] = {}
        self.looks_back = False  # history was rewritten: nobody has read what lies behind the commit in force
        self.went_back = False  # then a first row may be older than the commit that caused it

    def teardown(self) -> None:
        """Drop the database."""
        self.resources.close()

    # What authors do.

    @initialize()
    def begin(self) -> None:
        """Commit two new rollouts and apply them."""
        easy = {"tier": 1, "hours": 1, "min_exposed": 0}
        self._commit(self.tree.with_file("checkout", easy).with_file("search", {**easy, "tier": 0}))
        self._apply()

    @rule(
        feature=FEATURES,
        rungs=st.integers(0, 4),
        settled=GATES,
        wait=WAITS,
        step=st.sampled_from([1, 1, 1, 2]),
        asked=GATES,
    )
    def climb(self, feature: str, rungs: int, settled: Fields, wait: timedelta, step: int, asked: Fields) -> None:
        """Climb some rungs as one should, then one more in any way."""
        policy = {"min_dwell": "0h"} if self.tree.policy is None else self.tree.policy
        self.tree = replace(self.tree, ruin=False, policy=policy)
        self._stand(feature)
        for _ in range(rungs):
            self.scene.at(self.scene.now + timedelta(hours=24))
            self._ask(feature, self._tier(feature) + 1)
            self._stand(feature)
        self._stand(feature, **settled)
        self.scene.at(self.scene.now + wait)
        self._ask(feature, self._tier(feature) + step, **asked)

    @rule(feature=FEATURES, apart=st.sampled_from([0, 30, 31, -31]), adopt=st.booleans())
    def ask_out_of_turn(self, feature: str, apart: int, *, adopt: bool) -> None:
        """Ask for one rung more, by a commit with another on top of it or on a machine whose clock is apart."""
        self.tree = replace(self.tree, ruin=False, policy=self.tree.policy or {"min_dwell": "0h"})
        self._stand(feature)
        self.scene.at(self.scene.now + timedelta(hours=24))
        self._commit(self.tree.with_file(feature, {"tier": min(self._tier(feature) + 1, 4)}))
        asked = self.scene.commits.main
        if not apart:
            self._commit(self.tree)
        self._apply(asked, skew=timedelta(seconds=apart), adopt=adopt)
        self._apply()

    @rule(feature=FEATURES, tier=st.integers(0, 3), changes=EDITS)
    def lower(self, feature: str, tier: int, changes: Fields) -> None:
        """Take a feature back, or try to."""
        lists = {name: changes[name] for name in ("whitelist", "paused") if name in changes}
        self._ask(feature, min(tier, self._tier(feature) - 1), **{**QUICK, **lists})

    @rule(feature=FEATURES, tier=st.sampled_from([1, 1, 0, 2]), changes=EDITS, sound=st.booleans())
    def restart(self, feature: str, tier: int, changes: Fields, *, sound: bool) -> None:
        """Ask for the next attempt, rolled back or not."""
        attempt = self._attempt(feature)
        said = {**({} if sound else changes), **QUICK, "tier": tier, "attempt": attempt + 1, "rolled_back": attempt}
        self._commit(self.tree.with_file(feature, said))
        self._apply()

    @rule(feature=FEATURES, fields=EDITS, at_once=st.booleans())
    def edit(self, feature: str, fields: Fields, *, at_once: bool) -> None:
        """Change a file at random, sound or not."""
        self._commit(self.tree.with_file(feature, fields))
        if at_once:
            self._apply()

    @rule(feature=FEATURES, kind=st.sampled_from(["delete", "damage", "ruin"]), at_once=st.booleans())
    def lose(self, feature: str, kind: str, *, at_once: bool) -> None:
        """Remove a file, make it unreadable, or add an unreadable one that names no feature."""
        broken, ruined = self.tree.with_broken(feature), replace(self.tree, ruin=True)
        self._commit({"delete": self.tree.without(feature), "damage": broken, "ruin": ruined}[kind])
        if at_once:
            self._apply()

    @rule(feature=FEATURES)
    def finish_and_delete(self, feature: str) -> None:
        """End a rollout where it is, and remove its file."""
        self.tree = replace(self.tree, ruin=False)
        self._stand(feature, target=max(self._tier(feature), 1))
        self._commit(self.tree.without(feature))
        self._apply()

    @rule(feature=FEATURES, folder=st.sampled_from(["", "team/"]))
    def move(self, feature: str, folder: str) -> None:
        """Move a file, which changes nothing."""
        self._commit(replace(self.tree, folders={**self.tree.folders, feature: folder}))

    @rule(policy=POLICIES, frozen_for=st.sampled_from([0, 0, 1, 30]))
    def govern(self, policy: Fields | None, frozen_for: int) -> None:
        """Change the policy, with a freeze from now on or without."""
        if policy is not None and frozen_for:
            begins = self.scene.now.replace(second=0, microsecond=0)
            policy = {**policy, "freezes": [a_freeze(begins, begins + timedelta(hours=frozen_for))]}
        self._commit(replace(self.tree, policy=policy))
        self._apply()

    @rule(data=st.data())
    def revert(self, data: st.DataObject) -> None:
        """Commit an older tree again."""
        self._commit(self.trees[data.draw(st.sampled_from(sorted(self.trees)), "revert to")])
        self._apply()

    @rule(feature=FEATURES, ahead=st.sampled_from([0, 0, -1, 1]), edits=st.booleans())
    def write_back(self, feature: str, ahead: int, *, edits: bool) -> None:
        """Tell git of a rollback, by the trailer alone or in the file too."""
        attempt = max(self._attempt(feature) + ahead, 1)
        told = {"tier": 0, "attempt": attempt, "rolled_back": attempt}
        tree = self.tree.with_file(feature, told) if edits and feature in self.tree.files else self.tree
        self._commit(tree, rollbacks={feature: attempt})
        self._apply()

    @rule(data=st.data())
    def rewrite_history(self, data: st.DataObject) -> None:
        """Begin another history at an older commit: refused as a branch, and until it is said to be meant."""
        main = self.scene.commits.ancestors(self.scene.commits.main)
        parent = data.draw(st.sampled_from(main[:4]), "rewrite from")
        branch = self.scene.commit_files(self.tree.texts(), parent=parent, to_main=False)
        self.trees[branch] = self.tree
        self._apply(branch)
        self._commit(self.trees[parent], parent=branch)
        self._apply()
        self._reanchor()
        self._apply()

    # What happens.

    @rule(span=SPANS)
    def pass_time(self, span: timedelta) -> None:
        """Turn the database's clock."""
        self.went_back |= span < timedelta()
        self.scene.at(self.scene.now + span)

    @precondition(lambda self: any(not row.rolled_back for row in self.model.features.values()))
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        """Roll a feature back because of its errors; git doesn't know of it yet."""
        live = sorted(name for name, row in self.model.features.items() if not row.rolled_back)
        feature = data.draw(st.sampled_from(live), "roll back")
        self.scene.roll_back(feature)
        self.model = oracle.roll_back(self.model, feature, self.scene.now)
        assert self.scene.rows() == dict(self.model.features)

    @rule(
        adopt=st.sampled_from([False, False, True]),
        override=st.booleans(),
        skew=st.sampled_from([0, 30, -30, 31, -31]),
    )
    def apply(self, skew: int, *, adopt: bool, override: bool) -> None:
        """Apply the tip, on a machine whose clock may differ."""
        self._apply(skew=timedelta(seconds=skew), adopt=adopt, override=override)

    @rule(data=st.data())
    def apply_an_older_commit(self, data: st.DataObject) -> None:
        """Apply any commit there is."""
        self._apply(data.draw(st.sampled_from(sorted(self.trees)), "apply"))

    # How it is done, and what must be so afterwards.

    def _stand(self, feature: str, **fields: object) -> None:
        """Commit a sound file that says what is so."""
        attempt = self._attempt(feature)
        row = self.model.features.get(feature)
        over = attempt if row is not None and row.rolled_back else attempt - 1
        so = {**QUICK, "attempt": attempt, "rolled_back": over, "blacklist": [], **fields}
        self.tree = self.tree.with_file(feature, so)
        self._ask(feature, max(self._tier(feature), 0))

    def _ask(self, feature: str, tier: int, **fields: object) -> None:
        self._commit(self.tree.with_file(feature, {"tier": min(max(tier, 0), 4), **fields}))
        self._apply()

    def _tier(self, feature: str) -> int:
        row = self.model.features.get(feature)
        return -1 if row is None else row.tier

    def _attempt(self, feature: str) -> int:
        row = self.model.features.get(feature)
        return 1 if row is None else row.attempt

    def _commit(self, tree: Tree, **named: Any) -> None:
        self.tree = tree
        self.trees[self.scene.commit_files(tree.texts(), **named)] = tree

    def _reanchor(self) -> None:
        tip = self.scene.commits.main
        number = self.scene.store.scope().number
        self.scene.store.take_revision(
            RevisionRecord(
                previous_number=number, root=ROOT, revision=tip, actor="tests", kind="reanchor", reason="meant"
            )
        )
        self.model = replace(self.model, in_force=tip)
        self.looks_back = True

    def _apply(
        self,
        revision: str | None = None,
        *,
        skew: timedelta = timedelta(),
        adopt: bool = False,
        override: bool = False,
    ) -> None:
        named = {"skew": skew, "adopt": adopt, "override": override}
        self._apply_once(revision, **named)
        written = self.scene.counts()
        self._apply_once(revision, **named)
        assert self.scene.counts() == written, "applying twice wrote something"
        assert self.went_back or faults(self.scene.admin) == []

    def _apply_once(self, revision: str | None, **named: Any) -> None:
        expected = oracle.apply(self.model, self._asked(revision or self.scene.commits.main, **named))

        assert applied(self.scene, revision, **named) == answer(expected)
        assert self.scene.rows() == dict(expected.model.features)
        assert self.scene.store.scope().revision == expected.model.in_force
        transitions, _, _ = self.scene.counts()
        assert transitions == sum(row.version for row in expected.model.features.values())
        self.model = expected.model
        self.looks_back &= expected.outcome != oracle.APPLIED

    def _asked(self, revision: str, skew: timedelta, *, adopt: bool, override: bool) -> oracle.Asked:
        commits, tree, in_force = self.scene.commits, self.trees[revision], self.model.in_force
        told: dict[str, RememberedRollback] = {}
        if in_force is not None and commits.relation(in_force, revision) in {"ahead", "same"}:
            # Up to the tip: an older commit of the branch knows of the rollbacks above it.
            until = commits.main if commits.is_on_branch(revision) else revision
            told |= commits.remembered_rollbacks(None if self.looks_back else in_force, until, ROOT)
        # Of what the database has never seen, the whole history tells.
        ever = commits.remembered_rollbacks(None, revision, ROOT)
        told |= {feature: rollback for feature, rollback in ever.items() if feature not in self.model.features}
        return oracle.Asked(
            revision=revision,
            now=self.scene.now,
            files=tree.definitions(),
            policy=tree.meaning_of_policy(),
            hidden=tree.hides_files(),
            relation=None if in_force is None else commits.relation(in_force, revision).value,
            on_branch=bool(commits.is_on_branch(revision)),
            may_raise=revision == commits.main and abs(skew) <= timedelta(seconds=30),
            trailers={feature: rollback.attempt for feature, rollback in told.items()},
            adopt=adopt,
            override=override,
        )


def _run(server: EmbeddedServer, template: str, *, examples: int, steps: int) -> None:
    machine: Any = lambda: History(server, template)  # noqa: E731 - it only looks like a class
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        ),
    )


@pytest.mark.timeout(300)
def test_the_database_holds_what_the_rules_say_whatever_happens(server: EmbeddedServer, template: str) -> None:
    _run(server, template, examples=40, steps=20)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_database_holds_what_the_rules_say_however_long_it_goes_on(
    server: EmbeddedServer, template: str
) -> None:
    _run(server, template, examples=300, steps=40)
