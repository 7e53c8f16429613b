"""Blob ids are git's own, without git."""

from __future__ import annotations

import pytest

from reconciler.repository.worktree import blob_id


@pytest.mark.parametrize(
    ("content", "object_format", "expected"),
    [
        pytest.param(b"", "sha1", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", id="empty"),
        pytest.param(b"hello\n", "sha1", "ce013625030ba8dba906f756967f9e9ca394464a", id="a line"),
        pytest.param(
            b"", "sha256", "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813", id="empty, sha256"
        ),
    ],
)
def test_names_content_as_git_does(content: bytes, object_format: str, expected: str) -> None:
    assert blob_id(content, object_format) == expected
