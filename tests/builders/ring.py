"""The whole ring for tests: a bare remote, a person who pushes to it, a database by the real clock, and workers.

ring = a_ring(tmp_path, database)
ring.push({"checkout": {"tier": 1}})
with ring.worker("a") as worker:
    worker.tick()
    ring.report("checkout", failing=12, healthy=10)
    worker.look()
    worker.tick()
assert ring.said("checkout") == {"tier": 0, "rolled_back": 1}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import yaml

from reconciler.domain.events import Batch, EventKind
from reconciler.domain.state import State
from reconciler.domain.write_back import WriteBack
from reconciler.reconcile.facts import Fact
from reconciler.reconcile.override import Grounds, RolledBack, roll_back
from reconciler.reconcile.tick import Tick, Ticker
from reconciler.reconcile.watch import Watch
from reconciler.reconcile.writeback import Target, WriteBacks
from reconciler.repository.clone import Clone, opened_clone
from reconciler.repository.remote import Remote
from reconciler.store.connection import connect
from reconciler.store.events import store_batch
from reconciler.store.postgres import PostgresStore
from reconciler.wiring.remote import RemoteSource
from tests.builders.children import Child, a_command
from tests.builders.database import Database
from tests.builders.git import Content, GitSandbox, a_repository
from tests.builders.remotes import a_script
from tests.builders.scene import ROOT, path_of, yaml_of
from tests.builders.tallies import an_event

MAIN = "refs/heads/main"
AT_ONCE: Mapping[str, Any] = {"min_dwell": "0s", "dwell": "0s", "thresholds": {"min_exposed": 0}}
# A hook: no rollback gets to main, whatever else may.
REFUSES_ROLLBACKS = """\
while read -r old new ref; do
    [ "$ref" = refs/heads/main ] && git log --format=%B "$old..$new" | grep -q ^Rollback-Id: && exit 1
