"""Watching: exactly what is over its threshold is rolled back, by what customers who have it met in an attempt."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reconciler.domain.analysis import Cohort
from reconciler.domain.breach import Breach
from reconciler.domain.events import EventKind
from reconciler.domain.gates import Thresholds
from reconciler.reconcile.facts import Fact, Value
from reconciler.reconcile.watch import Watch
from reconciler.store.postgres import PostgresStore
from tests.builders.chain import faults
from tests.builders.database import Database
from tests.builders.logins import granted
from tests.builders.tallies import Counted, a_counted_scene, an_event

CUSTOMERS = tuple(f"c{number}" for number in range(100))
SURE = {"thresholds": {"error_rate": 0.05, "confidence": 0.99}}


@dataclass
class Watched:
    """A counted scene, and what a look at it told."""

    counted: Counted
    store: PostgresStore
    told: list[Fact] = field(default_factory=list)

    def look(self, features: list[str] | None = None) -> list[str]:
        """Look at everything, and return what was rolled back."""
        watch = Watch(store=self.store, new_id=uuid4, tell=self.told.append)
        return [done.feature for done in watch.look(features)]

    def begin(self, **features: dict[str, Any]) -> None:
        """Take features over; without fields `checkout` is at tier 2."""
        self.counted.scene.commit(features or {"checkout": {"tier": 2}})
        self.counted.scene.apply(adopt=True)

    def report(self, exposed: int, failing: int, **named: Any) -> None:
        """Report so many customers who have it, and errors of the first of them."""
        self.counted.report(*(an_event(customer, **named) for customer in CUSTOMERS[:exposed]))
        self.err(CUSTOMERS[:failing], **named)

    def err(self, customers: Iterable[str], **named: Any) -> None:
        """Report an error of each of them."""
        self.counted.report(*(an_event(customer, EventKind.ERROR, **named) for customer in customers))

    def alarms(self) -> list[str]:
        """Return the names of what somebody should look at."""
        return [fact.name for fact in self.told if fact.is_alarm]


@pytest.fixture
def watched(database: Database) -> Iterator[Watched]:
    dsn = make_conninfo(database.dsn, options="-c role=rollouts_reconciler -c lock_timeout=300ms")
    with a_counted_scene(database) as counted:
        store = PostgresStore.at(dsn)
        yield Watched(counted=counted, store=store)
        store.close()


@pytest.mark.parametrize(
    ("fields", "exposed", "failing", "trips"),
    [
        pytest.param({}, 100, 5, False, id="exactly 5 %"),
        pytest.param({}, 100, 6, True, id="one more"),
        pytest.param({}, 1, 1, True, id="the only one"),
        pytest.param({}, 1, 0, False, id="nobody of one"),
        pytest.param({"thresholds": {"error_rate": 0}}, 100, 0, False, id="no error where none is allowed"),
        pytest.param({"thresholds": {"error_rate": 0}}, 100, 1, True, id="one where none is allowed"),
        pytest.param({"thresholds": {"error_rate": 0.99}}, 100, 99, False, id="all but one where so many may"),
        pytest.param(SURE, 100, 11, False, id="11 of 100 at 0.99"),
        pytest.param(SURE, 100, 12, True, id="12 of 100 at 0.99"),
        pytest.param(SURE, 1, 1, False, id="the only one at 0.99"),
        pytest.param(SURE, 2, 2, True, id="both of two at 0.99"),
    ],
)
def test_what_is_over_its_threshold_is_rolled_back(
    watched: Watched, fields: dict[str, Any], exposed: int, failing: int, trips: bool
) -> None:
    watched.begin(checkout={"tier": 2, **fields})
    watched.report(exposed, failing)

    assert watched.look() == (["checkout"] if trips else [])
    assert watched.counted.scene.rows()["checkout"].rolled_back is trips
    assert watched.alarms() == (["rolled-back"] if trips else [])


def test_the_evidence_goes_with_it(watched: Watched) -> None:
    watched.begin()
    watched.report(100, 12)
    watched.look()

    breach = Breach(cohort=Cohort(customers=100, failing=12), thresholds=Thresholds())
    [write_back] = watched.store.write_backs(all_of_them=True)
    reason = "12 of 100 exposed customers have an error in the last 1h, the limit is 5 %"
    assert (write_back.breach, write_back.reason, write_back.actor) == (breach, reason, "analysis")
    fields: dict[str, Value] = {"feature": "checkout", "attempt": 1, "from_tier": 2, "reason": reason}
    fields |= {"actor": "analysis", "id": str(write_back.id)}
    assert watched.told == [Fact(name="rolled-back", is_alarm=True, fields=fields)]
    assert faults(watched.counted.scene.admin) == []


def test_a_second_look_finds_nothing_to_do(watched: Watched) -> None:
    watched.begin()
    watched.report(100, 12)

    assert [watched.look(), watched.look()] == [["checkout"], []]
    assert len(watched.told) == 1


def test_no_data_rolls_nothing_back(watched: Watched) -> None:
    watched.begin(checkout={"tier": 4, "thresholds": {"error_rate": 0}})
    nobody = watched.look()
    watched.counted.report(*(an_event(customer, EventKind.DISABLED) for customer in CUSTOMERS))

    assert [nobody, watched.look(), watched.told] == [[], [], []]


def test_errors_of_the_past_are_out_of_the_window(watched: Watched) -> None:
    watched.begin()
    watched.report(100, 12)
    watched.counted.scene.pass_time(hours=1, microseconds=1)

    assert watched.look() == []


def test_errors_of_customers_without_it_never_roll_it_back(watched: Watched) -> None:
    watched.begin()
    watched.report(100, 0)
    watched.err(CUSTOMERS, is_enabled=False)
    watched.err([f"other-{customer}" for customer in CUSTOMERS], is_enabled=False)

    assert watched.look() == []


def test_one_customer_who_tries_over_and_over_counts_once(watched: Watched) -> None:
    watched.begin()
    watched.report(100, 0)
    for _ in range(20):
        watched.err(["c1"])

    assert watched.look() == []


def test_errors_of_an_earlier_attempt_never_roll_the_next_one_back(watched: Watched) -> None:
    scene = watched.counted.scene
    watched.begin()
    watched.report(100, 12)
    watched.look()
    scene.commit({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}})
    scene.apply()
    watched.report(100, 12)  # a client that has not heard of it
    quiet = watched.look()
    watched.report(100, 12, attempt=2, epoch=3)

    assert (quiet, watched.look()) == ([], ["checkout"])
    assert scene.chain("checkout")[1:] == [("rollback", 0, 1), ("restart", 1, 2), ("rollback", 0, 2)]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"tier": 1}, id="tier 1"),
        pytest.param({"tier": 0, "whitelist": ["c1"]}, id="by its whitelist at tier 0"),
        pytest.param({"tier": 2, "paused": True}, id="paused"),
        pytest.param({"tier": 2, "target": 2}, id="completed below 100 %"),
        pytest.param({"tier": 4}, id="completed at 100 %"),
        pytest.param({"tier": 4, "blacklist": ["c1"]}, id="with a blacklist"),
    ],
)
def test_whatever_somebody_has_is_watched(watched: Watched, fields: dict[str, Any]) -> None:
    watched.begin(checkout=fields)
    watched.report(20, 2)

    assert watched.look() == ["checkout"]


def test_a_raise_that_is_held_is_watched(watched: Watched) -> None:
    watched.begin()
    watched.counted.scene.commit({"checkout": {"tier": 3}})
    held = watched.counted.scene.apply().plan.holds
    watched.report(20, 2)

    assert (len(held), watched.look()) == (1, ["checkout"])


def test_a_retired_feature_is_watched(watched: Watched) -> None:
    watched.begin(checkout={"tier": 4}, search={"tier": 1})
    watched.counted.scene.commit({"checkout": None})
    watched.counted.scene.apply()
    watched.report(20, 2)

    assert watched.look() == ["checkout"]
    assert watched.counted.scene.rows()["checkout"].retired


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"tier": 0}, id="off"),
        pytest.param({"tier": 0, "blacklist": ["c1"]}, id="off, with a blacklist"),
    ],
)
def test_what_nobody_has_is_left_alone(watched: Watched, fields: dict[str, Any]) -> None:
    watched.begin(checkout=fields)
    watched.report(20, 20)

    assert watched.look() == []


def test_the_named_alone_are_looked_at(watched: Watched) -> None:
    watched.begin(checkout={"tier": 1}, search={"tier": 1})
    for feature in ("checkout", "search"):
        watched.report(20, 2, feature=feature)

    assert [watched.look([]), watched.look(["search", "nobody"]), watched.look()] == [[], ["search"], ["checkout"]]


def test_a_locked_table_of_events_rolls_nothing_back_and_is_told(watched: Watched) -> None:
    watched.begin()
    watched.report(100, 12)
    with watched.counted.scene.admin.transaction():
        watched.counted.scene.admin.execute("lock table rollouts.rollout_events")
        kept = watched.look()

    assert (kept, watched.alarms()) == ([], ["events-unreadable"])
    assert "lock timeout" in str(watched.told[0].fields["error"])
    assert watched.look() == ["checkout"]


@pytest.mark.parametrize("table", ["rollout_events", "rollout_events_20260302", "feature_rollouts"])
def test_who_locks_a_table_and_does_nothing_is_ended(watched: Watched, database: Database, table: str) -> None:
    watched.begin()
    watched.report(100, 12)
    with granted(database, "rollouts_owner") as dsn:
        holder = psycopg.connect(dsn)
        holder.execute(f"lock table rollouts.{table}".encode())
        time.sleep(1.1)

        assert (watched.look(), watched.alarms()) == (["checkout"], ["rolled-back"])
        holder.close()


def test_a_right_too_few_rolls_nothing_back_and_is_told(watched: Watched) -> None:
    watched.begin()
    watched.report(100, 12)
    tally = "function rollouts.window_tally(text[])"
    watched.counted.scene.admin.execute(f"revoke execute on {tally} from rollouts_reconciler".encode())

    assert (watched.look(), watched.alarms()) == ([], ["events-unreadable"])
    assert not watched.counted.scene.rows()["checkout"].rolled_back


def test_a_feature_that_somebody_locks_keeps_no_other_from_being_rolled_back(
    watched: Watched, database: Database
) -> None:
    watched.begin(checkout={"tier": 1}, search={"tier": 1})
    for feature in ("checkout", "search"):
        watched.report(20, 2, feature=feature)
    with psycopg.connect(database.dsn) as holder:
        holder.execute("select * from rollouts.feature_rollouts where feature_name = 'checkout' for update")
        done = watched.look()

    assert (done, watched.alarms()) == (["search"], ["rolled-back", "rollback-failed"])
    assert [fact.fields["feature"] for fact in watched.told] == ["search", "checkout"]
    assert watched.look() == ["checkout"]
