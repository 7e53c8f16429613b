"""A file of the working tree is replaced as a whole, or left as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.errors import ConflictError, RepositoryError
from reconciler.repository import replace as replacing
from reconciler.repository.replace import alone, replace_file

PATH = "rollouts.d/web/checkout.yaml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(b"old\r\n")
    return file


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o664])
def test_the_mode_stays(file: Path, tmp_path: Path, mode: int) -> None:
    file.chmod(mode)

    replace_file(tmp_path, PATH, b"old\r\n", b"new\r\n")

    assert file.read_bytes() == b"new\r\n"
    assert file.stat().st_mode & 0o777 == mode
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.skipif(os.geteuid() != 0, reason="only a superuser may give files away")
def test_the_owner_stays(file: Path, tmp_path: Path) -> None:
    os.chown(file, 12345, 12346)

    replace_file(tmp_path, PATH, b"old\r\n", b"new")

    assert (file.stat().st_uid, file.stat().st_gid) == (12345, 12346)


@pytest.mark.parametrize("before", [b"older", b"old", b"old\r\n\n", b""])
def test_what_changed_meanwhile_is_left_as_it_is(file: Path, tmp_path: Path, before: bytes) -> None:
    with pytest.raises(ConflictError, match="changed while it was edited"):
        replace_file(tmp_path, PATH, before, b"new")

    assert file.read_bytes() == b"old\r\n"


def test_a_read_only_file_is_left_as_it_is(file: Path, tmp_path: Path) -> None:
    file.chmod(0o444)

    with pytest.raises(RepositoryError, match="is read-only, so it is left as it is; run `chmod"):
        replace_file(tmp_path, PATH, b"old\r\n", b"new")

    assert file.read_bytes() == b"old\r\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to a superuser")
def test_a_closed_folder_is_said(file: Path, tmp_path: Path) -> None:
    file.parent.chmod(0o555)
    try:
        with pytest.raises(RepositoryError, match=r"can't be written \(Permission denied\), it is as it was"):
            replace_file(tmp_path, PATH, b"old\r\n", b"new")
    finally:
        file.parent.chmod(0o755)


@pytest.mark.parametrize("is_folder", [False, True])
def test_no_link_is_followed(file: Path, tmp_path: Path, *, is_folder: bool) -> None:
    place = file.parent if is_folder else file
    moved = place.rename(tmp_path / "elsewhere")
    place.symlink_to(moved)

    with pytest.raises(RepositoryError, match="can't be written"):
        replace_file(tmp_path, PATH, b"old\r\n", b"new")

    assert (moved / "checkout.yaml" if is_folder else moved).read_bytes() == b"old\r\n"


def test_a_fifo_in_its_place_is_not_waited_for(file: Path, tmp_path: Path) -> None:
    file.unlink()
    os.mkfifo(file)

    with pytest.raises(ConflictError):
        replace_file(tmp_path, PATH, b"", b"new")


def test_what_a_killed_edit_left_is_cleared_away(file: Path, tmp_path: Path) -> None:
    (file.parent / ".checkout.yaml.0a1b2c3d.edit").touch()
    (file.parent / ".other.yaml.0a1b2c3d.edit").touch()

    replace_file(tmp_path, PATH, b"old\r\n", b"new")

    assert sorted(each.name for each in file.parent.iterdir()) == [".other.yaml.0a1b2c3d.edit", "checkout.yaml"]


def test_one_edit_at_a_time(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacing, "_PATIENCE", 0.1)
    with alone(tmp_path, "rollouts.d"):
        with pytest.raises(ConflictError, match="another edit has not ended"), alone(tmp_path, "rollouts.d"):
            pass
        with alone(tmp_path, "rollouts.d/web"), alone(tmp_path, "elsewhere"):
            pass
    with alone(tmp_path, "rollouts.d"):
        pass
