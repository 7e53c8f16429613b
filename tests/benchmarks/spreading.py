"""How soon 50 clients know of a change: by notification, and by polling when that is cut off.

Goal: everywhere in under a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from statistics import quantiles
from uuid import uuid4

from reconciler.client import RolloutClient
from reconciler.domain.ladder import Tier
from reconciler.domain.ledger import Cause, RevisionRecord
from reconciler.domain.plan import Create, Rollback, Update
from reconciler.domain.state import Standing
from reconciler.domain.transition import rolled_back
from reconciler.store.connection import connect
from reconciler.store.postgres import PostgresStore
from tests.benchmarks.databases import a_migrated_database

CLIENTS = 50
ROUNDS = 20
_POLL = 0.5  # seconds


def main() -> None:
    """Print how long news takes."""
    with a_migrated_database() as dsn, closing(PostgresStore.at(dsn)) as store:
        revision = "a" * 40
        store.take_revision(
            RevisionRecord(previous_number=0, root="rollouts.d", revision=revision, actor="benchmark")
        )
        toggle = _toggle(store, revision)
        _measured(dsn, toggle, "by notification", poll=300.0)
        _measured(dsn, _once(store), "a rollback, by notification", poll=300.0, rounds=1)
        with closing(connect(dsn)) as admin:
            admin.execute("alter table rollouts.rollout_transitions disable trigger announce")
        _measured(dsn, toggle, f"by polling every {_POLL} s, notifications cut off", poll=_POLL)


def _measured(dsn: str, toggle: Callable[[], None], how: str, *, poll: float, rounds: int = ROUNDS) -> None:
    takes: list[float] = []
    begun = [0.0]
    lock = threading.Lock()

    def heard(_features: object) -> None:
        moment = time.perf_counter()
        with lock:
            takes.append(moment - begun[0])

    with ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(
                RolloutClient(dsn, poll=poll, record_exposures=False, handle_sigterm=False)
            )
            client.on_change(heard)
        for number in range(rounds):
            begun[0] = time.perf_counter()  # the transaction itself is in the figure
            toggle()
            end = begun[0] + 30
            while len(takes) < CLIENTS * (number + 1) and time.perf_counter() < end:
                time.sleep(0.001)
            time.sleep(0.1)
    cuts = quantiles(takes, n=100)
    print(
        f"{CLIENTS} clients, {rounds} changes, {how}: {len(takes)} heard of {CLIENTS * rounds}, "
        f"p50 {1e3 * cuts[49]:.1f} ms, p99 {1e3 * cuts[98]:.1f} ms, last {1e3 * max(takes):.1f} ms"
    )


def _once(store: PostgresStore) -> Callable[[], None]:
    def roll_back() -> None:
        state = store.states(["checkout"])["checkout"]
        after = rolled_back(state.standing, state.standing.attempt)
        change = Rollback(
            feature="checkout", before=state, after=after, reason="errors", is_settled=False, commit="b" * 40
        )
        store.transition(change, transition_id=uuid4(), cause=Cause(revision=None, actor="benchmark"))

    return roll_back


def _toggle(store: PostgresStore, revision: str) -> Callable[[], None]:
    cause = Cause(revision=revision, actor="benchmark")
    first = Create(feature="checkout", before=None, after=Standing(tier=Tier.INTERNAL), reason="a new rollout")
    store.transition(first, transition_id=uuid4(), cause=cause)

    def toggled() -> None:
        state = store.states(["checkout"])["checkout"]
        listed = frozenset() if state.standing.blacklist else frozenset({"ada"})
        after = replace(state.standing, blacklist=listed)
        change = Update(feature="checkout", before=state, after=after, reason="blacklist")
        store.transition(change, transition_id=uuid4(), cause=cause)

    return toggled
