"""Golden files: what a page read as when a person last looked at it.

`REGENERATE_GOLDEN=1 pytest tests/unit/render` writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "data" / "render"


def matches_golden(name: str, ending: str, text: str) -> None:
    """Assert that a page reads as its golden file."""
    path = GOLDEN / f"{name}.{ending}"
    if os.environ.get("REGENERATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
