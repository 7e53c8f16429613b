"""What the demo plays in: a bare remote, a database, the loop of `run`, and the person who pushes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.client import RolloutClient
from reconciler.definitions.edit import Edit, edit
from reconciler.demo.traffic import Traffic
from reconciler.domain.commit import Signature
from reconciler.domain.state import State
from reconciler.errors import ReconcilerError
from reconciler.reconcile.branch import locate
from reconciler.reconcile.facts import Fact
from reconciler.reconcile.loop import Wake
from reconciler.repository.clone import Clone, opened_clone
from reconciler.repository.remote import Remote
from reconciler.repository.scratch import lay_remote
from reconciler.settings import DEFAULT_ROOT, Settings
from reconciler.store import embedded
from reconciler.store.postgres import PostgresStore
from reconciler.wiring.database import APPLICATION, embedded_dsn, store_at
from reconciler.wiring.loop import Hands, Pace, loop_of, opened_crew, woken

FEATURE = "one_page_checkout"
MAIN = "refs/heads/main"
PATH = f"{DEFAULT_ROOT}/{FEATURE}.yaml"
_PATIENCE = 30.0  # seconds for anything to come about
_POLICY = """\
min_dwell: 0s        # in life: 24h or more
dwell: 3s            # in life: days
thresholds: {error_rate: 0.05, confidence: 0.99, window: 1m, min_exposed: 5}
"""
_DEFINITION = f"""\
feature: {FEATURE}
description: Address, delivery and payment on one page instead of four.
owner: team-checkout
tier: 1              # 0, 1, 10, 50, 100 % of the customers
"""


@dataclass(slots=True, kw_only=True)
class Scenery:
    """The stage while the demo plays; `facts` are what the loop said, with the moment at which it did."""

    person: Clone
    remote: Path
    store: PostgresStore
    traffic: Traffic
    clock: Callable[[], datetime]
    facts: list[tuple[float, Fact]] = field(default_factory=list)

    def push(self, message: str, change: Edit | Mapping[str, bytes]) -> str:
        """Push a commit of Ada's to the branch, as a merged pull request does, and return its id."""
        tip = self.person.fetch()
        files = change if not isinstance(change, Edit) else self._edited(tip, change)
        commit = self.person.commit(tip, files, message, _ada(self.clock()))
        report = self.person.push(commit, MAIN, onto=tip)
        if not report.is_accepted:
            raise ReconcilerError(f"the demo's own remote refused a commit: {report.said}")
        return commit

    def content(self, revision: str) -> bytes:
        """Return the definition at a commit."""
        located = locate(self.person.repository, revision, DEFAULT_ROOT, FEATURE)
        if located is None:
            raise ReconcilerError(f"{FEATURE} has no file at {revision[:10]}")
        return located.content

    def state(self) -> State | None:
        """Return how the feature stands."""
        return self.store.states([FEATURE]).get(FEATURE)

    def fact(self, name: str, since: float) -> tuple[float, Fact] | None:
        """Return the first fact of this name since a moment, and when it was told."""
        return next((each for each in self.facts if each[0] >= since and each[1].name == name), None)

    def until(self, what: str, condition: Callable[[], object], *, meanwhile: Callable[[], None]) -> float:
        """Wait until something is so and return the moment; ReconcilerError when it never is."""
        end = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > end:
                told = "; ".join(fact.name for _, fact in self.facts[-5:])
                raise ReconcilerError(f"{what} did not come about within {_PATIENCE:g} s; last heard: {told}")
            meanwhile()
            time.sleep(0.02)
        return time.monotonic()

    def _edited(self, tip: str, change: Edit) -> Mapping[str, bytes]:
        return {PATH: edit(self.content(tip), PATH, change)}


@contextmanager
def a_scenery(folder: Path, clock: Callable[[], datetime], note: Callable[[str], None]) -> Iterator[Scenery]:
    """Build the stage in an empty folder; everything that runs on it ends with the block."""
    remote = folder / "shop.git"
    lay_remote(remote, MAIN, _ada(clock()))
    settings = Settings(
        remote=str(remote),
        branch="main",
        data_folder=folder / "database",
        actor="demo",
        author="robot <robot@demo>",
    )
    facts: list[tuple[float, Fact]] = []
    try:
        dsn = embedded_dsn(settings, folder / "database", note)
        application = embedded_dsn(settings, folder / "database", note, role=APPLICATION)
        with (
            opened_clone(folder / "ada", Remote(url=str(remote)), MAIN) as person,
            closing(store_at(dsn)) as store,
            closing(RolloutClient(application, handle_sigterm=False)) as client,
            _running(settings, dsn, clock, facts),
        ):
            traffic = Traffic(client, FEATURE)
            scenery = Scenery(person=person, remote=remote, store=store, traffic=traffic, clock=clock, facts=facts)
            traffic.start()
            try:
                yield scenery
            finally:
                traffic.stop()
    finally:
        embedded.stop(folder / "database")


def first_files() -> Mapping[str, bytes]:
    """Return what the first pull request brings."""
    return {f"{DEFAULT_ROOT}/_policy.yaml": _POLICY.encode(), PATH: _DEFINITION.encode()}


@contextmanager
def _running(
    settings: Settings, dsn: str, clock: Callable[[], datetime], facts: list[tuple[float, Fact]]
) -> Iterator[None]:
    changes = Wake()
    tell = lambda fact: facts.append((time.monotonic(), fact))  # noqa: E731 - as short as it is
    hands = Hands(tell=tell, clock=clock, wait=changes.sleep)
    with opened_crew(settings, dsn, {}, hands) as crew:
        pace = Pace(watch_every=timedelta(seconds=5), tick_every=timedelta(seconds=1))
        loop = loop_of(crew, pace, tell, changes)
        thread = threading.Thread(target=loop.run, name="run", daemon=True)
        with woken(loop, dsn):
            thread.start()
            try:
                yield
            finally:
                loop.stop()
                thread.join(20)


def _ada(at: datetime) -> Signature:
    return Signature(name="Ada", email="ada@shop.example", at=at)