done
exit 0
"""
_SHORT = timedelta(seconds=20)


@dataclass
class Worker:
    """One replica of the product in this process: it watches, ticks and writes back."""

    watch: Watch
    ticker: Ticker
    writing: WriteBacks
    clone: Clone
    store: PostgresStore
    facts: list[Fact] = field(default_factory=list)

    def look(self) -> list[str]:
        """Judge everything and return the features that were rolled back."""
        return [done.feature for done in self.watch.look()]

    def tick(self) -> Tick:
        """Make one pass."""
        return self.ticker.tick()

    def told(self, name: str) -> list[Mapping[str, object]]:
        """Return the fields of every fact of this name."""
        return [fact.fields for fact in self.facts if fact.name == name]


@dataclass
class Ring:
    """A remote, a person's clone of it, and a database."""

    folder: Path
    database: Database
    remote: GitSandbox
    person: GitSandbox
    store: PostgresStore
    by_people: set[str] = field(default_factory=set)

    def push(self, features: Mapping[str, Mapping[str, Any] | None], message: str = "Change the rollouts") -> str:
        """Commit these definitions, None removes one, on what the remote holds now, and push them."""
        files = {
            path_of(feature): yaml_of({"feature": feature, **fields})
            for feature, fields in features.items()
            if fields is not None
        }
        gone = [path_of(feature) for feature, fields in features.items() if fields is None]
        return self.commit(files, message=message, delete=gone)

    def edit(self, path: str, change: Callable[[str], str], *, tries: int = 1) -> str:
        """Change the text of one file, new ones are empty before, as a person does who pulls when a push fails."""
        while True:
            self.pull()
            there = self.person.path / path
            commit = self.person.commit({path: change(there.read_text() if there.exists() else "")})
            try:
                self.person.git("push", "--quiet", "origin", "HEAD:main")
            except AssertionError:
                tries -= 1
                if not tries:
                    raise
            else:
                self.by_people.add(commit)
                return commit

    def commit(
        self, files: Mapping[str, Content], *, message: str = "Change the files", delete: Sequence[str] = ()
    ) -> str:
        """Commit these very files on what the remote holds now, and push them."""
        self.pull()
        self.person.commit(files, message=message, delete=delete)
        self.person.git("push", "--quiet", "origin", "HEAD:main")
        self.by_people.add(self.person.tip())
        return self.person.tip()

    def pull(self) -> str:
        """Bring the person's clone to what the remote holds, and return that tip."""
        self.person.git("fetch", "--quiet", "origin")
        self.person.git("reset", "--quiet", "--hard", "origin/main")
        return self.person.tip()

    @contextmanager
    def worker(
        self, name: str = "a", *, timeout: timedelta = _SHORT, remote: str | None = None
    ) -> Iterator[Worker]:
        """Open a replica with a clone and connections of its own; `remote` is another way to the remote."""
        facts: list[Fact] = []
        place = Remote(url=remote or str(self.remote.path))
        watching, ticking = (PostgresStore.at(self.database.dsn_for("rollouts_reconciler")) for _ in range(2))
        try:
            with opened_clone(self.folder / "clones" / name, place, MAIN, timeout) as clone:
                target = Target(root=ROOT, branch=MAIN, name="robot", email="robot@example.com")
                writing = WriteBacks(
                    outbox=ticking, clone=clone, target=target, tell=facts.append, wait=_never_stops
                )
                ticker = Ticker(
                    store=ticking,
                    keeper=ticking,
                    source=RemoteSource(clone),
                    root=ROOT,
                    actor="robot",
                    clock=lambda: datetime.now(UTC),
                    new_id=uuid4,
                    tell=facts.append,
                    workers=(writing,),
                )
                watch = Watch(store=watching, new_id=uuid4, tell=facts.append)
                yield Worker(watch=watch, ticker=ticker, writing=writing, clone=clone, store=ticking, facts=facts)
        finally:
            watching.close()
            ticking.close()

    def start(
        self, *words: str, name: str = "a", failpoints: str = "", remote: str | None = None, **variables: str
    ) -> Child:
        """Start a command of the replica `name` in a process of its own, in which these failpoints are armed."""
        where = self.variables(name) | ({} if remote is None else {"RECONCILER_REMOTE": remote})
        return a_command(words, self.folder, where | variables, failpoints=failpoints)

    def variables(self, name: str = "a") -> dict[str, str]:
        """Return the settings of a replica, as variables."""
        return {
            "RECONCILER_DSN": self.database.dsn_for("rollouts_reconciler"),
            "RECONCILER_DATA_FOLDER": str(self.folder / "data" / name),
            "RECONCILER_REMOTE": str(self.remote.path),
            "RECONCILER_BRANCH": "main",
            "RECONCILER_ACTOR": "robot",
        }

    def roll_back(self, feature: str, reason: str = "double charges") -> RolledBack:
        """Roll a feature back as a person does."""
        return roll_back(self.store, feature, Grounds(reason=reason, actor="ada"), uuid4)

    def report(self, feature: str, *, failing: int, healthy: int) -> None:
        """Report so many customers, received now, of the attempt and epoch under way."""
        state = self.states()[feature]
        event = partial(an_event, feature=feature, attempt=state.standing.attempt, epoch=state.epoch)
        events = [event(f"bad-{n}", EventKind.ERROR) for n in range(failing)]
        events += [event(f"good-{n}") for n in range(healthy)]
        with connect(self.database.dsn_for("rollouts_application")) as application:
            store_batch(application, Batch(id=uuid4(), events=tuple(events)))

    def states(self) -> Mapping[str, State]:
        """Return every state."""
        return self.store.states(None)

    def write_backs(self) -> list[WriteBack]:
        """Return the outbox, oldest first."""
        return list(self.store.write_backs(all_of_them=True))

    def due_now(self) -> None:
        """Make everything in the outbox due."""
        with psycopg.connect(self.database.dsn, autocommit=True) as admin:
            admin.execute("update rollouts.rollout_write_backs set next_try_at = now() - interval '1 minute'")

    def hook(self, name: str, script: str) -> None:
        """Let the remote run this script of its shell when somebody pushes."""
        a_script(self.remote.path / "hooks" / name, script)

    def unhook(self, name: str) -> None:
        """Let it run nothing any more."""
        (self.remote.path / "hooks" / name).unlink()

    def content(self, feature: str, revision: str = "main", *, path: str | None = None) -> str:
        """Return the file of a feature at the remote, without its last line's end."""
        return self.remote.git("show", f"{revision}:{path or path_of(feature)}")

    def said(self, feature: str, revision: str = "main", *, path: str | None = None) -> dict[str, Any]:
        """Return tier, attempt and rolled_back as the file at the remote says them."""
        data = yaml.safe_load(self.content(feature, revision, path=path))
        return {name: data[name] for name in ("tier", "attempt", "rolled_back") if name in data}

    def subjects(self, revision: str = "main") -> list[str]:
        """Return the subjects of all commits, newest first."""
        return self.remote.git("log", "--format=%s", revision).splitlines()

    def rollback_ids(self, revision: str = "main") -> list[str]:
        """Return the id that each write-back on the branch names, newest first."""
        found = self.remote.git("log", "--format=%(trailers:key=Rollback-Id,valueonly)", revision)
        return [line for line in found.splitlines() if line]


@contextmanager
def a_ring(
    folder: Path, database: Database, features: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Ring]:
    """Lay a ring with a policy that waits for nothing, and these definitions in its first commit."""
    files = {path_of(name): yaml_of({"feature": name, **fields}) for name, fields in (features or {}).items()}
    files[f"{ROOT}/_policy.yaml"] = yaml_of(AT_ONCE)
    begun = a_repository(folder, files, name="begun")
    remote = begun.clone(folder / "remote.git", bare=True)
    person = remote.clone(folder / "person")
    store = PostgresStore.at(database.dsn_for("rollouts_reconciler"))
    try:
        by_people = {person.tip()}
        yield Ring(folder=folder, database=database, remote=remote, person=person, store=store, by_people=by_people)
    finally:
        store.close()


def _never_stops(_seconds: float) -> bool:
    return False
