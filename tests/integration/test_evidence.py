"""What customers met decides whether a feature climbs: from stored events to holds, promotions and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from reconciler.domain.events import EventKind
from reconciler.domain.impact import Impact
from reconciler.domain.plan import Hold, WaitsFor
from reconciler.errors import StatementFailedError
from reconciler.evaluation.bucketing import bucket
from reconciler.reconcile.apply import Outcome
from reconciler.reconcile.impact import impacts
from reconciler.reconcile.observe import Request, prepare
from tests.builders.database import Database
from tests.builders.scene import ROOT
from tests.builders.tallies import Counted, a_counted_scene, an_event
from tests.builders.watched import Watched

CUSTOMERS = tuple(f"c{number}" for number in range(100))


@pytest.fixture
def counted(database: Database) -> Iterator[Counted]:
    """A database in whose first commit nothing dwells."""
    with a_counted_scene(database) as counted:
        counted.scene.policy({"min_dwell": "0s", "dwell": "0s"})
        yield counted


def begin(counted: Counted, tier: int = 1, **fields: Any) -> None:
    """Take `checkout` over at a tier."""
    counted.scene.commit({"checkout": {"tier": tier, **fields}})
    counted.scene.apply(adopt=True)


def ask(counted: Counted, tier: int = 2, **fields: Any) -> tuple[Hold, ...]:
    """Ask for a tier, apply, and return what holds it."""
    counted.scene.commit({"checkout": {"tier": tier, **fields}})
    return counted.scene.apply().plan.holds


def report(counted: Counted, exposed: Iterable[str], failing: Iterable[str] = (), **named: Any) -> None:
    """Report who had the feature, and who of them met an error."""
    events = [an_event(customer, **named) for customer in exposed]
    counted.report(*events, *(an_event(customer, EventKind.ERROR, **named) for customer in failing))


def tier(counted: Counted) -> int:
    return counted.scene.rows()["checkout"].tier


def test_healthy_customers_let_it_climb_and_the_chain_says_so(counted: Counted) -> None:
    begin(counted)
    report(counted, CUSTOMERS, CUSTOMERS[:2])
    holds = ask(counted)

    [_, promotion] = counted.scene.store.history("checkout")
    assert (holds, tier(counted)) == ((), 2)
    assert promotion.reason == "tier 1 -> 2 after 0s at tier 1, 2 of 100 exposed customers had an error"


def test_a_tripped_threshold_holds_it(counted: Counted) -> None:
    begin(counted)
    report(counted, CUSTOMERS, CUSTOMERS[:6])
    [hold] = ask(counted)

    assert (hold.waits_for, tier(counted)) == (WaitsFor.HEALTH, 1)
    assert hold.reason == "6 of 100 exposed customers have an error in the last 1h, the limit is 5 %"


def test_exactly_the_threshold_does_not_hold_it(counted: Counted) -> None:
    begin(counted)
    report(counted, CUSTOMERS, CUSTOMERS[:5])

    assert (ask(counted), tier(counted)) == ((), 2)


def test_confidence_waits_for_more_errors(counted: Counted) -> None:
    begin(counted, thresholds={"confidence": 0.99, "success_rate": 0.8})
    report(counted, CUSTOMERS, CUSTOMERS[:11])

    assert (ask(counted, thresholds={"confidence": 0.99, "success_rate": 0.8}), tier(counted)) == ((), 2)


def test_too_few_customers_hold_it(counted: Counted) -> None:
    begin(counted, thresholds={"min_exposed": 101})
    report(counted, CUSTOMERS)
    [hold] = ask(counted, thresholds={"min_exposed": 101})

    assert (hold.waits_for, hold.reason) == (WaitsFor.EVIDENCE, "100 exposed customers seen, 101 needed")


def test_an_epoch_that_went_badly_holds_it_after_its_window_is_well(counted: Counted) -> None:
    begin(counted)
    report(counted, CUSTOMERS, CUSTOMERS[:6])
    counted.scene.pass_time(hours=2)
    report(counted, CUSTOMERS)
    [hold] = ask(counted)

    assert (hold.waits_for, tier(counted)) == (WaitsFor.HEALTH, 1)
    assert hold.reason == "6 of 100 exposed customers have an error since tier 1 began, 95 % must have none"


def test_what_happened_at_the_tier_before_is_no_evidence(counted: Counted) -> None:
    begin(counted)
    report(counted, CUSTOMERS)
    ask(counted)
    counted.scene.pass_time(hours=2)
    [hold] = ask(counted, tier=3)

    assert (hold.waits_for, hold.reason) == (WaitsFor.EVIDENCE, "0 exposed customers seen, 1 needed")


def test_errors_without_the_feature_never_hold_it(counted: Counted) -> None:
    begin(counted)
    report(counted, CUSTOMERS)
    report(counted, (), CUSTOMERS, is_enabled=False)

    assert (ask(counted), tier(counted)) == ((), 2)


def test_errors_of_an_earlier_attempt_never_hold_it(counted: Counted) -> None:
    begin(counted)
    report(counted, CUSTOMERS, CUSTOMERS)
    counted.scene.roll_back("checkout")
    counted.scene.commit({"checkout": {"tier": 0, "attempt": 1, "rolled_back": 1}})
    counted.scene.apply()
    counted.scene.commit({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}})
    counted.scene.apply()
    report(counted, CUSTOMERS[:10], attempt=2, epoch=3)
    report(counted, CUSTOMERS, CUSTOMERS)  # a client that has not heard of it
    holds = ask(counted, attempt=2, rolled_back=1)

    assert (holds, tier(counted)) == ((), 2)


def test_promoting_without_evidence_stops_at_a_tripped_threshold(counted: Counted) -> None:
    begin(counted, thresholds={"min_exposed": 0})
    report(counted, CUSTOMERS[:1], CUSTOMERS[:1])
    [hold] = ask(counted, thresholds={"min_exposed": 0})

    assert hold.waits_for is WaitsFor.HEALTH


def test_a_file_that_asks_for_more_is_judged_by_the_settled_threshold(counted: Counted) -> None:
    begin(counted)
    report(counted, CUSTOMERS, CUSTOMERS[:6])
    [hold] = ask(counted, thresholds={"error_rate": 0.5, "success_rate": 0.1})

    assert (hold.waits_for, tier(counted)) == (WaitsFor.HEALTH, 1)


def test_a_failing_query_holds_raises_and_nothing_else(counted: Counted) -> None:
    def fails() -> None:
        raise StatementFailedError("the database failed: canceling statement due to statement timeout")

    scene = counted.scene
    scene.commit({"checkout": {"tier": 1, "thresholds": {"min_exposed": 0}}, "search": {"tier": 3}})
    scene.apply(adopt=True)
    scene.commit({"checkout": {"tier": 2, "thresholds": {"min_exposed": 0}}, "search": {"tier": 1}})
    store = Watched(scene.store, before_tallies=fails)
    request = Request(root=ROOT, local_now=scene.now)
    outcome = scene.apply(store=store, prepare=lambda: prepare(store, scene.commits, request))

    [hold] = outcome.plan.holds
    assert (hold.feature, hold.waits_for) == ("checkout", WaitsFor.EVIDENCE)
    assert hold.reason.startswith("the events can't be read: the database failed")
    assert {feature: row.tier for feature, row in scene.rows().items()} == {"checkout": 1, "search": 1}


def test_a_plan_counts_whom_it_moves_among_the_customers_seen(counted: Counted) -> None:
    begin(counted, whitelist=["c0"])
    report(counted, ["c0"])
    counted.report(*(an_event(customer, EventKind.DISABLED) for customer in CUSTOMERS[1:]))
    counted.scene.commit({"checkout": {"tier": 2, "blacklist": ["c0"]}})
    plan = counted.scene.prepare().plan

    gained = sum(1 for customer in CUSTOMERS[1:] if 1 <= bucket("checkout", customer) < 10)
    had = sum(1 for customer in CUSTOMERS[1:] if bucket("checkout", customer) < 1)
    assert gained > 0
    assert impacts(counted.scene.store, plan) == {
        "checkout": Impact(seen=100, enabled=1 + had, gained=gained, lost=1),
    }


def test_a_plan_says_nothing_of_features_that_nobody_was_seen_with(counted: Counted) -> None:
    begin(counted, tier=2)
    counted.scene.commit({"checkout": {"tier": 1}, "search": {"tier": 1}})

    assert impacts(counted.scene.store, counted.scene.prepare().plan) == {}


def test_a_change_that_moves_nobody_is_not_counted(counted: Counted) -> None:
    begin(counted)
    report(counted, CUSTOMERS)
    counted.scene.commit({"checkout": {"tier": 1, "owner": "team-a"}})

    assert impacts(counted.scene.store, counted.scene.prepare().plan) == {}


def test_a_dwell_is_served_before_evidence_counts(counted: Counted) -> None:
    begin(counted, dwell="48h")
    report(counted, CUSTOMERS)
    holds = ask(counted, dwell="48h")
    counted.scene.pass_time(hours=48)
    later = counted.scene.apply().plan.holds

    assert ([(hold.waits_for, hold.until) for hold in holds], later) == (
        [(WaitsFor.DWELL, counted.scene.now)],
        (),
    )


def test_events_that_somebody_works_on_stop_no_demotion(counted: Counted) -> None:
    _two_that_move(counted)
    scene = counted.scene
    scene.store.scope()  # connects
    scene.store._live().execute("set lock_timeout = '200ms'")
    with scene.admin.transaction():
        scene.admin.execute("lock table rollouts.rollout_events")
        outcome = scene.apply()

    _only_the_demotion_is_done(counted, outcome)


def test_a_right_too_few_stops_no_demotion(counted: Counted) -> None:
    _two_that_move(counted)
    counted.scene.admin.execute("revoke execute on function rollouts.window_tally(text[]) from rollouts_reconciler")

    _only_the_demotion_is_done(counted, counted.scene.apply())


def _two_that_move(counted: Counted) -> None:
    counted.scene.commit({"checkout": {"tier": 1}, "search": {"tier": 3}})
    counted.scene.apply(adopt=True)
    counted.scene.commit({"checkout": {"tier": 2}, "search": {"tier": 0}})


def _only_the_demotion_is_done(counted: Counted, outcome: Outcome) -> None:
    [hold] = outcome.plan.holds
    assert (hold.waits_for, hold.reason.startswith("the events can't be read: ")) == (WaitsFor.EVIDENCE, True)
    assert {feature: row.tier for feature, row in counted.scene.rows().items()} == {"checkout": 1, "search": 0}
