"""Days of events as they would be after months: made at once, and filled by the server itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.builders.database import Database

FEATURES = ("checkout", "search")
DAY = date(2026, 2, 3)
ARCHIVE = "rollout_events_20260203.jsonl.gz"

_FILL = """
insert into rollouts.rollout_events
select
    (%(features)s::text[])[1 + number %% 2], %(begins)s + number * interval '1 millisecond', 'customer-' || number,
    gen_random_uuid(), (array['enabled', 'disabled', 'error'])[1 + number %% 3], 1, 1, number %% 3 <> 1,
    %(begins)s, jsonb_build_object('page', '/basket', 'text', repeat('é"\\ ', 1 + number %% 5))
from generate_series(1, %(count)s) number
"""


@contextmanager
def some_days(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """Fill DAY with 300 events and its neighbours with three, and go on as the superuser, in UTC."""
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        admin.execute("set timezone to 'UTC'")
        neighbours = DAY - timedelta(days=1), DAY + timedelta(days=1)
        make_days(admin, DAY, *neighbours)
        fill_day(admin, DAY, 300)
        for day in neighbours:
            fill_day(admin, day, 3)
        yield admin


def make_days(admin: psycopg.Connection[Any], *days: date) -> None:
    """Make the partitions of these days, as the product does ahead of them."""
    for day in days:
        name = Identifier("rollouts", name_of_day(day))
        admin.execute(SQL("create table {} (like rollouts.rollout_events including all)").format(name))
        admin.execute(SQL("alter table {} owner to rollouts_owner").format(name))
        attach = "alter table rollouts.rollout_events attach partition {} for values from ({}) to ({})"
        bounds = (Literal(begin_of(day)), Literal(begin_of(day + timedelta(days=1))))
        admin.execute(SQL(attach).format(name, *bounds))


def fill_day(admin: psycopg.Connection[Any], day: date, count: int) -> None:
    """Store so many events of the two features in a day, all different."""
    admin.execute(_FILL, {"features": list(FEATURES), "begins": begin_of(day), "count": count})


def refill_day(admin: psycopg.Connection[Any], day: date, count: int) -> None:
    """Have so many events in a day, and no other."""
    empty_day(admin, day)
    fill_day(admin, day, count)


def empty_day(admin: psycopg.Connection[Any], day: date) -> None:
    """Take the events of a day away."""
    admin.execute("delete from rollouts.rollout_events where received_at::date = %s", [day])


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the events in an archive."""
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, in order."""
    return sorted(path.name for path in folder.iterdir())


def rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of an archive, and pack them well."""
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(change(lines))))


def name_of_day(day: date) -> str:
    """Return the name of a day's partition."""
    return f"rollout_events_{day:%Y%m%d}"


def begin_of(day: date) -> datetime:
    """Return midnight, UTC."""
    return datetime.combine(day, time.min, UTC)


def days_of(admin: psycopg.Connection[Any]) -> list[date]:
    """Return the days that have a partition, oldest first."""
    rows = admin.execute(
        """
        select inhrelid::regclass::text from pg_inherits
        where inhparent = 'rollouts.rollout_events'::regclass order by 1
        """
    ).fetchall()
    return [datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date() for (name,) in rows]
