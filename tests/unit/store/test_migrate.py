"""The files of a migrations folder, before any database sees them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from reconciler.store.migrate import Migration, load


def test_files_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("0002_second.sql", "0001_first.sql", "notes.txt"):
        (tmp_path / name).write_text(f"-- {name}")

    assert load(tmp_path) == (
        Migration(version=1, name="first", sql=b"-- 0001_first.sql"),
        Migration(version=2, name="second", sql=b"-- 0002_second.sql"),
    )


def test_a_migration_is_known_by_its_bytes() -> None:
    migration = Migration(version=7, name="add_dwell", sql=b"select 1;\r\n")

    assert migration.label == "0007_add_dwell"
    assert migration.sha256 == hashlib.sha256(b"select 1;\r\n").hexdigest()


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["0002_second.sql"], id="no first"),
        pytest.param(["0001_first.sql", "0003_third.sql"], id="gap"),
        pytest.param(["0001_first.sql", "0001_other.sql"], id="double"),
        pytest.param(["0000_zero.sql"], id="zero"),
        pytest.param(["1_first.sql"], id="short number"),
        pytest.param(["0001-first.sql"], id="dash"),
        pytest.param(["0001_First.sql"], id="capital"),
    ],
)
def test_a_folder_with_wrong_names_is_an_error_of_ours(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("")

    with pytest.raises(ValueError, match="migration"):
        load(tmp_path)


@pytest.mark.parametrize("migration", load(), ids=lambda migration: migration.label)
def test_a_shipped_migration_leaves_its_transaction_to_the_runner(migration: Migration) -> None:
    control = re.compile(rb"^\s*(begin|commit|rollback|start transaction)\b[^;\n]*;", re.IGNORECASE | re.MULTILINE)
    inside_bodies = re.compile(rb"\$(\w*)\$.*?\$\1\$", re.DOTALL)

    assert control.search(inside_bodies.sub(b"", migration.sql)) is None
