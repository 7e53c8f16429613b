"""Feature names for the shell's completion, cheaply: the files of the working tree, without git or a database."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.cli.options import chosen

_FEATURE = re.compile("[a-z][a-z0-9_-]{0,62}")
_MOST = 20_000


def complete_feature(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """Return the features whose name begins like this."""
    given = chosen(context)
    start = Path(given.get("repository") or os.environ.get("RECONCILER_REPOSITORY") or ".")
    root = given.get("root") or os.environ.get("RECONCILER_ROOT") or "rollouts.d"
    try:
        return sorted(name for name in _names(start.resolve(), root) if name.startswith(incomplete))
    except OSError:
        return []


def _names(start: Path, root: str) -> Iterator[str]:
    top = next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)
    for count, path in enumerate((top / root).rglob("*.yaml")):
        if count == _MOST:
            return
        # A shell would run what a stranger's name holds.
        if _FEATURE.fullmatch(path.stem) is not None:
            yield path.stem
