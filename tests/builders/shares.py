"""Cases of which the first are tried each time, and the others where there is time for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest


def a_share(cases: Mapping[str, Any], count: int) -> Sequence[Any]:
    """Return them as parameters by their names; so many are tried each time."""
    return [
        pytest.param(value, id=name, marks=() if number < count else pytest.mark.slow)
        for number, (name, value) in enumerate(cases.items())
    ]
