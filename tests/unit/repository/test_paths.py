"""A root is a folder inside the repository, however it is spelled."""

from __future__ import annotations

import pytest

from reconciler.errors import RepositoryError
from reconciler.repository.paths import normalized


@pytest.mark.parametrize(
    ("root", "expected"),
    [("rollouts.d", "rollouts.d"), ("./a//b/", "a/b"), (".", ""), ("", ""), ("..a/b..", "..a/b..")],
)
def test_spells_a_root_in_one_way(root: str, expected: str) -> None:
    assert normalized(root) == expected


@pytest.mark.parametrize("root", ["/", "/etc", "..", "a/../b", "a\0"], ids=repr)
def test_refuses_a_root_outside_the_repository(root: str) -> None:
    with pytest.raises(RepositoryError, match="leads out of the repository; write a folder relative to its top"):
        normalized(root)
