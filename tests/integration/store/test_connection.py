"""How a session begins: limits, secrets, and a server that is there and not ready yet."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from reconciler.domain.ledger import RevisionRecord
from reconciler.errors import DatabaseUnavailableError, ReconcilerError, UsageError
from reconciler.store.connection import apart, connect, place_of
from reconciler.store.embedded import ensure_running, find_binaries, stop
from reconciler.store.embedded.cluster import environment, unprivileged
from reconciler.store.embedded.process import find_postmaster
from reconciler.store.postgres import PostgresStore
from tests.builders.database import Database
from tests.builders.embedded import a_folder

SECRET = "hunter2"


@pytest.fixture
def recovering(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server that lets nobody in, its DSN and its data: a standby that nobody may read."""
    with a_folder() as folder:
        dsn = ensure_running(folder, settings={"fsync": "off", "wal_level": "replica"}).dsn
        stop(folder)
        data = folder / "data"
        (data / "standby.signal").touch()
        (folder / "socket").mkdir(mode=0o700)
        words = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder / 'socket'}", "-c"]
        command = unprivileged(
            [find_binaries() / "postgres", "-D", data, *words, "hot_standby=off", "-c", "wal_level=replica"]
        )
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=data, env=environment())
        with _ended(process):
            _wait_until_it_refuses(dsn)
            yield dsn, data


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait()


def _wait_until_it_refuses(dsn: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError as error:
            if "FATAL" in str(error):
                return
        time.sleep(0.01)
    pytest.fail("the server never refused")


def _promote(data: Path) -> None:
    postmaster = find_postmaster(data)
    assert postmaster is not None
    (data / "promote").touch()
    os.kill(postmaster.pid, signal.SIGUSR1)


def test_a_server_that_recovers_is_waited_for(recovering: tuple[str, Path]) -> None:
    dsn, data = recovering
    promotion = threading.Timer(0.3, _promote, [data])
    promotion.start()

    with connect(dsn) as connection:
        row = connection.execute("select pg_is_in_recovery() as recovers").fetchone()

    promotion.join()
    assert row == {"recovers": False}


def test_a_server_that_recovers_for_too_long_is_out_of_reach(recovering: tuple[str, Path]) -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"reached: .*not accepting connections"):
        connect(recovering[0], patience=0.2)


def test_our_own_timeouts_are_in_force(database: Database) -> None:
    with connect(database.dsn) as connection:
        row = connection.execute(
            """
            select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
                current_setting('idle_in_transaction_session_timeout') as idle, current_setting('timezone') as zone
            """
        ).fetchone()

    assert row == {"statement": "30s", "lock": "5s", "idle": "10s", "zone": "UTC"}


@pytest.mark.parametrize(
    ("dsn", "kind"),
    [
        pytest.param(f"postgresql://me:{SECRET}@127.0.0.1:1/db", DatabaseUnavailableError, id="nobody listens"),
        pytest.param(f"postgresql://me:{SECRET}@host.invalid/db", DatabaseUnavailableError, id="no such host"),
        pytest.param(
            f"host=127.0.0.1 port=1 password='{SECRET}'", DatabaseUnavailableError, id="words, nobody listens"
        ),
        pytest.param(f"postgres//me:{SECRET}@host/db", UsageError, id="no URL"),
        pytest.param(f"postgresql://me:{SECRET}%zz@host/db", UsageError, id="a percent sign in the password"),
        pytest.param(f"postgresql://me:pass@{SECRET}@host/db", UsageError, id="an @ in the password"),
        pytest.param(f"postgresql://me:{SECRET}/word@host/db", ReconcilerError, id="a slash in the password"),
        pytest.param(f"postgresql://[{SECRET}/db", UsageError, id="half an address"),
        pytest.param(f"password=a {SECRET} host=x", UsageError, id="a space in the password"),
        pytest.param(f"password=a {SECRET}=b host=x", UsageError, id="a space and = in the password"),
        pytest.param(f"password='{SECRET} host=x", UsageError, id="half a quote"),
        pytest.param(f"host=x passwd={SECRET}", UsageError, id="an unknown option"),
    ],
)
def test_no_message_tells_the_password(dsn: str, kind: type[ReconcilerError]) -> None:
    with pytest.raises(kind) as refusal:
        connect(dsn)

    assert SECRET not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("dsn", "rest"),
    [
        pytest.param(f"postgresql://u@h/db?password={SECRET}&x", None, id="no legal address"),
        pytest.param(f"postgresql://u@h/db?password={SECRET}", "user=u dbname=db host=h", id="query"),
        pytest.param(f"postgresql://u@h/db?pass%77ord={SECRET}", "user=u dbname=db host=h", id="disguised"),
        pytest.param(f"postgresql://u:{SECRET}@h:1/db", "user=u dbname=db host=h port=1", id="address"),
        pytest.param(f"host=h password={SECRET} user=u", "user=u host=h", id="words"),
        pytest.param(f"host=h password=other password={SECRET}", "host=h", id="twice"),
    ],
)
def test_a_password_travels_apart_and_is_no_part_of_the_place(dsn: str, rest: str | None) -> None:
    if rest is None:
        with pytest.raises(UsageError) as refusal:
            apart(dsn)
        assert SECRET not in str(refusal.value)
        return

    assert apart(dsn) == (rest, SECRET)
    assert place_of(dsn) == place_of(rest)


@pytest.mark.parametrize("secret", ["abc&" + SECRET, "a'b" + SECRET, "ab\\" + SECRET])
def test_no_part_of_a_password_is_shown(secret: str) -> None:
    dsn = psycopg.conninfo.make_conninfo(host="h", user="u", password=secret)

    assert place_of(dsn) == "host=h user=u"


def test_the_password_of_a_key_is_not_handed_on() -> None:
    with pytest.raises(UsageError, match="service file"):
        apart(f"host=h sslpassword={SECRET} password=other")


def test_a_folder_of_sockets_may_hold_an_at_sign(tmp_path: Path) -> None:
    folder = tmp_path / "ada@corp.example"

    with pytest.raises(DatabaseUnavailableError, match="No such file"):
        connect(f"host={folder} user=ada dbname=rollouts")


@pytest.fixture
def pooled(database: Database, tmp_path: Path) -> Iterator[str]:
    """The way to a database through PgBouncer, which hands each transaction to any session."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    known = psycopg.conninfo.conninfo_to_dict(database.dsn)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "pgbouncer.ini").write_text(
        f"[databases]\npooled = host={known['host']} port={known['port']} dbname={known['dbname']} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\n"
    )
    with (tmp_path / "log").open("wb") as log:
        command = unprivileged([program, "pgbouncer.ini"])
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        _wait_until_it_listens(port)
        yield f"host=127.0.0.1 port={port} dbname=pooled user=postgres"
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.02)
    pytest.fail("the pooler never listened")


def test_a_pooler_that_takes_no_session_settings_is_good_enough(pooled: str) -> None:
    store = PostgresStore.at(pooled)
    scope = store.scope()
    record = RevisionRecord(previous_number=scope.number, root="rollouts.d", revision="a" * 40, actor="tests")

    store.take_revision(record)

    assert (store.scope().number, store.scope().revision) == (1, "a" * 40)
    store.close()
