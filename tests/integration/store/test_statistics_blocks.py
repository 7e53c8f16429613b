"""What a count reads: the blocks of its own stretch of time, and of those only what the key leads to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from reconciler.store.connection import Connection, connect
from reconciler.store.embedded import EmbeddedServer
from reconciler.store.statements import statement
from reconciler.store.statistics import read_seen_customers, summarise
from tests.builders.database import Database, a_database, set_clock
from tests.builders.domain import NOW
from tests.builders.scene import a_scene

FEATURES = [f"feature-{number}" for number in range(50)]
TODAY, YESTERDAY = (f"rollout_events_{NOW - timedelta(days=ago):%Y%m%d}" for ago in (0, 1))
DAYS = 4
EVERY = 60_000  # events a day
_OFTEN = 7  # before the sixth time PostgreSQL plans for the values at hand in any case
# Spread over the day before `ends`, each feature by turns.
FILL = """
insert into rollouts.rollout_events
    (feature_name, received_at, customer_id, id, event, attempt, epoch, is_enabled, "timestamp", metadata)
select 'feature-' || number %% 50, %(ends)s::timestamptz - number * (interval '1 day' / %(count)s),
    'customer-' || number %% 25000, gen_random_uuid(), case when number %% 20 = 0 then 'error' else 'enabled' end,
    1, 1, true, %(ends)s, jsonb_build_object('text', repeat('x', 40))
from generate_series(1, %(count)s) number
"""
BLOCKS = """
select
    relname,
    heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0) as touched,
    coalesce(seq_scan, 0) as scans
from pg_statio_all_tables
join pg_stat_all_tables using (relid, relname)
where relname ~ '^rollout_events_2'
"""
SIZES = """
select relname, pg_relation_size(oid) / 8192 as blocks from pg_class where relname ~ '^rollout_events_[0-9]+$'
"""


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A database with four days of events, all but its last minute summarised."""

    admin: Connection
    reconciler: Connection
    sizes: dict[str, int]

    def touched(self, query: str | bytes) -> dict[str, tuple[int, int]]:
        """Ask, and return the blocks touched and the times read whole, of each day with events that was touched."""
        text = query if isinstance(query, bytes) else query.encode()
        for _ in range(_OFTEN):
            self.admin.execute(text)
        before = self._counters()
        self.admin.execute(text)
        after = self._counters()
        changes = {day: (after[day][0] - before[day][0], after[day][1] - before[day][1]) for day in after}
        return {day: change for day, change in changes.items() if change != (0, 0) and self.sizes[day]}

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Turn the clock for a while."""
        set_clock(self.admin, moment)
        try:
            yield
        finally:
            set_clock(self.admin, NOW)

    def _counters(self) -> dict[str, tuple[int, int]]:
        self.admin.execute("select pg_stat_force_next_flush()")
        rows = self.admin.execute(BLOCKS).fetchall()
        return {row["relname"]: (row["touched"], row["scans"]) for row in rows}


@pytest.fixture(scope="module")
def filled(server: EmbeddedServer, template: str) -> Iterator[Filled]:
    with a_database(server, template=template) as database:
        fill(database)
        with connect(database.dsn) as admin, connect(database.dsn_for("rollouts_reconciler")) as reconciler:
            assert summarise(reconciler)
            admin.execute("vacuum analyze")
            sizes = {row["relname"]: row["blocks"] for row in admin.execute(SIZES).fetchall()}
            yield Filled(admin=admin, reconciler=reconciler, sizes=sizes)


def fill(database: Database) -> None:
    with a_scene(database) as scene:
        for ago in range(DAYS, -1, -1):
            scene.at(NOW - timedelta(days=ago))
            scene.admin.execute("select rollouts.extend_events()")
        scene.commit({feature: {"tier": 1, "thresholds": {"window": "1h"}} for feature in FEATURES})
        scene.apply()
        for ago in range(DAYS):
            scene.admin.execute(FILL, {"ends": NOW - timedelta(days=ago), "count": EVERY})


def test_days_outside_the_window_are_not_read(filled: Filled) -> None:
    touched = filled.touched("select * from rollouts.window_tally(null)")

    assert touched.keys() == {TODAY}


def test_the_window_is_read_along_the_key(filled: Filled) -> None:
    """For each feature a way down the key, and a block or two of its hour."""
    blocks, scans = filled.touched("select * from rollouts.window_tally(null)")[TODAY]

    assert (blocks <= 6 * len(FEATURES) < filled.sizes[TODAY], scans) == (True, 0)


def test_a_window_of_nearly_a_whole_day_is_read_along_the_key(filled: Filled) -> None:
    """Else what is read grows with the day until the planner thinks better of it."""
    with filled.at(NOW.replace(hour=1, minute=0)):
        _, scans = filled.touched("select * from rollouts.window_tally(null)")[TODAY]

    assert scans == 0


def test_a_window_over_midnight_reads_both_days(filled: Filled) -> None:
    with filled.at(NOW.replace(hour=0, minute=30)):
        touched = filled.touched("select * from rollouts.window_tally(null)")

    assert touched.keys() == {TODAY, YESTERDAY}


@pytest.mark.parametrize(
    "query",
    ["select * from rollouts.epoch_tally(null)", "select rollouts.summarise_events(interval '0')"],
    ids=["count", "summarise"],
)
def test_since_the_epoch_only_what_is_not_summarised_is_read(filled: Filled, query: str | bytes) -> None:
    """Of four days of events the last minute: for each feature a way down the key, and a row or two."""
    touched = filled.touched(query)

    assert touched.keys() == {TODAY}
    blocks, scans = touched[TODAY]
    assert (blocks <= 4 * len(FEATURES), scans) == (True, 0)


def test_seen_customers_are_read_from_the_summary(filled: Filled) -> None:
    """To plan it, PostgreSQL looks for the ends of each day's key."""
    query = statement("read_seen_customers").replace(b"%(feature)s", b"'feature-1'")
    touched = filled.touched(query.replace(b"%(limit)s", b"100000"))

    assert len(read_seen_customers(filled.reconciler, "feature-1", 100_000)) == 500
    assert max(blocks for blocks, _ in touched.values()) <= 4
    assert {scans for _, scans in touched.values()} == {0}


def test_the_counts_are_those_of_all_days(filled: Filled) -> None:
    rows = filled.reconciler.execute("select * from rollouts.epoch_tally(null)").fetchall()

    assert {(row["customers"], row["exposed"], row["failing"]) for row in rows} == {(500, 500, 0), (500, 500, 250)}
