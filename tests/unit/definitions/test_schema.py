"""The schemas: sound in themselves, alike where they share, and as strict as the loader says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import reconciler
from reconciler.definitions.compiled import SchemaName, schema_errors

_NAMES: tuple[SchemaName, ...] = ("rollout", "policy")


def _schema(name: str) -> Any:
    file = Path(reconciler.__file__).parent / "schemas" / f"{name}.schema.json"
    return json.loads(file.read_text(encoding="utf-8"))


def _parts(schema: Any) -> Iterator[Any]:
    yield schema
    for each in schema.get("properties", {}).values():
        yield from _parts(each)
    if "items" in schema:
        yield from _parts(schema["items"])


@pytest.mark.parametrize("name", _NAMES)
def test_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(_schema(name))


@pytest.mark.parametrize("name", _NAMES)
def test_tells_an_editor_of_every_field(name: str) -> None:
    fields = [(key, each) for part in _parts(_schema(name)) for key, each in part.get("properties", {}).items()]

    assert [key for key, each in fields if not {"title", "description", "examples"} <= each.keys()] == []


@pytest.mark.parametrize("name", _NAMES)
def test_says_every_pattern_in_words(name: str) -> None:
    assert [part for part in _parts(_schema(name)) if "pattern" in part and "patternErrorMessage" not in part] == []


@pytest.mark.parametrize("name", _NAMES)
def test_closes_every_mapping(name: str) -> None:
    assert [part for part in _parts(_schema(name)) if "properties" in part and part["additionalProperties"]] == []


@pytest.mark.parametrize("name", _NAMES)
def test_its_examples_are_sound(name: str) -> None:
    bad = [
        (each, example)
        for each in _parts(_schema(name))
        for example in each.get("examples", ())
        if not Draft202012Validator(each).is_valid(example)
    ]

    assert bad == []


def test_items_of_text_have_the_two_keywords_that_the_short_way_tells() -> None:
    """`compiled` tells a whole list at once and looks at no other keyword."""
    items = [part["items"] for name in _NAMES for part in _parts(_schema(name)) if "items" in part]
    told = {"title", "description", "examples", "type", "pattern", "patternErrorMessage"}

    assert [each for each in items if each.get("type") == "string" and each.keys() - told] == []


def test_both_schemas_say_dwell_and_thresholds_alike() -> None:
    rollout, policy = (_schema(name)["properties"] for name in _NAMES)

    for field in ("dwell", "thresholds"):
        assert rollout[field] | {"description": ""} == policy[field] | {"description": ""}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"feature": "a\n", "tier": 0}, id="line break after a pattern"),
        pytest.param({"feature": "a", "tier": 1.0}, id="fraction for a whole number"),
        pytest.param({"feature": "a", "tier": True}, id="boolean for a whole number"),
        pytest.param({"feature": "a", "tier": 0, "whitelist": ["a", "b", "a"]}, id="twice in a list"),
        pytest.param({"feature": "a", "tier": 0, "whitelist": ["a", "b\n"]}, id="line break in an item"),
    ],
)
def test_closes_the_traps_of_json_schema(data: object) -> None:
    assert len(schema_errors("rollout", data)) == 1
