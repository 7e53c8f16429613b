"""An embedded server from its first start to its stop, on a machine where nothing fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from reconciler.store.embedded import EmbeddedServer, ensure_running, find_binaries, status, stop
from tests.builders.embedded import a_command, a_folder, rows, said_by, write_row

_DEBIAN = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as folder:
        yield folder


@pytest.fixture(params=["of the package", "of Debian"])
def binaries(request: pytest.FixtureRequest) -> Path:
    if request.param == "of the package":
        return find_binaries()
    if not _DEBIAN.exists():
        pytest.skip("PostgreSQL 15 is not installed here")
    return _DEBIAN


def test_an_empty_folder_becomes_a_durable_utf8_server_in_utc_without_a_port(folder: Path, binaries: Path) -> None:
    server = ensure_running(folder, binaries)

    with psycopg.connect(server.dsn) as connection:
        facts = connection.execute(
            "select current_user, current_database(), getdatabaseencoding(), datcollate,"
            " current_setting('timezone'), current_setting('fsync'), current_setting('synchronous_commit'),"
            " current_setting('listen_addresses'), current_setting('unix_socket_permissions')"
            " from pg_database where datname = current_database()"
        ).fetchone()
    assert facts == ("postgres", "rollouts", "UTF8", "C.UTF-8", "UTC", "on", "on", "", "0700")


def test_the_second_command_gets_the_server_of_the_first(folder: Path) -> None:
    first = ensure_running(folder)

    assert first.started
    assert ensure_running(folder) == status(folder) == replace(first, started=False)


def test_rows_outlive_a_stop(folder: Path, binaries: Path) -> None:
    write_row(ensure_running(folder, binaries).dsn, "before")

    assert stop(folder)
    assert rows(ensure_running(folder, binaries).dsn) == ["before"]


def test_a_stopped_server_is_gone_with_its_session_and_socket(folder: Path) -> None:
    server = ensure_running(folder)
    with psycopg.connect(server.dsn) as session:
        assert stop(folder)

        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
    assert (stop(folder), status(folder)) == (False, None)
    assert not (folder / "socket").exists()


def test_asking_after_a_folder_that_is_not_there_makes_none(folder: Path) -> None:
    assert (status(folder), stop(folder)) == (None, False)
    assert not folder.exists()


def test_the_server_outlives_its_command_and_holds_nothing_of_it(folder: Path) -> None:
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    inherited = str(Path(f"/proc/self/fd/{write_end}").readlink())
    try:
        dsn = said_by(a_command(folder, find_binaries(), keep=[write_end]))
    finally:
        os.close(write_end)
        os.close(read_end)

    server = status(folder)
    assert server == EmbeddedServer(folder=folder, dsn=dsn, pid=_pid(folder), started=False)
    assert os.getsid(_pid(folder)) == _pid(folder)
    assert Path(f"/proc/{_pid(folder)}/cwd").resolve() == folder / "data"
    held = {str(path.readlink()) for path in Path(f"/proc/{_pid(folder)}/fd").iterdir()}
    assert {str(folder / "server.log"), "/dev/null"} <= held
    assert inherited not in held
    assert not [name for name in held if name.startswith("/dev/") and name != "/dev/null"]


def test_no_secret_of_the_command_stays_in_the_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "canary")

    server = ensure_running(folder)

    assert b"canary" not in Path(f"/proc/{server.pid}/environ").read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param('it\'s a "$HOME" `id` of back\\slash, one', id="space, quotes, dollar, backslash, comma"),
        pytest.param("Übersicht\u2028日本 %41#?", id="umlaut, separator, percent"),
        pytest.param("x" * 60 + "/" + "y" * 85, id="145 characters"),
    ],
)
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    try:
        server = ensure_running(folder, settings={"fsync": "off"})

        with psycopg.connect(server.dsn) as connection:
            found = connection.execute("select current_database()").fetchone()
        assert (found, ensure_running(folder).dsn) == (("rollouts",), server.dsn)
    finally:
        stop(folder)
        shutil.rmtree(folder)


def test_a_long_path_has_its_socket_in_a_private_folder_that_goes_with_the_server(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    server = ensure_running(folder, settings={"fsync": "off"})
    sockets = Path(psycopg.conninfo.conninfo_to_dict(server.dsn)["host"])  # type: ignore[arg-type]

    assert sockets.stat().st_mode & 0o777 == 0o700
    stop(folder)
    assert not sockets.exists()


def test_settings_of_the_first_start_are_in_force(folder: Path) -> None:
    server = ensure_running(folder, settings={"fsync": "off", "max_connections": "7"})

    with psycopg.connect(server.dsn) as connection:
        found = connection.execute("select current_setting('fsync'), current_setting('max_connections')").fetchone()
    assert found == ("off", "7")


def _pid(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
