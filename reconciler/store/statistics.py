"""How rollouts fare, counted by the database: tallies, and the customers that were seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from reconciler.domain.analysis import Cohort, Tallies, Tally
from reconciler.domain.ladder import Tier
from reconciler.domain.statistics import Statistics
from reconciler.store.connection import Connection
from reconciler.store.rows import Row, gates_from_json
from reconciler.store.statements import statement

_AGAIN, _LATE = timedelta(hours=1), timedelta()  # how far a run goes back behind its mark, and each further step
_NEARLY = timedelta(seconds=1)
_STEPS = 10_000  # of an hour each: longer than any retention
_UNHURRIED = "set local statement_timeout = 0"  # an hour takes as long as it is busy


def read_tallies(connection: Connection, features: Sequence[str] | None) -> Mapping[str, Tallies]:
    """Return the counts of the named features, of all for None; who was seen by nobody is left out."""
    wanted = None if features is None else list(features)
    found: dict[str, Tallies] = {}
    for row in connection.execute(statement("read_tallies"), {"features": wanted}).fetchall():
        known = found.get(row["feature"], Tallies())
        found[row["feature"]] = replace(known, **{row["stretch"]: _tally_of(row)})
    return found


def read_statistics(connection: Connection, features: Sequence[str] | None) -> Mapping[str, Statistics]:
    """Return how the named features fare, all for None; features that don't exist are left out."""
    wanted = None if features is None else list(features)
    rows = connection.execute(statement("read_thresholds"), {"features": wanted}).fetchall()
    tallies = read_tallies(connection, features)
    return {row["feature_name"]: _statistics_of(row, tallies) for row in rows}


def read_seen_customers(connection: Connection, feature: str, limit: int) -> frozenset[str]:
    """Return customers seen with a feature, so many at most."""
    rows = connection.execute(statement("read_seen_customers"), {"feature": feature, "limit": limit}).fetchall()
    return frozenset(row["customer_id"] for row in rows)


def summarise(connection: Connection) -> bool:
    """Bring the summary of customers up to now; tell whether this was done, or left to a session that is at it."""
    for step in range(_STEPS):
        overlap = _AGAIN if step == 0 else _LATE
        with connection.transaction():
            connection.execute(_UNHURRIED)
            row = connection.execute(statement("summarise_events"), {"overlap": overlap}).fetchone()
        if row is None or row["until"] is None:
            return False
        if row["now"] - row["until"] < _NEARLY:
            return True
    return False


def _statistics_of(row: Row, tallies: Mapping[str, Tallies]) -> Statistics:
    return Statistics(
        feature=row["feature_name"],
        tier=Tier(row["tier"]),
        attempt=row["attempt"],
        status=row["status"],
        thresholds=gates_from_json(row["gates"]).thresholds,
        tallies=tallies.get(row["feature_name"], Tallies()),
    )


def _tally_of(row: Row) -> Tally:
    return Tally(
        customers=row["customers"],
        exposed=Cohort(customers=row["exposed"], failing=row["failing"]),
        unexposed=Cohort(customers=row["unexposed"], failing=row["failing_unexposed"]),
    )
