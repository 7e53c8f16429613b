"""Kills, leftovers and rivals: whatever happened before, the next command finds one server with all rows."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from reconciler.errors import DatabaseUnavailableError
from reconciler.store.embedded import ensure_running, find_binaries, status, stop
from reconciler.store.embedded.process import is_server_of
from tests.builders.embedded import a_command, a_folder, rows, said_by, wait_for, write_row


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose server has run before and holds one row."""
    folder = tmp_path_factory.mktemp("stopped")
    write_row(ensure_running(folder).dsn, "kept")
    stop(folder)
    return folder


@pytest.fixture
def folder(stopped: Path) -> Iterator[Path]:
    """A copy of it for this test."""
    with a_folder() as copy:
        shutil.copytree(stopped, copy)
        yield copy


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    with a_folder() as folder:
        yield folder


@pytest.fixture
def stranger() -> Iterator[int]:
    """The id of a process that has nothing to do with us and has to live."""
    process = subprocess.Popen(["sleep", "60"])
    yield process.pid
    assert process.poll() is None
    process.kill()
    process.wait()


def test_a_killed_postmaster_is_followed_by_another_and_rows_are_kept(folder: Path) -> None:
    first = ensure_running(folder)
    write_row(first.dsn, "just before")

    os.kill(first.pid, signal.SIGKILL)

    second = ensure_running(folder)
    assert second.started
    assert rows(second.dsn) == ["kept", "just before"]


def test_sessions_that_a_killed_postmaster_left_at_work_are_ended_first(folder: Path) -> None:
    first = ensure_running(folder)
    with closing(psycopg.connect(first.dsn, autocommit=True)) as session:
        session.pgconn.send_query(b"select count(*) from generate_series(1, 1000000000000)")
        orphan = session.info.backend_pid
        os.kill(first.pid, signal.SIGKILL)

        second = ensure_running(folder)

        assert rows(second.dsn) == ["kept"]
        assert not is_server_of(folder / "data", pid=orphan)


def test_a_server_killed_with_all_its_children_comes_back(folder: Path) -> None:
    first = ensure_running(folder)
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()

    for pid in [first.pid, *map(int, children)]:
        os.kill(pid, signal.SIGKILL)

    assert rows(ensure_running(folder).dsn) == ["kept"]


def test_a_server_that_recovers_from_a_killed_session_is_waited_for(folder: Path) -> None:
    server = ensure_running(folder)
    with psycopg.connect(server.dsn) as session:
        os.kill(session.info.backend_pid, signal.SIGKILL)

    again = ensure_running(folder)

    assert (again.pid, again.started) == (server.pid, False) or again.started
    assert rows(again.dsn) == ["kept"]


