"""The queue and its batches, with an injected clock and a database that is away or refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest

from reconciler.client.recorder import BATCH, GIVEN_UP_AFTER, Counts, Recorder, Report
from reconciler.domain.events import Batch, EventKind
from reconciler.errors import DatabaseUnavailableError, RuleViolatedError
from reconciler.evaluation.snapshot import Rollout

ROLLOUT = Rollout(feature="checkout", tier=4, exposure=100, attempt=2, epoch=5)
HOUR = 3_600


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Writer:
    """Remembers every batch that it is given, and fails as it is told."""

    def __init__(self) -> None:
        self.tries: list[Batch] = []
        self.stored: list[Batch] = []
        self.failure: Callable[[Batch], Exception | None] = lambda _batch: None
        self.has_it_already = False

    def store(self, batch: Batch) -> int:
        self.tries.append(batch)
        if (error := self.failure(batch)) is not None:
            raise error
        self.stored.append(batch)
        return 0 if self.has_it_already else len(batch.events)

    @property
    def customers(self) -> list[str]:
        return [event.customer for batch in self.stored for event in batch.events]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def writer() -> Writer:
    return Writer()


def a_recorder(writer: Writer, clock: Clock, capacity: int = 10) -> Recorder:
    return Recorder(writer, capacity=capacity, clock=clock)


def exposure(customer: str) -> Report:
    return ROLLOUT, customer, EventKind.ENABLED, 1_000, True, None, None


def error(customer: str, identity: UUID | None = None) -> Report:
    return ROLLOUT, customer, EventKind.ERROR, 1_000, None, '{"a": 1}', identity


def away(_batch: Batch) -> Exception:
    return DatabaseUnavailableError("the database can't be reached")


def refuses(customer: str) -> Callable[[Batch], Exception | None]:
    def failure(batch: Batch) -> Exception | None:
        is_in = any(event.customer == customer for event in batch.events)
        return RuleViolatedError("event_is_known", "refused") if is_in else None

    return failure


def test_an_event_carries_what_its_rollout_was(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock)
    recorder.fail(error("ada", UUID(int=7)))
    recorder.tick()

    [event] = writer.stored[0].events
    assert (event.feature, event.attempt, event.epoch, event.is_enabled) == ("checkout", 2, 5, True)
    assert (event.id, event.is_claimed, event.metadata) == (UUID(int=7), True, '{"a": 1}')
    assert event.sent_at.timestamp() == pytest.approx(1e-6)


def test_errors_go_first_and_batches_are_bounded(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock, capacity=3 * BATCH)
    for number in range(BATCH + 1):
        recorder.expose(exposure(f"on-{number}"))
    recorder.fail(error("failing"))
    recorder.tick()

    assert [len(batch.events) for batch in writer.stored] == [BATCH, 2]
    assert writer.customers[0] == "failing"
    assert (recorder.waiting, recorder.counts) == (0, Counts(stored=BATCH + 2))


def test_a_full_queue_takes_no_exposure_and_counts_it(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock, capacity=2)

    assert [recorder.expose(exposure(customer)) for customer in "abc"] == [True, True, False]
    assert (recorder.waiting, recorder.counts) == (2, Counts(dropped_exposures=1))


def test_an_error_takes_the_place_of_the_oldest_exposure_and_then_of_the_oldest_error(
    writer: Writer, clock: Clock
) -> None:
    recorder = a_recorder(writer, clock, capacity=2)
    recorder.expose(exposure("a"))
    recorder.expose(exposure("b"))
    for customer in "xyz":
        recorder.fail(error(customer))
    recorder.tick()

    assert writer.customers == ["y", "z"]
    assert recorder.counts == Counts(stored=2, dropped_exposures=2, dropped_errors=1)


def test_a_failed_batch_is_sent_again_as_it_was(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock)
    recorder.expose(exposure("a"))
    writer.failure = away
    recorder.tick()
    recorder.expose(exposure("b"))
    writer.failure = lambda _batch: None
    clock.now += 60
    recorder.tick()

    first, again, following = writer.tries
    assert (again, [event.customer for event in following.events]) == (first, ["b"])


def test_tries_less_and_less_often_and_never_stops(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock)
    recorder.expose(exposure("a"))
    writer.failure = away
    tried = []
    for _ in range(10):
        for _ in range(600):
            recorder.tick()
            clock.now += 0.1
        tried.append(len(writer.tries))

    assert tried[0] >= 6
    assert 18 <= tried[-1] - tried[0] <= 38


def test_an_hour_without_a_database_stays_in_its_bound_and_counts_exactly(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock, capacity=1_000)
    writer.failure = away
    for second in range(HOUR):
        for number in range(3):
            recorder.expose(exposure(f"{second}-{number}"))
        recorder.fail(error(f"failing-{second}"))
        recorder.tick()
        assert recorder.waiting <= 1_000 + BATCH
        clock.now += 1
    writer.failure = lambda _batch: None
    clock.now += 60
    while recorder.waiting:
        recorder.tick()

    counts = recorder.counts
    assert counts.stored == len(writer.customers)
    assert counts.stored + counts.dropped_exposures + counts.dropped_errors == 4 * HOUR
    assert sum(1 for customer in writer.customers if customer.startswith("failing")) == HOUR - counts.dropped_errors


def test_threads_that_report_into_a_full_queue_are_counted_exactly(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock, capacity=100)

    def report() -> None:
        for number in range(2_000):
            recorder.expose(exposure(str(number)))
            recorder.fail(error(str(number)))

    threads = [threading.Thread(target=report) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counts = recorder.counts
    assert recorder.waiting + counts.dropped_exposures + counts.dropped_errors == 8 * 4_000
    assert recorder.waiting <= 100 + 8


def test_an_event_that_is_refused_takes_no_other_with_it(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock, capacity=100)
    for number in range(9):
        recorder.expose(exposure(str(number)))
    writer.failure = refuses("5")
    recorder.tick()

    assert sorted(writer.customers) == ["0", "1", "2", "3", "4", "6", "7", "8"]
    assert recorder.counts == Counts(stored=8, rejected=1)


def test_an_event_that_can_not_be_made_takes_no_other_with_it(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock)
    recorder.fail(error("ada"))
    recorder.fail((ROLLOUT, "bob", EventKind.ERROR, 10**21, None, None, None))  # in the year 33,658
    recorder.fail(error("cyd"))
    recorder.tick()

    assert (writer.customers, recorder.waiting) == (["ada", "cyd"], 0)
    assert recorder.counts == Counts(stored=2, rejected=1)


def test_a_batch_is_given_up_before_its_claim_is_forgotten(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock)
    recorder.expose(exposure("a"))
    recorder.fail(error("b"))
    writer.failure = away
    recorder.tick()
    clock.now += GIVEN_UP_AFTER + 31
    recorder.tick()

    assert (recorder.waiting, recorder.counts) == (0, Counts(dropped_exposures=1, dropped_errors=1))


def test_a_child_begins_with_nothing(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock, capacity=1)
    recorder.expose(exposure("a"))
    recorder.expose(exposure("b"))
    recorder.reset()
    recorder.tick()

    assert (writer.tries, recorder.counts) == ([], Counts())


def test_after_the_end_events_count_as_dropped(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock)
    recorder.expose(exposure("a"))
    recorder.end()
    recorder.fail(error("b"))
    recorder.drain(until=clock.now + 1)

    assert not recorder.expose(exposure("c"))
    assert (writer.customers, recorder.waiting) == (["a"], 0)
    assert recorder.counts == Counts(stored=1, dropped_exposures=1, dropped_errors=1)


def test_a_batch_that_was_stored_unheard_of_counts_as_stored(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock)
    recorder.expose(exposure("a"))
    writer.failure = away
    recorder.tick()
    writer.failure = lambda _batch: None
    writer.has_it_already = True
    recorder.try_now()
    recorder.tick()

    assert recorder.counts == Counts(stored=1)


def test_after_a_success_failures_count_anew(writer: Writer, clock: Clock) -> None:
    recorder = a_recorder(writer, clock)
    recorder.expose(exposure("a"))
    writer.failure = away
    for _ in range(10):
        recorder.try_now()
        recorder.tick()
    writer.failure = lambda _batch: None
    recorder.try_now()
    recorder.tick()
    told = recorder.last_error
    writer.failure = away
    recorder.expose(exposure("b"))
    recorder.tick()
    tries = len(writer.tries)
    clock.now += 0.5
    recorder.tick()

    assert (told, len(writer.tries)) == ("", tries + 1)
