"""What runs behind a client: two threads, one that watches the rollouts and one that stores events."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from reconciler.client.live import Live, differing, renew
from reconciler.client.recorder import PAUSE, Recorder
from reconciler.client.watcher import Watcher
from reconciler.store.connection import Connection
from reconciler.store.events import EventWriter
from reconciler.store.rollouts import Mark, MarkedRollout

Listener = Callable[[Collection[str]], None]
ConnectionListener = Callable[[bool], None]

logger = logging.getLogger("reconciler.client")

T = TypeVar("T")


class Engine:
    """The rollouts of a client, replaced as a whole when one changes, and the queue of its events."""

    def __init__(
        self, open_connection: Callable[[], Connection], *, is_telling: bool, poll: float, capacity: int
    ) -> None:
        self.lives: dict[str, Live] = {}
        self._writer = EventWriter(open_connection)
        self.recorder = Recorder(self._writer, capacity=capacity)
        self.watcher = Watcher(open_connection, self._differing, self._changed, poll=poll, looked=self._looked)
        self.listeners: list[Listener] = []
        self.connection_listeners: list[ConnectionListener] = []
        self._is_telling = is_telling
        self._threads: tuple[threading.Thread, ...] = ()
        self._is_stopping = self._has_stored = self._has_ended = False
        self._reset()

    @property
    def is_stopped(self) -> bool:
        """Whether the client was closed."""
        return self._is_stopping

    def start(self) -> None:
        """Start both threads; neither keeps the process alive."""
        work = {"rollouts-watch": self.watcher.run, "rollouts-store": self._store}
        self._threads = tuple(
            threading.Thread(target=target, name=name, daemon=True) for name, target in work.items()
        )
        for thread in self._threads:
            thread.start()

    def hurry(self) -> None:
        """Have the queue looked at now."""
        self._wake.put(None)

    def wait_for_rollouts(self, timeout: float) -> bool:
        """Wait for the first rollouts, and tell whether they are here; the child of a fork begins to watch."""
        self.lives.get("")
        return self.watcher.first_look.wait(timeout)

    def stop(self, timeout: float) -> None:
        """Store what waits, so many seconds at most, and end both threads; who comes second waits for that too."""
        # Who comes second may have interrupted the first anywhere, so it asks for the end once more.
        if not self._is_stopping:
            self._until = time.monotonic() + timeout
        self._is_stopping = True
        self.recorder.end()
        self.hurry()
        self.watcher.stop()
        if not self._threads and self._ending.acquire(blocking=False):
            self._finish()
        # Not by `join`, which takes a thread for ended once Ctrl-C has interrupted it.
        while not self._has_stored and time.monotonic() < self._until + 0.5:
            time.sleep(0.005)
        for thread in self._threads:
            if thread is not threading.current_thread():  # a listener may close its client
                thread.join(max(0.1, self._until + 0.5 - time.monotonic()))
        lost = 0 if self._has_ended else self.recorder.waiting
        self._has_ended = True
        if lost:
            reason = self.recorder.last_error or "there was no time to store them"
            logger.error("%d events lost at the end: %s", lost, reason, extra={"lost": lost, "error": reason})

    def forked(self) -> list[object]:
        """Begin anew in the child of a fork, at its first question, and return what belongs to the parent."""
        theirs: list[object] = [self.watcher.connection, self._writer.connection]
        self._writer.connection = None
        self.recorder.reset()
        self._threads, self._has_stored = (), True
        if not self.is_stopped:
            self.watcher.reset()
            self._reset()
            self.lives = _Resuming(self.lives, self._resume)
        return theirs

    def _reset(self) -> None:
        # No lock of these is ever waited for: a handler of SIGTERM closes a client in the midst of anything.
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._ending = threading.Lock()
        self._is_stopping = False
        self._has_stored = False
        self._has_ended = False
        self._resuming = threading.Lock()
        self._threads = ()
        self._until = 0.0

    def _resume(self) -> None:
        with self._resuming:
            if isinstance(self.lives, _Resuming):
                self.lives = dict(self.lives)
                try:
                    self.start()
                except RuntimeError as error:  # a process that ends starts no thread any more
                    self._threads = ()
                    logger.warning("not resumed after a fork: %s", error)

    def _store(self) -> None:
        while not self._is_stopping:
            try:
                self.recorder.tick()
                renew(self.lives.values(), time.monotonic())
            except Exception:  # whatever it is, later events have to be stored
                logger.exception("storing events failed")
            with suppress(Empty):
                self._wake.get(timeout=PAUSE * random.uniform(0.8, 1))  # noqa: S311 - spreads the clients
                while True:
                    self._wake.get_nowait()
        self._finish()

    def _finish(self) -> None:
        self.recorder.drain(self._until)
        self._has_stored = True
        self._writer.close()

    def _differing(self, marks: Mapping[str, Mark]) -> list[str]:
        return differing(self.lives, marks)

    def _changed(self, found: Mapping[str, MarkedRollout], gone: Collection[str]) -> None:
        now = time.monotonic()
        lives = {feature: live for feature, live in self.lives.items() if feature not in gone}
        for feature, marked in found.items():
            live = Live(marked, is_telling=self._is_telling, now=now)
            if feature in lives:
                live.continues(lives[feature])
            lives[feature] = live
        self.lives = lives
        _tell(self.listeners, [*found, *gone])

    def _looked(self, is_connected: bool) -> None:
        _tell(self.connection_listeners, is_connected)


def _tell(listeners: Collection[Callable[[T], None]], news: T) -> None:
    for listener in list(listeners):
        try:
            listener(news)
        except Exception:  # a stranger's code
            logger.exception("a listener failed")


class _Resuming(dict[str, Live]):
    """The rollouts in the child of a fork: the first question starts what a fork doesn't copy, the threads.

    A child that asks nothing has no thread and no connection.
    """

    def __init__(self, lives: Mapping[str, Live], resume: Callable[[], None]) -> None:
        super().__init__(lives)
        self._resume = resume

    def get(self, key: str, default: Any = None, /) -> Any:  # as dict.get has it
        self._resume()
        return super().get(key, default)
