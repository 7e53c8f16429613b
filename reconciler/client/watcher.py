"""Keeps the rollouts in memory as the database has them: told at once by NOTIFY, with polling as the net."""

from __future__ import annotations

import logging
import os
import random
import select
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress

from reconciler.errors import ReconcilerError
from reconciler.store.connection import SILENCE, Connection, answered_within
from reconciler.store.failures import translated
from reconciler.store.rollouts import Mark, MarkedRollout, announced, listen, read_marks, read_rollouts

LONGEST_BACKOFF = 10.0  # seconds

logger = logging.getLogger("reconciler.client")

Change = Callable[[Mapping[str, MarkedRollout], Collection[str]], None]
"""Told the rollouts that differ now, and the features that are gone."""

Look = Callable[[bool], None]
"""Told after each look whether the database could be seen."""


class Watcher:
    """Looks at all rollouts when it connects, at the named ones when it is told, and at all marks in between."""

    def __init__(
        self,
        open_connection: Callable[[], Connection],
        differing: Callable[[Mapping[str, Mark]], list[str]],
        changed: Change,
        *,
        poll: float,
        looked: Look = lambda _is_connected: None,
    ) -> None:
        self._open = open_connection
        self._differing = differing
        self._changed = changed
        self._looked = looked
        self._poll = poll
        self.looked_at: float | None = None
        self.last_error = ""
        self.silence = SILENCE
        self.reset()

    def reset(self) -> None:
        """Begin anew, as the child of a fork does."""
        self.connection: Connection | None = None
        self.first_look = threading.Event()
        self._stopping = False
        self._wake_reader, writer = os.pipe()
        self._writers = [writer]

    def run(self) -> None:
        """Watch until `stop` is called; a lost connection is opened anew, later each time."""
        failures = 0
        while not self._stopping:
            try:
                with translated():
                    self._watch_connected()
            except (ReconcilerError, OSError) as error:
                failures = failures + 1 if self.last_error else 0
                self._failed(error)
            except Exception as error:  # whatever it is, an application must hear of later changes
                logger.exception("watching failed")
                failures += 1
                self._failed(error)
            if not self._stopping:
                backoff = min(LONGEST_BACKOFF, 0.1 * 2 ** min(failures, 16))
                self._wait(None, backoff * random.uniform(0.5, 1))  # noqa: S311 - only spreads the tries
        os.close(self._wake_reader)

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping = True
        # Taken by one caller alone, as its number may be another file's once it is closed.
        with suppress(IndexError):
            writer = self._writers.pop()
            with suppress(OSError):  # ended already
                os.write(writer, b"!")
            os.close(writer)

    def _watch_connected(self) -> None:
        with closing(self._open()) as connection:
            self.connection = connection
            try:
                with answered_within(connection, self.silence):
                    listen(connection)
                self._look(connection)
                while not self._stopping:
                    # What came with the answer of a query is here already, and the socket wakes nobody for it.
                    named = announced(connection)
                    if not named:
                        self._wait(connection, self._poll * random.uniform(0.8, 1))  # noqa: S311 - as above
                        named = announced(connection)
                    if not self._stopping:
                        self._look(connection, named)
            finally:
                self.connection = None

    def _look(self, connection: Connection, named: Collection[str] = ()) -> None:
        with answered_within(connection, self.silence):
            wanted = sorted(named) or self._differing(read_marks(connection))
            found = read_rollouts(connection, wanted) if wanted else {}
        if wanted:
            self._changed(found, [feature for feature in wanted if feature not in found])
        self.looked_at = time.monotonic()
        if self.last_error:
            logger.info("rollouts are watched again")
        self.last_error = ""
        self.first_look.set()
        self._looked(True)

    def _wait(self, connection: Connection | None, seconds: float) -> None:
        waited_for = [self._wake_reader, *([connection.fileno()] if connection is not None else [])]
        poller = select.poll()
        for descriptor in waited_for:
            poller.register(descriptor, select.POLLIN)
        poller.poll(seconds * 1_000)

    def _failed(self, error: Exception) -> None:
        reason = " ".join(str(error).split())
        if not self.last_error:
            logger.warning("rollouts are not watched: %s", reason, extra={"error": reason})
        self.last_error = reason
        self._looked(False)
