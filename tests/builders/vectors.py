"""The frozen buckets that every implementation has to agree with, and ids of all lengths."""

from __future__ import annotations

import json
import random
from pathlib import Path

_FILE = Path(__file__).parents[1] / "data" / "evaluation" / "buckets.json"
_ALPHABETS = ("abcdefghijklmnopqrstuvwxyz0123456789-_", "aé漢ü\U0001f600 \u0301,")
_LENGTHS = (1, 5, 12, 22, 23, 24, 25, 36, 36, 36, 100, 127, 128, 255, 256)


def frozen_vectors() -> list[tuple[str, str, int]]:
    """Return feature, customer and bucket of each vector."""
    return [(each["feature"], _customer(each), each["bucket"]) for each in json.loads(_FILE.read_text())["vectors"]]


def some_ids(count: int, *, seed: int = 1) -> list[str]:
    """Return ids of all lengths, half of them beyond ASCII; the same for the same seed."""
    source = random.Random(seed)
    return ["".join(source.choices(_ALPHABETS[number % 2], k=source.choice(_LENGTHS))) for number in range(count)]


def _customer(vector: dict[str, object]) -> str:
    if vector["customer"] is not None:
        return str(vector["customer"])
    repeat = vector["repeat"]
    assert isinstance(repeat, dict)
    return str(repeat["text"]) * int(repeat["times"])
