"""The real command in a process of its own, in a real repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command said and answered."""

    code: int
    out: str
    talk: str

    @property
    def json(self) -> Any:
        """The result as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`reconciler` in a folder, with variables on top of the test's own."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, **variables: str) -> Answer:
        """Run the command with these words."""
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(_SOURCE), "TZ": "UTC", **self.variables, **variables},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        return Answer(code=done.returncode, out=done.stdout, talk=done.stderr)
