"""The last look at what goes to stderr: no password, and nothing that steers a terminal."""

from __future__ import annotations

import os
import sys

from reconciler.render.text import printable
from reconciler.settings import without_password


def shown(text: str) -> str:
    """Return a message, line by line printable, without the passwords of any connection string in sight."""
    known = [os.environ.get("RECONCILER_DSN", ""), *sys.argv[1:]]
    for word in known:
        text = without_password(text, word.removeprefix("--dsn="))
    token = os.environ.get("RECONCILER_GIT_TOKEN", "")
    text = text.replace(token, "***") if len(token) > 2 else text
    return "\n".join(_line(line) for line in text.splitlines())


def _line(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip(" "))]
    return indent + printable(line.lstrip(" "))
