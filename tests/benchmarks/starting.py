"""Whole commands on the shipped folder, against Python's start and the imports that a plan needs.

Goal: a plan of the shipped folder costs at most Python's start plus its imports, here `ratio` near 1.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.store.embedded import stop
from tests.benchmarks.measure import least, report

IMPORTS = "import click, psycopg, git"
IMPORTS_WHEN_CHANGED = "import click, psycopg, git, yaml, jsonschema"
TOP = Path(__file__).parents[2]


def main() -> None:
    """Print the cost of whole commands."""
    with TemporaryDirectory() as folder:
        data = Path(folder) / "server"
        try:
            _measure(data)
        finally:
            stop(data)


def _measure(data: Path) -> None:
    bare = least(lambda: _run("-c", "pass"), runs=7)
    imports = least(lambda: _run("-c", IMPORTS), runs=7)
    imports_all = least(lambda: _run("-c", IMPORTS_WHEN_CHANGED), runs=7)
    options = ("--data-folder", str(data), "--repository", str(TOP))
    report("reconciler --help", least(lambda: _reconciler("--help"), runs=7), bare, "-")
    _reconciler(*options, "plan")
    report("plan, nothing applied yet", least(lambda: _reconciler(*options, "plan"), runs=7), imports_all, "1.00")
    _reconciler(*options, "apply")
    report("plan, in sync", least(lambda: _reconciler(*options, "plan"), runs=7), imports, "1.00")


def _reconciler(*arguments: str) -> None:
    _run("-m", "reconciler", *arguments)


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=False, capture_output=True, cwd=TOP)


if __name__ == "__main__":
    main()
