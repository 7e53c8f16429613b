"""What an embedded server can't be started on, and what people are told to do about it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import DatabaseUnavailableError, UsageError
from reconciler.store.embedded import ensure_running, find_binaries, stop
from tests.builders.embedded import a_command, a_folder, said_by

_DEBIAN = Path("/usr/lib/postgresql/15/bin")
_IN_OWN_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as folder:
        yield folder


@pytest.fixture
def in_a_namespace() -> tuple[str, ...]:
    """Words before a command that make it root of its own small world."""
    if subprocess.run([*_IN_OWN_NAMESPACE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine has no user namespaces to try it in")
    return _IN_OWN_NAMESPACE


def test_another_major_version_names_both_and_the_way_out(folder: Path) -> None:
    if not _DEBIAN.exists():
        pytest.skip("PostgreSQL 15 is not installed here")
    ensure_running(folder, _DEBIAN, settings={"fsync": "off"})
    stop(folder)

    with pytest.raises(UsageError) as refusal:
        ensure_running(folder)

    assert str(refusal.value) == (
        f"data folder {folder}/data: PostgreSQL 15 made it, {find_binaries()} is PostgreSQL 18; "
        f"use binaries of 15, or dump with those and load into a new folder"
    )


def test_the_end_of_the_log_is_in_the_error(folder: Path) -> None:
    with pytest.raises(DatabaseUnavailableError, match='"shared_bufers"') as failure:
        ensure_running(folder, settings={"fsync": "off", "shared_bufers": "1GB"})

    assert str(failure.value).startswith(
        f"embedded PostgreSQL in {folder} did not start; its log {folder}/server.log ends:\n"
    )


def test_a_failed_initdb_says_why_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    for name, text in {
        "postgres": "echo 'postgres (PostgreSQL) 18.6'",
        "initdb": "echo no luck >&2; exit 3",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    with pytest.raises(DatabaseUnavailableError, match=r"^embedded PostgreSQL: .*/initdb failed with 3: no luck$"):
        ensure_running(folder, tmp_path)

    assert [path.name for path in folder.iterdir()] == ["guard"]


def test_binaries_that_are_not_there_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        ensure_running(folder, tmp_path / "nowhere")

    assert str(refusal.value) == (
        f"PostgreSQL binaries: {tmp_path}/nowhere/postgres is no program; name a folder that holds it"
    )


def test_a_data_folder_of_something_else_is_left_alone(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    folder.chmod(0o700)
    (folder / "data" / "diary.txt").write_text("dear diary")

    with pytest.raises(DatabaseUnavailableError, match="it holds no database; move it away"):
        ensure_running(folder)

    assert (folder / "data" / "diary.txt").read_text() == "dear diary"


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DatabaseUnavailableError) as refusal:
        ensure_running(tmp_path / "file" / "own")

    assert str(refusal.value) == (
        f"data folder {tmp_path}/file/own: Not a directory; choose another folder or pass --dsn"
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("line\nbreak", id="line break"),
        pytest.param("esc\x1b", id="escape"),
        pytest.param(os.fsdecode(b"latin-\xe4"), id="not UTF-8"),
    ],
)
def test_a_path_that_no_pid_file_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="PostgreSQL can't be told of such characters"):
        ensure_running(tmp_path / name)


def test_a_folder_that_others_may_write_into_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(UsageError) as refusal:
        ensure_running(folder)

    assert str(refusal.value) == f"data folder {folder}: others may write into it; run `chmod 700` on it"


@pytest.mark.parametrize("planted", ["link", "open folder", "file"])
def test_a_socket_folder_that_somebody_planted_is_refused(folder: Path, tmp_path: Path, planted: str) -> None:
    folder.mkdir(mode=0o700)
    match planted:
        case "link":
            (tmp_path / "elsewhere").mkdir(mode=0o700)
            (folder / "socket").symlink_to(tmp_path / "elsewhere")
        case "open folder":
            (folder / "socket").mkdir()
            (folder / "socket").chmod(0o777)
        case _:
            (folder / "socket").write_text("")

    with pytest.raises(DatabaseUnavailableError, match=r"socket folder .*/own/socket: .*mode 0700|File exists"):
        ensure_running(folder, settings={"fsync": "off"})


def test_root_without_user_namespaces_is_told_to_be_somebody_else(
    folder: Path, in_a_namespace: tuple[str, ...]
) -> None:
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    command = a_command(folder, find_binaries(), under=[*in_a_namespace, "sh", "-c", forbid, "sh"])

    assert said_by(command).startswith(
        "UsageError: embedded PostgreSQL: it does not run as root and this machine forbids user namespaces ("
    )
    assert command.returncode == 1


def test_root_without_the_program_unshare_is_told_so(
    folder: Path, in_a_namespace: tuple[str, ...], tmp_path: Path
) -> None:
    empty_path = ["env", f"PATH={tmp_path}"]
    command = a_command(folder, find_binaries(), under=[*in_a_namespace, *empty_path])

    assert said_by(command) == (
        "UsageError: embedded PostgreSQL: it does not run as root and the program `unshare` is missing; "
        "run as an ordinary user or pass --dsn"
    )


@pytest.mark.parametrize("mebibytes", [1, 30, 42], ids=["WAL", "initdb", "our database"])
def test_a_disk_too_small_for_a_new_server_is_said(
    folder: Path, in_a_namespace: tuple[str, ...], mebibytes: int
) -> None:
    folder.mkdir(mode=0o700)
    mount = f'mount -t tmpfs -o mode=700,size={mebibytes}m small "$0" && exec "$@"'
    command = a_command(folder, find_binaries(), under=[*in_a_namespace, "sh", "-c", mount, str(folder)])

    said = said_by(command)
    assert said.startswith("DatabaseUnavailableError: embedded PostgreSQL: ")
    assert "No space left on device" in said


def test_a_disk_that_filled_up_since_is_said(folder: Path, in_a_namespace: tuple[str, ...]) -> None:
    folder.mkdir(mode=0o700)
    script = (
        'mount -t tmpfs -o mode=700,size=60m small "$0" && "$@" >&2 && '
        '! cat /dev/zero 2>&- > "$0/filler"; exec "$@"'
    )
    command = a_command(folder, find_binaries(), "stop", under=[*in_a_namespace, "sh", "-c", script, str(folder)])

    assert said_by(command).startswith(
        f"DatabaseUnavailableError: embedded PostgreSQL in {folder} did not start; the disk is full (0 KiB free); "
        f"its log {folder}/server.log ends:\n"
    )


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path, in_a_namespace: tuple[str, ...]) -> None:
    mount = 'mount -t tmpfs -o ro small "$0" && exec "$@"'
    command = a_command(
        tmp_path / "own", find_binaries(), under=[*in_a_namespace, "sh", "-c", mount, str(tmp_path)]
    )

    assert said_by(command) == (
        f"DatabaseUnavailableError: data folder {tmp_path}/own: Read-only file system; "
        f"choose another folder or pass --dsn"
    )


def test_leftovers_of_a_killed_initdb_are_cleared(folder: Path) -> None:
    (folder / "data.new-abc" / "base").mkdir(parents=True)
    folder.chmod(0o700)

    ensure_running(folder, settings={"fsync": "off"})

    assert not (folder / "data.new-abc").exists()
