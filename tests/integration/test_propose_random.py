"""People, replicas, errors and kills in any order: what a person pushed stays, and nothing is asked for wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from tests.builders.asking import PREFIX, Proposer, a_proposer, branches, rows
from tests.builders.database import Database
from tests.builders.ring import Ring, a_ring
from tests.builders.scene import ROOT

FEATURES = ("checkout", "search")
POINTS = ("wanting", "wanted", "pushing", "pushed", "opening", "opened", "ending", "ended", "deleting", "deleted")
STEPS = 25


@dataclass
class World:
    """The ring, replicas on it, and what people pushed to the branches of proposals."""

    ring: Ring
    replicas: list[Proposer]
    random: Random
    theirs: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    count: int = 0

    def act(self) -> None:
        """Let something happen, and look whether what people pushed is there still."""
        happenings: list[Callable[[str], None]] = [*[self.tick] * 5, *[self.strike] * 2]
        happenings += [self.edits, self.pauses, self.merges, self.touches, self.deletes, self.fails, self.restarts]
        happening = self.random.choice(happenings)
        feature = self.random.choice(FEATURES)
        self.log.append(f"{happening.__name__} {feature}")
        happening(feature)
        self.look()

    def look(self) -> None:
        """Compare what lies on the branches with what people pushed there."""
        there = branches(self.ring)
        assert {feature: there.get(feature) for feature in self.theirs} == self.theirs, self.log

    def tick(self, _feature: str) -> None:
        """Let a replica make a pass."""
        self.random.choice(self.replicas).tick()

    def strike(self, _feature: str) -> None:
        """Let a replica be killed somewhere, if it gets there."""
        point = self.random.choice(POINTS)
        self.ring.start("run", "--once", "--propose", failpoints=f"propose.{point}=kill").ended()

    def edits(self, feature: str) -> None:
        """Change another line of the file."""
        self.count += 1
        self.file(feature, description=f"edit {self.count}")

    def pauses(self, feature: str) -> None:
        """Pause it, or resume it."""
        self.file(feature, paused=not self.said(feature).get("paused", False))

    def merges(self, feature: str) -> None:
        """Merge what lies on the branch; it may conflict."""
        if feature not in branches(self.ring):
            return
        self.ring.pull()
        try:
            self.ring.person.git("merge", "--quiet", "--no-ff", "-m", "Merge", f"origin/{PREFIX}/{feature}")
        except AssertionError:
            self.ring.person.git("merge", "--abort")
            return
        self.ring.person.git("push", "--quiet", "origin", "HEAD:main")

    def touches(self, feature: str) -> None:
        """Add a commit to the branch."""
        if feature not in branches(self.ring):
            return
        self.count += 1
        self.ring.pull()
        self.ring.person.git("reset", "--quiet", "--hard", f"origin/{PREFIX}/{feature}")
        self.theirs[feature] = self.ring.person.commit({f"{ROOT}/notes.md": f"{self.count}\n"})
        self.ring.person.git("push", "--quiet", "origin", f"HEAD:refs/heads/{PREFIX}/{feature}")

    def deletes(self, feature: str) -> None:
        """Delete the branch."""
        if self.theirs.pop(feature, None) or feature in branches(self.ring):
            self.ring.person.git("push", "--quiet", "origin", f":refs/heads/{PREFIX}/{feature}")

    def fails(self, feature: str) -> None:
        """Roll it back."""
        self.ring.roll_back(feature)

    def restarts(self, feature: str) -> None:
        """Begin the next attempt, once git knows of the rollback."""
        attempt, rolled_back = (
            self.said(feature).get(name, default) for name, default in (("attempt", 1), ("rolled_back", 0))
        )
        if attempt == rolled_back:
            self.file(feature, tier=1, attempt=attempt + 1, paused=False)

    def said(self, feature: str) -> dict[str, Any]:
        """Return what the file says."""
        said: dict[str, Any] = yaml.safe_load(self.ring.content(feature))
        return said

    def file(self, feature: str, **fields: Any) -> None:
        """Push the file with these fields changed."""
        said = {**self.said(feature), **fields}
        said.pop("feature")
        self.ring.push({feature: said})


@pytest.fixture
def world(tmp_path: Path, database: Database) -> Iterator[Callable[[int], World]]:
    with a_ring(tmp_path, database, {feature: {"tier": 1} for feature in FEATURES}) as ring, ExitStack() as stack:
        replicas = [stack.enter_context(a_proposer(ring, name)) for name in ("b", "c")]
        replicas[0].tick()
        yield lambda seed: World(ring=ring, replicas=replicas, random=Random(seed))


@pytest.mark.parametrize(
    "seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))]
)
def test_nothing_of_a_person_is_lost_and_nothing_is_asked_for_wrongly(
    world: Callable[[int], World], seed: int
) -> None:
    there = world(seed)
    for _ in range(STEPS):
        there.act()
    for replica in (*there.replicas, *there.replicas):
        replica.tick()
    there.look()

    for feature in FEATURES:
        assert not fault(there, feature), (fault(there, feature), there.log)


def fault(world: World, feature: str) -> str:
    """Say what is wrong with the branch of a feature after quiet passes; nothing when all is well."""
    ring, row = world.ring, rows(world.ring).get(feature)
    branch, standing = branches(ring).get(feature), ring.states()[feature].standing
    if feature in world.theirs:
        return ""
    may_climb = 0 < standing.tier < standing.target and not standing.paused and not standing.rolled_back
    is_over = (
        row is not None
        and row.is_about(ring.states()[feature])
        and row.status.value in ("declined", "touched", "merged")
    )
    if not may_climb or is_over:
        is_a_no = row is not None and row.status.value == "declined"
        return f"{branch} is left" if branch is not None and not is_a_no else ""
    if row is None or branch != row.commit or row.status.value != "open":
        return f"{branch} is there, {row} is meant"
    asked, said = (f"{ring.content(feature, revision)}\n" for revision in (f"{PREFIX}/{feature}", "main"))
    expected = said.replace(f"tier: {int(standing.tier)}\n", f"tier: {standing.tier + 1}\n")
    return "" if asked == expected else f"it asks for {asked}, not {expected}"
