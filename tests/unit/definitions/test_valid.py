"""Sound files in every spelling that authors use, each with the definition that it means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.definitions.load import source_key
from reconciler.domain.definition import Definition, Source
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.ladder import Tier
from tests.builders.definitions import a_tree

_FILES = Path(__file__).parents[2] / "data" / "definitions" / "valid"


def _dwell(one: timedelta, two: timedelta, three: timedelta) -> Gates:
    return Gates(dwell=Dwell(tier_1=one, tier_2=two, tier_3=three))


_HOURS, _DAYS = timedelta(hours=1), timedelta(days=1)

_EXPECTED: Mapping[str, Mapping[str, Any]] = {
    "smallest": {"tier": Tier.DISABLED},
    "everything": {
        "description": "Checkout in one step",
        "owner": "team-payments",
        "tier": Tier.EARLY_ADOPTERS,
        "target": Tier.GENERAL,
        "attempt": 3,
        "rolled_back": 2,
        "paused": True,
        "whitelist": frozenset({"acme", "007"}),
        "blacklist": frozenset({"globex"}),
        "gates": Gates(
            dwell=Dwell(tier_1=2 * _DAYS, tier_2=7 * _DAYS, tier_3=14 * _DAYS),
            thresholds=Thresholds(
                error_rate=0.01, success_rate=0.99, window=_HOURS / 2, min_exposed=100, confidence=0.99
            ),
        ),
    },
    "crlf": {"owner": "team-payments"},
    "byte-order-mark": {},
    "no-final-line-break": {},
    "flow-style": {"whitelist": frozenset({"acme"})},
    "json": {"gates": _dwell(30 * _HOURS, 48 * _HOURS, 48 * _HOURS)},
    "quoted-keys": {},
    "value-on-the-next-line": {},
    "explicit-keys": {},
    "markers-and-directive": {},
    "block-text": {"description": "tier: 3\n# no comment\n"},
    "folded-text": {"description": "one two"},
    "emoji-with-joiner": {"description": "for the \U0001f469\u200d\U0001f4bb team"},
    "tab-after-colon": {},
    "dwell-for-all": {"gates": _dwell(30 * _HOURS, 30 * _HOURS, 30 * _HOURS)},
    "dwell-at-the-floor": {"gates": _dwell(_DAYS, _DAYS, _DAYS)},
    "dwell-of-one-tier": {"gates": _dwell(2 * _DAYS, 7 * _DAYS, 2 * _DAYS)},
    "thresholds-at-their-ends": {
        "gates": Gates(
            thresholds=Thresholds(error_rate=0, success_rate=1, window=30 * _DAYS, min_exposed=0, confidence=0.5)
        )
    },
    "rolled-back": {"tier": Tier.DISABLED, "attempt": 2, "rolled_back": 2},
    "restarted": {"attempt": 3, "rolled_back": 2},
    "longest-customer": {"whitelist": frozenset({"ü" * 128, "no", "1e3"})},
    "looks-special-and-is-text": {
        "whitelist": frozenset(
            {"nope", "yesterday", "1a", "12-34", "v1.2.3", "-x", ".env", "on", "a=b", "null-island"}
        )
    },
    "upper-case-boolean": {"paused": True},
}

_PLACES = {
    "everything": (5, 7),
    "flow-style": (1, 27),
    "json": (1, 33),
    "value-on-the-next-line": (5, 3),
    "explicit-keys": (4, 3),
    "markers-and-directive": (4, 7),
    "quoted-keys": (2, 9),
}


@pytest.mark.parametrize("case", _EXPECTED)
def test_means(case: str) -> None:
    tree = a_tree({"checkout.yaml": (_FILES / f"{case}.yaml").read_bytes()})

    desired = tree.load()

    line, column = _PLACES.get(case, (2, 7))
    source = Source(
        path="rollouts.d/checkout.yaml", key=source_key(tree.entries[0], None), line=line, column=column
    )
    values = {"tier": Tier.INTERNAL} | dict(_EXPECTED[case])
    assert desired.problems == ()
    assert desired.definitions == {"checkout": Definition(feature="checkout", source=source, **values)}


def test_every_file_has_its_meaning_here() -> None:
    assert {file.stem for file in _FILES.iterdir()} == _EXPECTED.keys()
