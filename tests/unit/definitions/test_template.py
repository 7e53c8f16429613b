"""What `new` writes."""

from __future__ import annotations

import pytest

from reconciler.definitions.template import new_definition
from reconciler.domain.ladder import Tier
from tests.builders.definitions import a_tree


@pytest.mark.parametrize(
    "text",
    [
        "Checkout in one step",
        "no",
        "null",
        "# not a comment",
        "a: b",
        'quoted "text"',
        "C:\\x",
        "42",
        "2026-10-01",
        "",
    ],
)
def test_loads_with_what_it_was_given(text: str) -> None:
    content = new_definition(
        "new-checkout", owner=text, description=text, schema_reference="../rollout.schema.json"
    )

    desired = a_tree({"new-checkout.yaml": content.encode()}).load()

    assert desired.problems == ()
    definition = desired.definitions["new-checkout"]
    assert (definition.tier, definition.owner, definition.description) == (Tier.DISABLED, text, text)


@pytest.mark.parametrize("feature", ["a", "no", "on", "y", "null", "true", "f" * 63])
def test_takes_every_legal_name(feature: str) -> None:
    content = new_definition(feature, owner="team", description="", schema_reference="x.json")

    assert set(a_tree({f"{feature}.yaml": content.encode()}).load().definitions) == {feature}


def test_tells_the_editor_its_schema() -> None:
    content = new_definition("a", owner="team", description="", schema_reference="../rollout.schema.json")

    assert content.splitlines()[0] == "# yaml-language-server: $schema=../rollout.schema.json"


def test_its_comments_are_sound_lines_themselves() -> None:
    content = new_definition("a", owner="team", description="", schema_reference="x.json")
    lines = [
        line.removeprefix("# ") for line in content.splitlines() if line.startswith(("# dwell", "# thre", "#   "))
    ]

    desired = a_tree({"a.yaml": (content + "\n".join(lines) + "\n").encode()}).load()

    assert desired.problems == ()
    assert desired.definitions["a"].gates.thresholds.min_exposed == 100
