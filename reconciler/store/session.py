"""A connection that is opened when it is first used, opened anew when it was lost, and not waited for for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TypeVar

import psycopg

from reconciler.store.connection import SILENCE, Connection, answered_within, connect
from reconciler.store.failures import translated

Answer = TypeVar("Answer")


class Session:
    """Asks one database, one question after another; for one thread."""

    def __init__(self, open_connection: Callable[[], Connection], *, silence: float = SILENCE) -> None:
        self._open = open_connection
        self._silence = silence
        self._connection: Connection | None = None

    @classmethod
    def at(cls, dsn: str, *, silence: float = SILENCE) -> Self:
        """Return a store that connects to `dsn` when it is first used.

        A connection that says nothing for `silence` seconds is taken for lost.
        """
        return cls(lambda: connect(dsn), silence=silence)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _asked(self, ask: Callable[[Connection], Answer], *, silence: float | None = None) -> Answer:
        with translated():
            try:
                return self._heard(ask, silence)
            except psycopg.OperationalError:
                if not self._is_lost():
                    raise
                return self._heard(ask, silence)

    def _heard(self, ask: Callable[[Connection], Answer], silence: float | None) -> Answer:
        connection = self._live()
        with answered_within(connection, self._silence if silence is None else silence):
            return ask(connection)

    def _live(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    def _is_lost(self) -> bool:
        return self._connection is None or self._connection.closed or self._connection.broken
