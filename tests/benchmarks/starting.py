"""Whole commands on the shipped folder, against Python's start and the imports that a plan needs.

Goal: a plan of the shipped folder costs next to nothing beyond that. The first floor imports what the plan imports,
the second only the packages of others, which tells what modules of our own add.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.store.embedded import stop
from tests.benchmarks.measure import Cost, least, report

PACKAGES = ("click", "psycopg", "psycopg.rows", "git", "yaml", "jsonschema")
OWN = (
    "reconciler.cli.plan",
    "reconciler.cli.prospects",
    "reconciler.cli.pages",
    "reconciler.cli.answers",
    "reconciler.render.plan_text",
    "reconciler.definitions.compiled",
)
TOP = Path(__file__).parents[2]
RUNS = 7


def main() -> None:
    """Print the cost of whole commands."""
    with TemporaryDirectory() as folder:
        data = Path(folder) / "server"
        try:
            _measure(data)
        finally:
            stop(data)


def _measure(data: Path) -> None:
    bare = _cost("-c", "pass")
    packages = _cost("-c", f"import {', '.join(PACKAGES)}")
    everything = _cost("-c", f"import {', '.join(PACKAGES + OWN)}")
    command = ("-m", "reconciler", "--data-folder", str(data), "--repository", str(TOP))
    report("reconciler --help / bare Python", _cost("-m", "reconciler", "--help"), bare, "-")
    _run(*command, "plan")
    first = _cost(*command, "plan")
    report("first plan / Python and all its imports", first, everything, "1.00")
    _run(*command, "apply")
    again = _cost(*command, "plan")
    report("plan after apply / Python and all its imports", again, everything, "1.00")
    report("plan after apply / Python and packages of others", again, packages, "-")


def _cost(*arguments: str) -> Cost:
    return least(lambda: _run(*arguments), runs=RUNS)


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=False, capture_output=True, cwd=TOP)


if __name__ == "__main__":
    main()
