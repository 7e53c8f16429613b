"""What is said while working, on stderr: notes, and progress on anything that takes more than a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from typing import TextIO

_CLEAR = "\r\x1b[K"
_TERMINAL_PAUSE = 0.1
_LOG_PAUSE = 5.0
_PATIENCE = 1.0


class Talk:
    """Speaks to one stream: a single updating line on a terminal, elsewhere a line every few seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._pause = _TERMINAL_PAUSE if self._is_terminal else _LOG_PAUSE
        self._lock = Lock()
        self._began = self._said = time.monotonic()
        self._is_open = False

    def note(self, text: str) -> None:
        """Say one thing that a reader should know."""
        with self._lock:
            self._write(f"{self._cleared()}{text}\n")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say what is being done as soon as it takes more than a second."""
        timer = Timer(_PATIENCE if self._is_terminal else _LOG_PAUSE, self._show, [f"{text} ..."])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self.clear()

    def begin(self) -> None:
        """Count the second before progress is shown from now on."""
        self._began = self._said = time.monotonic()

    def report(self, done: int, total: int) -> None:
        """Say how far a long work is; nothing in its first second."""
        now = time.monotonic()
        if now - self._began < _PATIENCE or now - self._said < self._pause:
            return
        self._said = now
        self._show(f"{done:,} of {total:,}")

    def clear(self) -> None:
        """Take the updating line away."""
        with self._lock:
            self._write(self._cleared())

    def _show(self, text: str) -> None:
        with self._lock:
            if self._is_terminal:
                self._write(f"{_CLEAR}{text}")
                self._is_open = True
            else:
                self._write(f"{text}\n")

    def _cleared(self) -> str:
        was_open, self._is_open = self._is_open, False
        return _CLEAR if was_open else ""

    def _write(self, text: str) -> None:
        # Whoever closed stderr doesn't listen: the work goes on.
        if text:
            with suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()
