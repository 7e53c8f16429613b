"""What a definition says of itself."""

from __future__ import annotations

import pytest

from reconciler.domain.definition import Source
from tests.builders.domain import a_definition


@pytest.mark.parametrize(
    ("attempt", "rolled_back", "is_so"),
    [
        pytest.param(1, 0, False, id="the first attempt"),
        pytest.param(1, 1, True, id="the first attempt rolled back"),
        pytest.param(2, 1, False, id="the attempt after it"),
        pytest.param(2, 2, True, id="the second attempt rolled back"),
    ],
)
def test_a_definition_is_rolled_back_when_it_names_its_own_attempt(
    attempt: int, rolled_back: int, *, is_so: bool
) -> None:
    assert a_definition(0, attempt=attempt, rolled_back=rolled_back).is_rolled_back is is_so


def test_a_source_reads_as_a_place_to_click() -> None:
    assert (
        str(Source(path="rollouts.d/checkout.yaml", key="0" * 40, line=3, column=7))
        == "rollouts.d/checkout.yaml:3:7"
    )
