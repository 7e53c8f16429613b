"""A way to the database that can hang, or break right after a COMMIT went through.

with a_proxy(database) as proxy:
    client = RolloutClient(proxy.dsn)
    proxy.hang()      # what is connected now hears nothing any more; whoever connects anew gets through
"""

from __future__ import annotations

import select
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.builders.clients import ROLE
from tests.builders.database import Database

_PORT = 5432


@dataclass
class Proxy:
    """Passes on what both sides say, until it is told otherwise."""

    dsn: str
    target: str
    cuts_after_commit: int = 0
    _hanging: set[socket.socket] = field(default_factory=set)
    _open: set[socket.socket] = field(default_factory=set)
    _is_over: bool = False

    def hang(self) -> None:
        """Pass nothing on any more between those that are connected."""
        self._hanging |= self._open

    def accept(self, listening: socket.socket) -> None:
        """Serve whoever connects, each on a thread."""
        with suppress(OSError):  # it is over
            while True:
                one, _ = listening.accept()
                threading.Thread(target=self._serve, args=[one], daemon=True).start()

    def end(self) -> None:
        """Let go of everybody."""
        self._is_over = True

    def _serve(self, one: socket.socket) -> None:
        with one, socket.socket(socket.AF_UNIX) as other, suppress(OSError):
            other.connect(self.target)
            self._open.add(one)
            while not self._is_over:
                ready, _, _ = select.select([one, other], [], [], 0.05)
                if one in self._hanging:
                    threading.Event().wait(0.05)
                elif not all(self._passed_on(end, {one: other, other: one}[end], one) for end in ready):
                    return

    def _passed_on(self, source: socket.socket, target: socket.socket, client: socket.socket) -> bool:
        content = source.recv(65_536)
        target.sendall(content)
        if source is client and b"COMMIT" in content and self.cuts_after_commit:
            self.cuts_after_commit -= 1
            threading.Event().wait(0.2)  # it is committed by then
            return False
        return bool(content)


@contextmanager
def a_proxy(database: Database, role: str = ROLE) -> Iterator[Proxy]:
    """Open a way to the database for a role, an application's unless it is named, in a folder of its own."""
    known = conninfo_to_dict(database.dsn_for(role))
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(Path(folder) / f".s.PGSQL.{_PORT}"))
        listening.listen()
        dsn = make_conninfo("", **{**known, "host": folder, "port": _PORT})
        proxy = Proxy(dsn=dsn, target=f"{known['host']}/.s.PGSQL.{known['port']}")
        threading.Thread(target=proxy.accept, args=[listening], daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.end()
            listening.shutdown(socket.SHUT_RDWR)
