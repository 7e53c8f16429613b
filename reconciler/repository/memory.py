"""Bytes that git reads from a descriptor: in a file without a name, in memory where the system can."""

from __future__ import annotations

import os
import tempfile
from typing import BinaryIO

from reconciler.errors import RepositoryError


def held(content: bytes) -> BinaryIO:
    """Return an open file that holds `content`, to be read from its beginning; nobody can find it by a name."""
    try:
        file = _nameless()
        file.write(content)
        file.flush()
    except OSError as error:
        raise RepositoryError(
            f"{len(content)} bytes can't be handed to git ({error.strerror}); look for free memory and a full disk"
        ) from error
    file.seek(0)
    return file


def _nameless() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("reconciler"), "w+b")  # noqa: PTH123 -- a descriptor
    return tempfile.TemporaryFile()
