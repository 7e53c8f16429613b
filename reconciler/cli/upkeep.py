"""What the `events` commands do with the database and the policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta

from reconciler.cli.databases import data_folder
from reconciler.cli.features import unknown_feature
from reconciler.cli.invocation import Invocation
from reconciler.cli.requests import only_published_commits, only_the_reviewed_branch
from reconciler.domain.duration import parse_duration
from reconciler.domain.events import fault_of_customer
from reconciler.domain.upkeep import Fact
from reconciler.errors import UsageError
from reconciler.render.events import EventsView, fact_text
from reconciler.store.connection import Connection, connect
from reconciler.store.failures import translated
from reconciler.store.postgres import PostgresStore
from reconciler.store.received import Wanted, read_events
from reconciler.wiring.database import checked_dsn, embedded_dsn
from reconciler.wiring.files import open_repository, root_of
from reconciler.wiring.policy import policy_at_tip


@contextmanager
def connected(call: Invocation) -> Iterator[Connection]:
    """Open the database that the settings name, else the embedded one."""
    dsn = call.settings.dsn
    with call.talk.step("connecting"):
        ready = embedded_dsn(call.settings, data_folder(call), call.talk.note) if dsn is None else checked_dsn(dsn)
    with translated(), closing(connect(ready)) as connection:
        yield connection


def listed(call: Invocation, wanted: Wanted, stretch: timedelta) -> EventsView:
    """Return the newest events of the features that are named, of every known one when none is."""
    with connected(call) as connection:
        store = PostgresStore(lambda: connection)
        known = store.index().features
        for feature in wanted.features:
            if feature not in known:
                raise unknown_feature(feature, known)
        now = store.scope().now
        one_more = replace(wanted, features=wanted.features or sorted(known), limit=wanted.limit + 1)
        found = read_events(connection, one_more, now=now, since=now - stretch)
    has_more = len(found) > wanted.limit
    return EventsView(events=found[: wanted.limit], since=now - stretch, now=now, has_more=has_more)


def retention_of(call: Invocation) -> timedelta:
    """Return how long the reviewed policy keeps events; a shared database asks for a reviewed branch."""
    only_the_reviewed_branch(call.settings)
    with open_repository(call.settings) as repository:
        only_published_commits(call.settings, repository)
        return policy_at_tip(repository, root_of(call.settings)).retention


def check_root(call: Invocation, connection: Connection) -> None:
    """Raise when the database serves another root, whose policy may keep events for longer."""
    served, root = PostgresStore(lambda: connection).scope().root, root_of(call.settings)
    if served not in (None, root):
        raise UsageError(f"this database serves the root {served}, not {root}; name that with --root")


def tell(call: Invocation, facts: Iterable[Fact], *, dry_run: bool = False) -> None:
    """Write each fact as soon as it is one."""
    coming = iter(facts)
    while True:
        with call.talk.step("looking after the events"):
            fact = next(coming, None)
        if fact is None:
            return
        call.write(fact_text(fact, call.style, dry_run=dry_run))


def duration_of(text: str) -> timedelta:
    """Return the duration that a person wrote."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error


def checked_customer(customer: str | None) -> str | None:
    """Return the id of a customer, or raise when nobody can have it."""
    fault = None if customer is None else fault_of_customer(customer)
    if fault is not None:
        raise UsageError(f"--customer: {fault}")
    return customer
