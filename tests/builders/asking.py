"""A replica that also proposes, on the ring of a test, and what lies on the branches of proposals.

with a_proposer(ring) as replica:
    replica.tick()
assert asked(ring, "checkout") == "Advance checkout: tier 1 -> 2 (1 % -> 10 %)"
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconciler.domain.proposal import Account, Proposal
from reconciler.reconcile.propose import Proposals
from reconciler.reconcile.tick import Tick
from reconciler.reconcile.writeback import Target
from reconciler.store.postgres import PostgresStore
from tests.builders.ring import MAIN, Ring, Worker
from tests.builders.scene import ROOT

PREFIX = f"propose/{ROOT}"


@dataclass
class Proposer:
    """A replica: it watches, ticks, writes back and proposes."""

    worker: Worker
    proposals: Proposals

    def tick(self) -> Tick:
        """Make one pass: apply, write back, propose."""
        return self.worker.tick()

    def propose(self, features: Collection[str] | None = None, *, is_rehearsal: bool = False) -> list[Account]:
        """Propose alone."""
        tip = self.worker.clone.fetch()
        return self.proposals.go_through(tip, features, is_rehearsal=is_rehearsal)

    def became(self, features: Collection[str] | None = None) -> dict[str, str]:
        """Propose alone, and return what became of each feature."""
        return {account.outlook.feature: account.became.value for account in self.propose(features)}

    def why(self, feature: str) -> str:
        """Propose alone, and return why nothing is asked for a feature."""
        [account] = self.propose([feature])
        return account.why

    def said(self, name: str) -> list[str]:
        """Return the features of every fact of this name."""
        return [str(fields["feature"]) for fields in self.worker.told(name)]


@contextmanager
def a_proposer(ring: Ring, name: str = "a", *, timeout: timedelta = timedelta(seconds=20)) -> Iterator[Proposer]:
    """Open a replica with a clone and connections of its own."""
    with ring.worker(name, timeout=timeout) as worker:
        store = PostgresStore.at(ring.database.dsn_for("rollouts_reconciler"))
        try:
            proposals = Proposals(
                store=store,
                clone=worker.clone,
                target=Target(root=ROOT, branch=MAIN, name="robot", email="robot@example.com"),
                clock=lambda: datetime.now(UTC),
                tell=worker.facts.append,
                wait=lambda _seconds: False,
            )
            worker.ticker.workers = (*worker.ticker.workers, proposals)
            yield Proposer(worker=worker, proposals=proposals)
        finally:
            store.close()


def branches(ring: Ring) -> dict[str, str]:
    """Return the commit of each feature's proposal at the remote."""
    listed = ring.remote.git("for-each-ref", "--format=%(refname:lstrip=4) %(objectname)", f"refs/heads/{PREFIX}")
    return dict(line.rsplit(" ", 1) for line in listed.splitlines())


def asked(ring: Ring, feature: str) -> str:
    """Return the subject of a feature's proposal."""
    return ring.remote.git("log", "-1", "--format=%s", f"{PREFIX}/{feature}")


def rows(ring: Ring) -> dict[str, Proposal]:
    """Return the row of each feature."""
    return {each.feature: each for each in ring.store.proposals(sorted(ring.states()))}


def statuses(ring: Ring) -> dict[str, str]:
    """Return how far each proposal is."""
    return {feature: row.status.value for feature, row in rows(ring).items()}
