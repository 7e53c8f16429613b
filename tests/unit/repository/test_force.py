"""Where force may stand in the code that speaks git."""

from __future__ import annotations

import re
from pathlib import Path

import reconciler

PACKAGE = Path(reconciler.__file__).parent


def test_force_stands_in_one_place_and_with_a_lease() -> None:
    found = [
        (path.relative_to(PACKAGE).as_posix(), option)
        for path in sorted(PACKAGE.rglob("*.py"))
        for option in re.findall(r"--force[a-z-]*|--mirror|--prune|[\"']-f[\"']", path.read_text())
    ]

    assert found == [("repository/push.py", "--force-with-lease")]
