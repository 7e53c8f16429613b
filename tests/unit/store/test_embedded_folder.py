"""Where the embedded server of a repository lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.store.embedded import default_folder


@pytest.mark.parametrize(
    ("environment", "base"),
    [
        pytest.param({"XDG_DATA_HOME": "/data", "HOME": "/home/ada"}, "/data", id="XDG first"),
        pytest.param({"HOME": "/home/ada"}, "/home/ada/.local/share", id="home"),
        pytest.param({"XDG_DATA_HOME": "", "HOME": "/h"}, "/h/.local/share", id="empty XDG"),
        pytest.param({"XDG_DATA_HOME": "data", "HOME": "/h"}, "/h/.local/share", id="relative XDG is ignored"),
    ],
)
def test_the_folder_lies_among_the_users_data(environment: dict[str, str], base: str, tmp_path: Path) -> None:
    digest = hashlib.sha256(str(tmp_path / "shop").encode()).hexdigest()[:8]

    assert default_folder(environment, tmp_path / "shop") == Path(base) / "rollout-reconciler" / f"shop-{digest}"


def test_two_ways_to_one_repository_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "shop")
    environment = {"HOME": "/home/ada"}

    assert default_folder(environment, tmp_path / "link") == default_folder(environment, tmp_path / "shop")


def test_two_clones_of_one_name_have_folders_of_their_own(tmp_path: Path) -> None:
    environment = {"HOME": "/home/ada"}

    assert default_folder(environment, tmp_path / "a" / "shop") != default_folder(
        environment, tmp_path / "b" / "shop"
    )


def test_a_long_name_is_cut_so_that_any_file_system_takes_it() -> None:
    folder = default_folder({"HOME": "/home/ada"}, Path("/repositories") / ("ü" * 120))

    assert len(folder.name.encode()) == 40 * 2 + 1 + 8


def test_without_a_home_the_remedy_is_named() -> None:
    with pytest.raises(UsageError) as refusal:
        default_folder({}, Path("/repositories/shop"))

    assert str(refusal.value) == (
        "no place for the embedded database: HOME and XDG_DATA_HOME are unset; set one or pass --dsn"
    )
