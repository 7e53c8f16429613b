"""What must hold for any file: no bytes raise, and what is written is what is read."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.definitions.text import unseen_in_id
from reconciler.domain.definition import Definition
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.ladder import Tier
from tests.builders.definitions import Tree, a_file, a_tree

_SEEDS = tuple(
    file.read_bytes()
    for file in sorted((Path(__file__).parents[2] / "data" / "definitions").rglob("*.yaml"))
    if file.stat().st_size < 2_000
)
_YAML = st.text(
    "feature: checkout\ntier\t-?&*!|>'\"[]{},#%@`~<=0129._\r\\/\x00\x85\u2028\ufeff\ud7ff\U0001f600", max_size=60
)
_CUSTOMERS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=64).filter(
    lambda customer: unseen_in_id(customer) is None
)
_HOURS = st.integers(24, 8_000)
_PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)


@st.composite
def _definitions(draw: st.DrawFn) -> dict[str, Any]:
    target = draw(st.integers(1, 4))
    rolled_back = draw(st.integers(0, 5))
    stays_off = rolled_back > 0 and draw(st.booleans())
    customers = draw(st.lists(_CUSTOMERS, unique=True, max_size=8))
    split = draw(st.integers(0, len(customers)))
    hours = draw(st.fixed_dictionaries({}, optional={"1": _HOURS, "2": _HOURS, "3": _HOURS}))
    return {
        "feature": "checkout",
        "description": draw(_PRINTABLE),
        "owner": draw(_PRINTABLE),
        "tier": 0 if stays_off else draw(st.integers(0, target)),
        "target": target,
        "attempt": rolled_back if stays_off else rolled_back + 1,
        "rolled_back": rolled_back,
        "paused": draw(st.booleans()),
        "whitelist": customers[:split],
        "blacklist": customers[split:],
        "dwell": {tier: f"{count}h" for tier, count in hours.items()},
        "thresholds": {
            "error_rate": draw(st.integers(0, 99)) / 100,
            "success_rate": draw(st.integers(1, 100)) / 100,
            "window": f"{draw(st.integers(1, 720))}h",
            "min_exposed": draw(st.integers(0, 10**9)),
            "confidence": draw(st.integers(500, 999)) / 1_000,
        },
    }


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_bytes_raise(data: st.DataObject) -> None:
    content = data.draw(st.one_of(st.binary(max_size=80), _YAML.map(_encoded), _mutations()))
    name = data.draw(st.sampled_from(["checkout.yaml", "_policy.yaml", "checkout.yml", "x/Checkout.yaml"]))
    tree = a_tree({name: content, "neighbour.yaml": a_file("neighbour")})

    desired = tree.load()

    kept = {feature for problem in desired.problems for feature in problem.features}
    assert ("neighbour" in desired.definitions) != ("neighbour" in kept)
    assert all(str(problem).isprintable() for problem in desired.problems)


@settings(max_examples=200, deadline=None)
@given(
    paths=st.lists(
        st.text("aA-_./ y\nml\udce9é", max_size=12).map(lambda text: f"{text}.yaml"), max_size=6, unique=True
    )
)
def test_no_paths_raise(paths: list[str]) -> None:
    tree = Tree()
    for path in paths:
        tree.add(path, a_file("checkout"))

    desired = tree.load()

    assert all(str(problem).isprintable() for problem in desired.problems)


@settings(max_examples=200, deadline=None)
@given(values=_definitions(), as_json=st.booleans())
def test_what_is_written_is_what_is_read(values: dict[str, Any], *, as_json: bool) -> None:
    content = json.dumps(values, ensure_ascii=False).encode() if as_json else _lines(values).encode()

    desired = a_tree({"checkout.yaml": content}).load()

    assert desired.problems == ()
    definition = desired.definitions["checkout"]
    assert definition == _meant(values, definition)


def _mutations() -> st.SearchStrategy[bytes]:
    def mutate(seed: bytes, at: float, junk: bytes, cut: int) -> bytes:
        where = int(at * len(seed))
        return seed[:where] + junk + seed[where + cut :]

    return st.builds(
        mutate,
        seed=st.sampled_from(_SEEDS),
        at=st.floats(0, 1),
        junk=st.one_of(st.binary(max_size=4), _YAML.map(_encoded)),
        cut=st.integers(0, 9),
    )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _lines(values: dict[str, Any]) -> str:
    return "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\r\n" for name, value in values.items())


def _meant(values: dict[str, Any], read: Definition) -> Definition:
    dwell = {f"tier_{tier}": timedelta(hours=int(text[:-1])) for tier, text in values["dwell"].items()}
    thresholds = values["thresholds"] | {"window": timedelta(hours=int(values["thresholds"]["window"][:-1]))}
    return Definition(
        feature="checkout",
        source=read.source,
        tier=Tier(values["tier"]),
        target=Tier(values["target"]),
        whitelist=frozenset(values["whitelist"]),
        blacklist=frozenset(values["blacklist"]),
        gates=Gates(dwell=Dwell(**dwell), thresholds=Thresholds(**thresholds)),
        **{name: values[name] for name in ("description", "owner", "attempt", "rolled_back", "paused")},
    )
