"""The loop of a process that stays: one thread watches and rolls back, the other brings git and database together.

A remote that hangs keeps nothing from being rolled back, and a long count keeps nothing from being written. Each is
woken by what it waits for and by its poll, the net under hints that get lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from reconciler.errors import ReconcilerError
from reconciler.reconcile.facts import Fact, Tell
from reconciler.reconcile.tick import Tick

_LONGEST_BACKOFF = 5.0  # seconds: no outage is over for longer before it is noticed
_CLOSE_TOGETHER = 0.1  # seconds: reports that come one after another are judged once
_PEEK = 1.0  # seconds between two looks for errors that nobody announced
_LATE = timedelta(seconds=3)  # so much later an event may be committed than it was received, to be found at once
_APART = 1.0  # seconds between two passes, whoever calls how often


class Wake:
    """What a thread waits for: names that came meanwhile, a moment, or the end."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._names: set[str] = set()
        self._is_called = False
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the end was asked for."""
        return self._is_over

    def call(self, name: str = "") -> None:
        """Wake whoever waits, because of this feature or of no one in particular."""
        with self._condition:
            self._is_called = True
            if name:
                self._names.add(name)
            self._condition.notify_all()

    def stop(self) -> None:
        """Wake whoever waits for the last time."""
        with self._condition:
            self._is_over = True
            self._condition.notify_all()

    def wait(self, seconds: float) -> frozenset[str]:
        """Wait until somebody calls, at most so long; return the features that were called since the last time."""
        with self._condition:
            self._condition.wait_for(lambda: self._is_called or self._is_over, max(seconds, 0))
            names, self._names, self._is_called = frozenset(self._names), set(), False
            return names

    def sleep(self, seconds: float) -> bool:
        """Sleep whoever calls, and tell whether the end was asked for."""
        with self._condition:
            return self._condition.wait_for(lambda: self._is_over, max(seconds, 0))


@dataclass(slots=True, kw_only=True)
class Loop:
    """Runs until `stop`: `look` judges the named features, all for None, and `tick` makes a pass.

    `watch_every` and `tick_every` are the polls; both are called over again when they fail, later each time.
    `failing` names the features with an error within the last while: it costs next to nothing, and is asked each
    second.
    """

    look: Callable[[Sequence[str] | None], object]
    failing: Callable[[timedelta], Sequence[str]]
    tick: Callable[[], Tick]
    tell: Tell
    watch_every: timedelta
    tick_every: timedelta
    errors: Wake = field(default_factory=Wake)
    changes: Wake = field(default_factory=Wake)

    def run(self) -> None:
        """Watch and tick until `stop` is called; both end what they are at."""
        watching = threading.Thread(target=self._watch, name="watch")
        watching.start()
        try:
            self._ticks()
        finally:
            self.stop()
            watching.join()

    def stop(self) -> None:
        """End both soon."""
        self.errors.stop()
        self.changes.stop()

    def _watch(self) -> None:
        failures, looked_at, named = 0, float("-inf"), frozenset[str]()
        while not self.errors.is_over:
            is_due = time.monotonic() - looked_at >= self.watch_every.total_seconds()
            wanted = None if is_due else sorted(named)
            begun = time.monotonic()
            failures = self._tried("watch-failed", partial(self._look, wanted), failures)
            took = time.monotonic() - begun
            looked_at = begun if is_due and not failures else looked_at
            # What could not be looked at is looked at again, and a look that takes long leaves others their time.
            heard = self.errors.wait(_backoff(failures) if failures else max(_PEEK, took))
            if heard and not self.errors.is_over:
                self.errors.sleep(_CLOSE_TOGETHER)
                heard |= self.errors.wait(0)
            named = heard | named if failures else heard

    def _look(self, wanted: Sequence[str] | None) -> None:
        names = wanted if wanted is None or wanted else self.failing(timedelta(seconds=_PEEK) + _LATE)
        if names is None or names:
            self.look(names)

    def _ticks(self) -> None:
        failures = 0
        while not self.changes.is_over:
            begun = time.monotonic()
            done: list[Tick] = []
            self._tried("tick-failed", lambda: done.append(self.tick()), failures)  # noqa: B023 - called at once
            failures = 0 if done and not done[0].failures else failures + 1
            pause = self._pause(done[0] if done else None, failures)
            self.changes.wait(pause)
            if pause > _CLOSE_TOGETHER:
                self.changes.sleep(begun + _APART - time.monotonic())

    def _pause(self, tick: Tick | None, failures: int) -> float:
        every = self.tick_every.total_seconds()
        if failures:
            return min(every, _backoff(failures))
        due = None if tick is None else tick.pause
        return every if due is None else min(every, max(due.total_seconds(), _CLOSE_TOGETHER))

    def _tried(self, name: str, action: Callable[[], object], failures: int) -> int:
        try:
            action()
        except ReconcilerError as error:
            self.tell(Fact(name=name, is_alarm=True, fields={"error": str(error)}))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other thread and the next pass go on
            self.tell(Fact(name=name, is_alarm=True, fields={"error": f"{type(error).__name__}: {error}"}))
        else:
            return 0
        return failures + 1


def _backoff(failures: int) -> float:
    return float(min(0.5 * 2 ** min(failures, 8), _LONGEST_BACKOFF))
