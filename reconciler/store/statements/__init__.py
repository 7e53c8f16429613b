"""The statements of the store, one file each."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> bytes:
    """Return the text of a statement by its file's name, such as `read_scope`."""
    return files(__name__).joinpath(f"{name}.sql").read_bytes()
