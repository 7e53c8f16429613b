"""One running git: its output piece by piece, within a limit on the time spent waiting for it."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from reconciler.errors import RepositoryError
from reconciler.repository.text import one_line

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import IO

    from git import Git

_PIECE = 1 << 16
_TOO_MUCH = "so many files are no folder of definitions: name a smaller one with --root"


class TooLateError(RepositoryError):
    """Git did not end in time and was stopped with all its children."""


class Process:
    """A git process in a session of its own; only reading counts against its time, not the work between reads."""

    def __init__(self, running: Git.AutoInterrupt, *, name: str, timeout: timedelta) -> None:
        self._running = running  # GitPython ends the process when this is collected
        self._process = cast("subprocess.Popen[bytes]", running.proc)
        self._name = name
        self._timeout = timeout
        self._left = timeout.total_seconds()
        self._since = 0.0
        self._buffer = b""
        self._at = 0
        self._said = bytearray()
        self._selector = selectors.DefaultSelector()
        self._pipes = (cast("IO[bytes]", self._process.stdout), cast("IO[bytes]", self._process.stderr))
        for pipe, use in zip(self._pipes, ("output", "complaint"), strict=True):
            self._selector.register(pipe, selectors.EVENT_READ, use)

    @property
    def complaint(self) -> str:
        """What git said on standard error, on one line."""
        return one_line(self.said)

    @property
    def said(self) -> str:
        """What git said on standard error as it said it, 64 KiB and a little more at most."""
        return self._said.decode(errors="replace")

    def line(self) -> bytes:
        """Return the next line without its end; the rest when there is no further line."""
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            if not self._fill():
                return self._take(len(self._buffer) - self._at)
        line = self._buffer[self._at : end]
        self._at = end + 1
        return line

    def exactly(self, size: int) -> bytes:
        """Return the next `size` bytes; fewer mean that git ended."""
        while len(self._buffer) - self._at < size and self._fill():
            pass
        return self._take(size)

    def skip(self, size: int) -> int:
        """Pass over the next `size` bytes without keeping them; return how many there were."""
        skipped = 0
        while skipped < size and (piece := self._take(size - skipped) or self.exactly(min(_PIECE, size - skipped))):
            skipped += len(piece)
        return skipped

    def rest(self, most: int | None = None) -> bytes:
        """Return everything up to the end; RepositoryError when that is more than `most` bytes."""
        pieces = [self._take(len(self._buffer))]
        size = len(pieces[0])
        while piece := self._next_piece():
            pieces.append(piece)
            size += len(piece)
            if most is not None and size > most:
                raise RepositoryError(f"{self._name} answers with more than {most >> 20} MiB; {_TOO_MUCH}")
        return b"".join(pieces)

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        while self._next_piece():
            pass
        try:
            return self._process.wait(max(self._left, 1))
        except subprocess.TimeoutExpired:
            raise self._too_late() from None

    def kill(self) -> None:
        """End the process and its whole group, if it still runs; whoever reads it comes to its end."""
        # Not yet waited for, so its number can't belong to anybody else.
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the process and its whole group, if it still runs, and release its pipes."""
        self.kill()
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()
        self._process.wait()

    def _take(self, size: int) -> bytes:
        taken = self._buffer[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def _fill(self) -> bool:
        piece = self._next_piece()
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return bool(piece)

    def _next_piece(self) -> bytes:
        self._since = time.monotonic()
        while self._selector.get_map():
            for key in self._ready():
                piece = os.read(key.fd, _PIECE)
                if not piece:
                    self._selector.unregister(key.fileobj)
                elif key.data == "output":
                    return piece
                elif len(self._said) < _PIECE:
                    self._said += piece
        return b""

    def _ready(self) -> list[selectors.SelectorKey]:
        ready = self._selector.select(max(self._left, 0))
        now = time.monotonic()
        self._left -= now - self._since
        self._since = now
        # Also somebody who talks without a pause runs out of time.
        if not ready or self._left < 0:
            raise self._too_late()
        return [key for key, _ in ready]

    def _too_late(self) -> TooLateError:
        seconds = self._timeout.total_seconds()
        return TooLateError(
            f"{self._name} gave no answer within {seconds:g} s and was stopped; "
            "look for a hung disk or network folder, then try again"
        )
