"""What statistics cost: the window, whatever lies behind it, and the epoch, by the summary instead of the events.

Goals: the tally of one hour touches as many blocks with 10,000,000 older events as with 1,000,000 (within 10 %);
counts since the epoch began come from the summary ten times faster than from the events (0.10), and are the same.
"""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import Any

from reconciler.domain.ladder import Tier
from reconciler.store.connection import Connection, connect
from reconciler.store.statistics import read_tallies, summarise
from tests.benchmarks.databases import a_migrated_database, create_rollouts
from tests.benchmarks.measure import Cost, least, report

FEATURES = [f"feature-{number:02}" for number in range(50)]
DAYS = 10
CUSTOMERS = 20_000
RECENT = 100_000  # events in the last hour

_DAY = """
do $$
declare
    first constant date := (clock_timestamp() at time zone 'UTC')::date - {days};
begin
    for ahead in 0 .. {days} - 1 loop
        execute format('create table rollouts.%I (like rollouts.rollout_events including all)',
                       rollouts.event_partition(first + ahead));
        execute format(
            'alter table rollouts.rollout_events attach partition rollouts.%I for values from (%L) to (%L)',
            rollouts.event_partition(first + ahead), (first + ahead)::timestamptz,
            (first + ahead + 1)::timestamptz);
    end loop;
end $$
"""
_EVENTS = """
insert into rollouts.rollout_events
    (feature_name, received_at, customer_id, id, event, attempt, epoch, is_enabled, "timestamp")
select 'feature-' || lpad((n %% 50)::text, 2, '0'),
       clock_timestamp() - make_interval(secs => %(from)s + (%(to)s - %(from)s) * n::float8 / %(rows)s),
       'customer-' || (n::bigint * 7919 %% {customers}), gen_random_uuid(),
       case when n %% 40 = 0 then 'error' else 'enabled' end, 1, 1, true, clock_timestamp()
from generate_series(1, %(rows)s) n
"""
_RAW = """
select e.feature_name, count(distinct e.customer_id) as exposed,
       count(distinct e.customer_id) filter (where e.event = 'error') as failing
from rollouts.rollout_events e
where e.feature_name = any(%s) and e.epoch = 1
group by 1
"""


def main() -> None:
    """Print what counting costs."""
    with a_migrated_database() as dsn:
        create_rollouts(dsn, FEATURES, Tier.INTERNAL)
        with closing(connect(f"{dsn} options='-c statement_timeout=0'")) as connection:
            connection.execute("set statement_timeout = 0")
            connection.execute(_DAY.format(days=DAYS).encode())
            connection.execute("select rollouts.extend_events()")
            _insert(connection, RECENT, 1, 3_500)
            _insert(connection, 1_000_000, 3_700, 86_400 * (DAYS - 1))
            few = _blocks(connection)
            _insert(connection, 9_000_000, 3_700, 86_400 * (DAYS - 1))
            many = _blocks(connection)
            print(f"blocks of the window's tally: {few:,} with 1,000,000 older events, {many:,} with 10,000,000")
            print(f"{'blocks, 10,000,000 older events / 1,000,000':<52} ratio {many / few:5.2f}   goal 1.10")
            _summary(connection)


def _summary(connection: Connection) -> None:
    begun = time.perf_counter()
    summarise(connection)
    print(f"the summary of 10,100,000 events took {time.perf_counter() - begun:.0f} s, once")
    connection.execute("vacuum analyze rollouts.rollout_customers")
    raw = _wall(lambda: connection.execute(_RAW.encode(), [FEATURES]).fetchall())
    tally = _wall(lambda: connection.execute("select * from rollouts.epoch_tally(null)").fetchall())
    report("since the epoch began, summary / events", tally, raw, "0.10", by_wall=True)
    counted = {row["feature_name"]: (row["exposed"], row["failing"]) for row in _rows(connection, _RAW, [FEATURES])}
    found = {
        feature: (each.epoch.exposed.customers, each.epoch.exposed.failing)
        for feature, each in read_tallies(connection, None).items()
    }
    print("the summary says the same as the events" if found == counted else "THE SUMMARY SAYS SOMETHING ELSE")


def _wall(work: Any) -> Cost:
    return least(work, runs=3)


def _rows(connection: Connection, query: str, parameters: list[object]) -> list[dict[str, Any]]:
    return connection.execute(query.encode(), parameters).fetchall()


def _insert(connection: Connection, rows: int, newest: float, oldest: float) -> None:
    step = 500_000
    share = (oldest - newest) * min(step, rows) / rows
    for part in range(0, rows, step):
        begins = newest + share * (part // step)
        named = {"rows": min(step, rows - part), "from": begins, "to": begins + share}
        connection.execute(_EVENTS.format(customers=CUSTOMERS).encode(), named)
    connection.execute("vacuum analyze rollouts.rollout_events")


def _blocks(connection: Connection) -> int:
    query = "explain (analyze, buffers, format json) select * from rollouts.window_tally(null)"
    connection.execute(query.encode())
    [row] = connection.execute(query.encode()).fetchall()
    plan = row["QUERY PLAN"]
    top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
