"""From the last event over the threshold to: rollback committed, 50 clients off, commit at the remote.

Goals: p99 1 s, 1.5 s and 3 s; 100 rollbacks at once all in git within 30 s.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import quantiles
from uuid import uuid4

from psycopg.conninfo import make_conninfo

from reconciler.client import RolloutClient
from reconciler.domain.events import Batch, Event, EventKind
from reconciler.reconcile.facts import unheard
from reconciler.reconcile.loop import Wake
from reconciler.settings import Settings
from reconciler.store.connection import Connection, connect
from reconciler.store.events import extend_events, store_batch
from reconciler.store.postgres import PostgresStore
from reconciler.wiring.loop import Hands, Pace, loop_of, opened_crew, woken
from tests.benchmarks.databases import a_migrated_database
from tests.builders.git import GitSandbox, a_repository

CLIENTS = 50
ROUNDS = 40
AT_ONCE = 100
_POLICY = '{"min_dwell": "0s", "dwell": "0s", "thresholds": {"min_exposed": 0}}'


def main() -> None:
    """Print how soon each is so, and how soon a hundred are."""
    single = [f"single_{number}" for number in range(ROUNDS)]
    many = [f"many_{number}" for number in range(AT_ONCE)]
    with tempfile.TemporaryDirectory() as folder, a_migrated_database() as dsn:
        remote = _remote(Path(folder), [*single, *many])
        with _running(dsn, remote, Path(folder)), closing(connect(dsn)) as application:
            _created(dsn, ROUNDS + AT_ONCE)
            extend_events(application)
            _one_by_one(dsn, application, remote, single)
            _together(dsn, application, many)


def _one_by_one(dsn: str, application: Connection, remote: GitSandbox, features: Sequence[str]) -> None:
    off: dict[str, list[float]] = {feature: [] for feature in features}
    committed, told, unreached = [], [], []

    def heard(changed: Collection[str]) -> None:
        for feature in off.keys() & set(changed):
            off[feature].append(time.time())

    with ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(
                RolloutClient(dsn, poll=300.0, record_exposures=False, handle_sigterm=False)
            )
            client.on_change(heard)
        for feature in features:
            _report(application, feature, healthy=100, failing=0)
            _report(application, feature, healthy=0, failing=12)
            begun, before = time.time(), remote.tip("main")
            _until(partial(_differs, remote, before))
            told.append((remote.path / "refs/heads/main").stat().st_mtime - begun)
            committed.append(_rolled_back_at(dsn, feature) - begun)
            _until(partial(_has, off[feature], CLIENTS))
            unreached.append(max(off[feature]) - begun)
            time.sleep(0.2)
    _print("rollback committed", committed, 1.0)
    _print(f"{CLIENTS} clients off", unreached, 1.5)
    _print("commit at the remote", told, 3.0)


def _together(dsn: str, application: Connection, features: Sequence[str]) -> None:
    for feature in features:
        _report(application, feature, healthy=20, failing=0)
    events = [_event(feature, f"bad-{number}", EventKind.ERROR) for feature in features for number in range(5)]
    store_batch(application, Batch(id=uuid4(), events=tuple(events)))
    begun = time.perf_counter()
    with closing(PostgresStore.at(dsn)) as store:
        _until(lambda: sum(each.feature in features for each in store.write_backs(all_of_them=True)) == AT_ONCE)
        print(f"{AT_ONCE} rollbacks at once: all committed after {time.perf_counter() - begun:.2f} s")
        _until(lambda: all(each.is_told for each in store.write_backs(all_of_them=True)))
    print(f"{AT_ONCE} rollbacks at once: all in git after {time.perf_counter() - begun:.2f} s   goal 30")


def _differs(remote: GitSandbox, before: str) -> bool:
    return remote.tip("main") != before


def _has(heard: list[float], count: int) -> bool:
    return len(heard) >= count


def _print(what: str, takes: Sequence[float], goal: float) -> None:
    cuts = quantiles(takes, n=100)
    print(f"{what:<24} p50 {cuts[49]:6.3f} s, p99 {cuts[98]:6.3f} s, last {max(takes):6.3f} s   goal p99 {goal} s")


def _rolled_back_at(dsn: str, feature: str) -> float:
    with closing(connect(dsn)) as connection:
        query = "select extract(epoch from at) as at from rollouts.rollout_transitions where kind = 'rollback' and "
        [row] = connection.execute(f"{query} feature_name = %s".encode(), [feature]).fetchall()
    return float(row["at"])


def _report(application: Connection, feature: str, *, healthy: int, failing: int) -> None:
    events = [_event(feature, f"good-{number}", EventKind.ENABLED) for number in range(healthy)]
    events += [_event(feature, f"bad-{number}", EventKind.ERROR) for number in range(failing)]
    store_batch(application, Batch(id=uuid4(), events=tuple(events)))


def _event(feature: str, customer: str, kind: EventKind) -> Event:
    return Event(
        id=uuid4(),
        feature=feature,
        customer=customer,
        kind=kind,
        attempt=1,
        epoch=1,
        is_enabled=True,
        sent_at=datetime.now(UTC),
    )


def _remote(folder: Path, features: Sequence[str]) -> GitSandbox:
    files = {f"rollouts.d/{feature}.yaml": f"feature: {feature}\ntier: 1\n" for feature in features}
    begun = a_repository(folder, {**files, "rollouts.d/_policy.yaml": _POLICY}, name="begun")
    return begun.clone(folder / "remote.git", bare=True)


@contextmanager
def _running(dsn: str, remote: GitSandbox, folder: Path) -> Iterator[None]:
    """Run the loop as `reconciler run` does."""
    settings = Settings(
        dsn=make_conninfo(dsn, options="-c role=rollouts_reconciler"),
        remote=str(remote.path),
        branch="main",
        data_folder=folder / "data",
    )
    changes = Wake()
    hands = Hands(tell=unheard, clock=lambda: datetime.now(UTC), wait=changes.sleep)
    with opened_crew(settings, settings.dsn or "", {}, hands) as crew:
        loop = loop_of(crew, Pace(watch_every=timedelta(seconds=10)), unheard, changes)
        thread = threading.Thread(target=loop.run)
        with woken(loop, dsn):
            thread.start()
            try:
                yield
            finally:
                loop.stop()
                thread.join()


def _created(dsn: str, count: int) -> None:
    with closing(PostgresStore.at(dsn)) as store:
        _until(lambda: len(store.index().features) == count)
    time.sleep(1)  # let the first passes end


def _until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "it never came to this"
        time.sleep(0.005)
