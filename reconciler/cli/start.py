"""Where the program begins: an interrupt is quiet from its first import on."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def run() -> None:
    """Run the program and leave the process with its answer."""
    sys.stdout, sys.stderr = (stream or _nowhere() for stream in (sys.stdout, sys.stderr))
    try:
        from reconciler.cli.main import run as run_program

        run_program()
    except KeyboardInterrupt:
        sys.exit(130)


def _nowhere() -> TextIO:
    # Python has no stream at all where the caller closed it.
    return os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
