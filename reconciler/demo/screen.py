"""How the demo speaks: numbered acts, lines below them, and one line that moves while something is waited for."""

from __future__ import annotations

import time
from typing import TextIO

from reconciler.render.style import Style, Tone
from reconciler.render.text import wrapped

_INDENT = "   "
_CLEAR = "\r\x1b[K"
_STEP = 0.1  # seconds between two pictures of a moving line


class Screen:
    """Writes to one stream; the moving line shows on a terminal alone."""

    def __init__(self, stream: TextIO, style: Style, *, is_terminal: bool) -> None:
        self._stream = stream
        self._style = style
        self._is_terminal = is_terminal
        self._acts = 0
        self._moved_at = 0.0

    @property
    def style(self) -> Style:
        """How its lines look."""
        return self._style

    def act(self, title: str) -> None:
        """Begin the next act."""
        self._acts += 1
        self._write(f"\n{self._style.paint(f'{self._acts}  {title}', Tone.STRONG)}\n")

    def say(self, text: str, *tones: Tone) -> None:
        """Say something, in as many lines as it takes."""
        for line in wrapped(text, columns=self._style.width, first=_INDENT):
            self._write(f"{self._style.paint(line, *tones)}\n")

    def show(self, text: str) -> None:
        """Show lines as they are, added and removed ones in colour."""
        tones = {"+": Tone.MORE, "-": Tone.LESS}
        for line in text.splitlines():
            tone = tones.get(line[:1], Tone.QUIET)
            self._write(f"{_INDENT}{self._style.paint(line, tone)}\n" if line else "\n")

    def move(self, text: str) -> None:
        """Show what is so at this moment; the next line takes its place."""
        now = time.monotonic()
        if self._is_terminal and now - self._moved_at >= _STEP:
            self._moved_at = now
            self._stream.write(f"{_CLEAR}{_INDENT}{text}")
            self._stream.flush()

    def _write(self, text: str) -> None:
        self._stream.write(f"{_CLEAR if self._is_terminal else ''}{text}")
        self._stream.flush()
