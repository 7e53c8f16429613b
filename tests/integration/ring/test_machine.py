"""People, workers, clocks and kills at random, on real PostgreSQL and real git: the oracle judges every step."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reconciler.store.embedded import EmbeddedServer
from tests.builders.laid import Laid, a_copy
from tests.builders.machine import World, a_world
from tests.builders.machine_git import POLICY
from tests.builders.machine_laid import begun
from tests.builders.scene import yaml_of
from tests.builders.trees import a_freeze

_FEATURES = st.sampled_from(["checkout", "search"])
_WORKERS = st.sampled_from(["a", "b"])
_THEN = st.sampled_from(["a", "b", None])  # who makes a pass right after a person pushed
_RUNGS = st.sampled_from([1, 1, 1, 0, -1, 2])
_BACK = st.integers(0, 4)  # commits
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "whitelist": st.sampled_from([[], ["ada"], ["ada", "bob"]]),
        "paused": st.booleans(),
        "owner": st.sampled_from(["", "team-a"]),
        "target": st.sampled_from([1, 2, 4]),
        "dwell": st.sampled_from(["1h", "24h"]),
    },
)
_SPANS = st.sampled_from(
    [timedelta(minutes=20), timedelta(hours=1), timedelta(hours=30), timedelta(days=9), timedelta(hours=-2)]
)
_APPLYING = ("tick.synced", *(f"apply.{step}" for step in ("taking-revision", "revision-taken")))
_RAISING = tuple(f"apply.transition-{step}" for step in ("begins", "done"))
_TELLING = tuple(f"write-back.{step}" for step in ("claimed", "built", "pushed", "marking", "marked"))
# What there is to do first, and where the pass that does it is killed.
_KILLS = st.tuples(st.just("raise"), st.sampled_from(_APPLYING + _RAISING)) | st.tuples(
    st.just("roll back"), st.sampled_from(_TELLING)
)


class Machine(RuleBasedStateMachine):
    """One ring, driven at random."""

    def __init__(self, laid: Laid, server: EmbeddedServer, folder: Path) -> None:
        super().__init__()
        self.resources = ExitStack()
        place = self.resources.enter_context(tempfile.TemporaryDirectory(dir=folder))
        ring = self.resources.enter_context(a_copy(laid, Path(place), server))
        self.world: World = self.resources.enter_context(a_world(ring))

    def teardown(self) -> None:
        """Let everything come to rest, unless it failed before."""
        with self.resources:
            if sys.exc_info()[0] is None:
                self.world.settle()
                self.world.is_as_it_should_be()

    @initialize(rungs=st.tuples(st.integers(0, 3), st.integers(0, 1)), off=st.booleans())
    def begin(self, rungs: tuple[int, int], *, off: bool) -> None:
        """Climb as one should, while branches stay open; perhaps it fails."""
        self.world.tick("a")
        for rung in range(max(rungs)):
            for feature, top in zip(("checkout", "search"), rungs, strict=True):
                self._edit(feature, {"tier": min(rung + 1, top)})
            self.world.at(self.world.now + timedelta(hours=1))
            self.world.tick("a")
            self.open_branch("checkout", back=1, rungs=2, fields={})
        self.open_branch("search", back=0, rungs=1, fields={"whitelist": ["ada"]})
        if off:
            self._roll_back("checkout")
            self.world.tick("b")

    # What people do.

    @rule(feature=_FEATURES, rungs=_RUNGS, fields=_FIELDS, waits=st.booleans(), then=_THEN)
    def edit(self, feature: str, rungs: int, fields: Mapping[str, Any], *, waits: bool, then: str | None) -> None:
        """Change a file on the tip."""
        self._edit(feature, {"tier": self._tier(feature, rungs), **fields})
        if waits:
            self.world.at(self.world.now + timedelta(hours=24))
        self._then(then)

    @rule(feature=_FEATURES, kind=st.sampled_from(["right", "right", "skips", "forgets"]), tier=_RUNGS, then=_THEN)
    def restart(self, feature: str, kind: str, tier: int, then: str | None) -> None:
        """Ask for another attempt, as one should or not, whether or not this one was rolled back."""
        row = self.world.model.features.get(feature)
        attempt = 1 if row is None else row.attempt
        said = {
            "right": {"attempt": attempt + 1, "rolled_back": attempt},
            "skips": {"attempt": attempt + 2, "rolled_back": attempt + 1},
            "forgets": {"attempt": attempt + 1},
        }[kind]
        self._edit(feature, {**said, "tier": max(tier, 0)})
        self._then(then)

    @rule(hours=st.sampled_from([0, 0, 2]), frozen_for=st.sampled_from([0, 0, 30]), then=_THEN)
    def govern(self, hours: int, frozen_for: int, then: str | None) -> None:
        """Change the policy."""
        policy: dict[str, Any] = {"min_dwell": f"{hours}h"}
        if frozen_for:
            policy["freezes"] = [a_freeze(self.world.now, self.world.now + timedelta(hours=frozen_for))]
        self._change({POLICY: yaml_of(policy)}, "Change the policy")
        self._then(then)

    @rule(feature=_FEATURES, kind=st.sampled_from(["delete", "bring back", "move", "break"]), then=_THEN)
    def lose(self, feature: str, kind: str, then: str | None) -> None:
        """Delete a file, bring it back, move it or break it."""
        self.world.ring.pull()
        if kind != "bring back" or self.world.person.can_bring_back(feature):
            self._change(self.world.person.lost(feature, kind), f"{kind} {feature}")
        self._then(then)

    @rule(feature=_FEATURES, back=_BACK, rungs=_RUNGS, fields=_FIELDS)
    def open_branch(self, feature: str, back: int, rungs: int, fields: Mapping[str, Any]) -> None:
        """Change a file on a branch that begins at an older commit."""
        world, commit = self.world, self._older(back)
        world.ring.pull()
        world.ring.person.git("reset", "--quiet", "--hard", commit)
        tier = self._tier(feature, rungs, commit)
        world.person.branch(commit, world.person.edited(feature, {"tier": tier, **fields}))

    @rule(which=st.integers(0, 9), theirs=st.booleans(), then=_THEN)
    def merge(self, which: int, *, theirs: bool, then: str | None) -> None:
        """Merge a branch that was opened before, in a conflict by taking its side, or not at all."""
        branches = self.world.person.branches
        merged = self.world.person.merge(branches[which % len(branches)], *(["-Xtheirs"] if theirs else []))
        note(f"merged: {merged}")
        self.world.pushed()
        self._then(then)

    @precondition(lambda self: self.world.branch.rollbacks(None, self.world.branch.tip))
    @rule(then=_THEN)
    def revert_write_back(self, then: str | None) -> None:
        """Revert the last commit that tells of a rollback."""
        world = self.world
        commit = next((each for each in world.branch.trunk() if world.branch.nodes[each].told), None)
        if commit is not None:
            note(f"reverted: {world.person.revert(commit)}")
            self.world.pushed()
        self._then(then)

    @rule(back=st.integers(1, 4), reanchors=st.booleans(), then=_THEN)
    def force(self, back: int, *, reanchors: bool, then: str | None) -> None:
        """Set the branch back to an older commit, and say that it is meant, or not."""
        self.world.person.force(self._older(back))
        self.world.was_forced = True
        self.world.pushed()
        if reanchors:
            self.world.reanchor()
        self._then(then)

    @precondition(lambda self: self.world.was_forced)
    @rule()
    def reanchor(self) -> None:
        """Take what the branch is now into force."""
        self.world.reanchor()

    @rule(feature=_FEATURES, then=_THEN)
    def roll_back(self, feature: str, then: str | None) -> None:
        """Roll a feature back by hand."""
        self._roll_back(feature)
        self._then(then)

    @rule(feature=_FEATURES, worker=_WORKERS, then=_THEN)
    def fail(self, feature: str, worker: str, then: str | None) -> None:
        """Let customers meet errors, and a worker look."""
        row = self.world.model.features.get(feature)
        if row is not None and row.tier:
            self.world.fail(feature, worker)
        self._then(then)

    # What the product does, and the world.

    @rule(worker=_WORKERS)
    def tick(self, worker: str) -> None:
        """Make a pass."""
        self.world.tick(worker)

    @rule(back=_BACK)
    def apply(self, back: int) -> None:
        """Apply the tip or an older commit."""
        self.world.apply(self._older(back))

    @rule(which=st.integers(0, 9))
    def apply_a_branch(self, which: int) -> None:
        """Apply a branch, whether or not it was merged."""
        branches = [each for each in self.world.person.branches if self.world.has("a", each)]
        if branches:
            self.world.apply(branches[which % len(branches)])

    @rule(feature=_FEATURES, kill=_KILLS, time=st.sampled_from([1, 1, 1, 2]), then=_THEN)
    def kill(self, feature: str, kill: tuple[str, str], time: int, then: str | None) -> None:
        """Kill a pass that has something to do."""
        first, point = kill
        if first == "raise":
            self.world.at(self.world.now + timedelta(hours=24))
            self._edit(feature, {"tier": self._tier(feature, 1)})
        if first == "roll back":
            self._roll_back(feature)
        self.world.kill(point, time)
        self._then(then)

    @rule(span=_SPANS)
    def pass_time(self, span: timedelta) -> None:
        """Turn the clocks."""
        self.world.at(self.world.now + span)

    @invariant()
    def is_as_it_should_be(self) -> None:
        """Hold everything against the model."""
        self.world.is_as_it_should_be()

    def _edit(self, feature: str, fields: Mapping[str, Any]) -> None:
        self.world.ring.pull()
        self._change(self.world.person.edited(feature, fields), f"Change {feature}")

    def _change(self, paths: Mapping[str, str | None], message: str) -> None:
        self.world.person.change(paths, message)
        self.world.pushed()

    def _roll_back(self, feature: str) -> None:
        row = self.world.model.features.get(feature)
        if row is not None and not row.rolled_back:
            self.world.roll_back(feature)

    def _then(self, worker: str | None) -> None:
        if worker is not None:
            self.world.tick(worker)

    def _older(self, back: int) -> str:
        trunk = self.world.branch.trunk()
        return trunk[min(back, len(trunk) - 1)]

    def _tier(self, feature: str, rungs: int, commit: str | None = None) -> int:
        branch = self.world.branch
        fields = branch.tree(commit or branch.tip).files.get(feature) or {}
        tier: int = fields.get("tier", 0)
        return min(max(tier + rungs, 0), 4)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer, template: str) -> Iterator[Laid]:
    """What every example begins with."""
    with begun(tmp_path_factory.mktemp("machine"), server, template) as laid:
        yield laid


def _run(laid: Laid, server: EmbeddedServer, folder: Path, *, examples: int, steps: int) -> None:
    machine: Any = lambda: Machine(laid, server, folder)  # noqa: E731 - it only looks like a class
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        ),
    )


@pytest.mark.timeout(600)
def test_whatever_happens_the_model_is_right(laid: Laid, server: EmbeddedServer, tmp_path: Path) -> None:
    _run(laid, server, tmp_path, examples=5, steps=20)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_however_long_it_goes_on_the_model_is_right(laid: Laid, server: EmbeddedServer, tmp_path: Path) -> None:
    _run(laid, server, tmp_path, examples=60, steps=40)