@pytest.mark.parametrize(
    "whole_group",
    [
        pytest.param(False, id="the command alone"),
        pytest.param(True, id="the command and its children", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("guard", id="lock made"),
        pytest.param("data.new-*/PG_VERSION", id="initdb under way"),
        pytest.param("data.new-*/base/5/PG_VERSION", id="initdb ends"),
        pytest.param("data", id="data in its place"),
        pytest.param("server.log", id="server launched"),
        pytest.param("data/postmaster.pid", id="server starts"),
        pytest.param("socket/.s.PGSQL.5432", id="server listens"),
    ],
)
def test_a_command_killed_at_any_moment_leaves_nothing_half_made(
    empty_folder: Path, moment: str, whole_group: bool
) -> None:
    command = a_command(empty_folder, find_binaries())
    wait_for(empty_folder, moment)
    (os.killpg if whole_group else os.kill)(command.pid, signal.SIGKILL)
    command.communicate()

    server = ensure_running(empty_folder, settings={"fsync": "off"})

    write_row(server.dsn, "works")
    assert rows(server.dsn) == ["works"]
    assert sorted(path.name for path in empty_folder.iterdir()) == [
        "data",
        "guard",
        "running",
        "server.log",
        "socket",
    ]


def test_six_commands_at_once_share_one_server(empty_folder: Path) -> None:
    commands = [a_command(empty_folder, find_binaries()) for _ in range(6)]

    said = {said_by(command) for command in commands}

    server = status(empty_folder)
    assert server is not None
    assert said == {server.dsn}
    assert (empty_folder / "server.log").read_text().count("ready to accept connections") == 1


def test_a_stranger_with_the_old_pid_is_not_taken_for_the_server(folder: Path, stranger: int) -> None:
    _die_leaving_the_pid_of(stranger, folder)

    assert status(folder) is None
    assert not stop(folder)
    assert rows(ensure_running(folder).dsn) == ["kept"]


def test_the_server_of_another_folder_with_the_old_pid_is_left_alone(folder: Path, stopped: Path) -> None:
    other = ensure_running(stopped)
    try:
        _die_leaving_the_pid_of(other.pid, folder)

        assert not stop(folder)
        own = ensure_running(folder)

        assert own.pid != other.pid
        assert rows(own.dsn) == rows(other.dsn) == ["kept"]
    finally:
        stop(stopped)


@pytest.mark.parametrize("text", ["", "\n", "garbage\n", "-1\n", "99999999999999999999\n", "\0\0\0"], ids=repr)
def test_a_pid_file_without_sense_is_no_server(folder: Path, text: str) -> None:
    (folder / "data" / "postmaster.pid").write_text(text)

    assert (status(folder), stop(folder)) == (None, False)
    assert rows(ensure_running(folder).dsn) == ["kept"]


def test_a_socket_that_a_cleaner_removed_is_brought_back_by_a_restart(folder: Path) -> None:
    first = ensure_running(folder)
    shutil.rmtree(folder / "socket")

    second = ensure_running(folder)

    assert second.started
    assert second.pid != first.pid
    assert rows(second.dsn) == ["kept"]


def test_a_server_that_others_stop_meanwhile_is_started_again(folder: Path) -> None:
    first = ensure_running(folder)
    with psycopg.connect(first.dsn):
        os.kill(first.pid, signal.SIGTERM)  # smart: it waits for the session, and takes no other
        time.sleep(0.1)
        os.kill(first.pid, signal.SIGINT)

        assert rows(ensure_running(folder).dsn) == ["kept"]


@pytest.mark.slow
def test_a_frozen_session_delays_a_stop_and_does_not_prevent_it(folder: Path) -> None:
    server = ensure_running(folder)
    with psycopg.connect(server.dsn) as session:
        os.kill(session.info.backend_pid, signal.SIGSTOP)

        assert stop(folder)

    assert rows(ensure_running(folder).dsn) == ["kept"]


def test_a_server_that_can_not_be_seen_from_here_is_left_alone(folder: Path) -> None:
    """As in another container on the same volume: its lock is all that one sees of it."""
    pid_file = folder / "data" / "postmaster.pid"
    pid_file.write_text("1\n")
    with (folder / "running").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(DatabaseUnavailableError, match="a server that can't be seen from here works in it"):
            ensure_running(folder)

    assert pid_file.read_text() == "1\n"
    assert rows(ensure_running(folder).dsn) == ["kept"]


def test_a_server_holds_its_folder_as_long_as_it_lives(folder: Path) -> None:
    ensure_running(folder)
    with (folder / "running").open("w") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        stop(folder)

        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_long_log_begins_anew(folder: Path) -> None:
    (folder / "server.log").write_bytes(b"x" * 1_000_001)

    ensure_running(folder)

    assert (folder / "server.log").stat().st_size < 10_000


def _die_leaving_the_pid_of(pid: int, folder: Path) -> None:
    server = ensure_running(folder)
    os.kill(server.pid, signal.SIGKILL)
    file = folder / "data" / "postmaster.pid"
    file.write_text(f"{pid}\n" + file.read_text().split("\n", 1)[1])
