"""The log of `run`: lines that a thread of its own writes, so that a reader who stalls stalls nobody else."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_MOST = 10_000  # lines wait at most; after that they are counted and dropped
_PATIENCE = 2.0  # seconds for the last lines


class Log:
    """Writes lines to stdout in their order; what a stalled reader keeps waiting is dropped and counted."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST)
        self._dropped = 0

    def say(self, line: str) -> None:
        """Write a line soon; never waits."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Write for as long as the block lasts, and what is left then if somebody reads it."""
        writer = threading.Thread(target=self._write, name="log", daemon=True)
        writer.start()
        try:
            yield
        finally:
            self.finish()
            writer.join(_PATIENCE)

    def finish(self) -> None:
        """Write what waits and end, if somebody reads it within two seconds."""
        deadline = time.monotonic() + _PATIENCE
        with suppress(queue.Full):
            self._lines.put(None, timeout=_PATIENCE)
        while not self._lines.empty() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            with suppress(OSError, ValueError):
                sys.stdout.write(f"{line}\n")
                if self._lines.empty():
                    sys.stdout.flush()
                if self._dropped:
                    sys.stdout.write(f"{self._dropped} lines were dropped, as nobody read them\n")
                    self._dropped = 0
        with suppress(OSError, ValueError):
            sys.stdout.flush()


LOG = Log()
"""The log of this process."""
