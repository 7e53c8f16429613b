"""Hears what sessions announce: transitions, and errors of customers; over a connection that no pooler hands on."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress

from psycopg import errors

from reconciler.errors import ReconcilerError
from reconciler.store.connection import SILENCE, Connection, answered_within
from reconciler.store.failures import translated

ERRORS = "rollout_errors"
"""Where a report of an error is announced, with the feature's name as payload."""

_PATIENCE = 60.0  # seconds after which a connection that says nothing is asked whether it still lives
_LONGEST_BACKOFF = 2.0  # seconds: when the database is back, what was reported meanwhile is judged at once

Hear = Callable[[str], None]


class Listener:
    """Calls whoever asked for a channel with each name announced there: hints, as a lost one is never repeated."""

    def __init__(self, open_connection: Callable[[], Connection], heard: Mapping[str, Hear]) -> None:
        self._open = open_connection
        self._heard = heard
        self._stopping = threading.Event()
        self._reader, self._writer = os.pipe()
        self._thread = threading.Thread(target=self._run, name="listen", daemon=True)

    def start(self) -> None:
        """Begin to listen in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        os.write(self._writer, b"!")
        self._thread.join(5)
        os.close(self._writer)
        os.close(self._reader)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                with translated(), closing(self._open()) as connection:
                    failures = 0
                    self._listen(connection)
            except (ReconcilerError, OSError):
                failures += 1
            self._stopping.wait(min(_LONGEST_BACKOFF, 0.2 * 2 ** min(failures, 8)))

    def _listen(self, connection: Connection) -> None:
        for channel in self._heard:
            with suppress(errors.ReadOnlySqlTransaction):  # a standby announces nothing
                connection.execute(f"listen {channel}".encode())
        # Whatever was announced before is not heard of.
        for hear in self._heard.values():
            hear("")
        poller = select.poll()
        for descriptor in (self._reader, connection.fileno()):
            poller.register(descriptor, select.POLLIN)
        while not self._stopping.is_set():
            if not poller.poll(_PATIENCE * 1_000):
                with answered_within(connection, SILENCE):
                    connection.execute("select 1")
            for notice in connection.notifies(timeout=0):
                self._heard[notice.channel](notice.payload)
