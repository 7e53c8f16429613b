"""Repositories of many definitions of 33 lines, the size that teams write."""

from __future__ import annotations

import subprocess
from pathlib import Path

_DEFINITION = """\
# yaml-language-server: $schema=../../schemas/rollout.schema.json
# Owned by team {team}; questions go to their channel.
feature: {feature}
description: Rollout number {number} of the benchmark, with a description of the usual length.
owner: team-{team}
tier: {tier}
target: 4

# Internal customers, always on.
whitelist:
  - "internal-{number}-a"
  - "internal-{number}-b"
  - "internal-{number}-c"
  - "internal-{number}-d"
  - "internal-{number}-e"

# Customers whose contract excludes new features.
blacklist:
  - "contract-{number}-a"
  - "contract-{number}-b"
  - "contract-{number}-c"

dwell:
  1: 48h
  2: 7d
  3: 7d

thresholds:
  error_rate: 0.05
  success_rate: 0.95
  window: 1h
  min_exposed: 100
  confidence: 0.99
"""

_IDENTITY = {
    "GIT_AUTHOR_NAME": "bench",
    "GIT_AUTHOR_EMAIL": "bench@example.com",
    "GIT_COMMITTER_NAME": "bench",
    "GIT_COMMITTER_EMAIL": "bench@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
}


def definition(number: int, *, tier: int = 1) -> str:
    """Return the text of one definition."""
    return _DEFINITION.format(feature=f"feature_{number:05}", team=f"{number % 20:02}", number=number, tier=tier)


def path(number: int) -> str:
    """Return where one definition lies, in one of twenty team folders."""
    return f"rollouts.d/team-{number % 20:02}/feature_{number:05}.yaml"


def a_repository(top: Path, count: int) -> Path:
    """Make a packed repository with that many definitions in one commit."""
    for number in range(count):
        file = top / path(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(definition(number))
    git(top, "init", "-q", "-b", "main")
    git(top, "config", "gc.auto", "0")  # none in the background beside ours
    commit(top, "Add all definitions")
    git(top, "gc", "-q")
    return top


def commit(top: Path, message: str) -> None:
    """Commit everything below the top."""
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", message)


def git(top: Path, *arguments: str, text: str | None = None) -> bytes:
    """Run git and return what it prints."""
    return subprocess.run(
        ["git", "-C", str(top), *arguments],
        check=True,
        capture_output=True,
        env=_IDENTITY,
        input=None if text is None else text.encode(),
    ).stdout
