"""How a session with the server begins: its limits, its address without secrets, and how long to wait for it."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any, TypeAlias

import psycopg
import psycopg.conninfo
from psycopg.pq import PGconn, Ping
from psycopg.rows import dict_row

from reconciler import failpoints
from reconciler.errors import DatabaseUnavailableError, UsageError

Connection: TypeAlias = psycopg.Connection[dict[str, Any]]

CONNECT_TIMEOUT = 5  # seconds
SILENCE = 40.0  # seconds; no statement of a client takes longer, as its timeout is 30
_PUBLIC = ("service", "host", "hostaddr", "port", "user", "dbname")
_POOLER_REFUSES = "unsupported startup parameter"  # PgBouncer's words, in every language
_RECOVERY = 10.0  # seconds; a server that begins or recovers is there, and says that it isn't ready
_PAUSE = 0.05
# A server that vanished without a word is noticed in half a minute, not in the hours of the system's default.
_DEFAULTS = {
    "connect_timeout": CONNECT_TIMEOUT,
    "application_name": "reconciler",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_SESSION = (
    "-c statement_timeout=30s -c lock_timeout=5s -c idle_in_transaction_session_timeout=10s "
    "-c timezone=UTC -c client_min_messages=warning"
)


def connect(dsn: str, *, patience: float = _RECOVERY) -> Connection:
    """Open a connection in autocommit mode; DatabaseUnavailableError says where it went and why it failed.

    A server that starts or recovers from a crash is waited for, `patience` seconds at most.
    """
    settings: dict[str, Any] = {**_DEFAULTS, **_parse(dsn)}
    limited = settings | {"options": f"{_SESSION} {settings.get('options', '')}".strip()}
    deadline = time.monotonic() + patience
    try:
        try:
            return _open_patiently(psycopg.conninfo.make_conninfo("", **limited), deadline)
        except psycopg.OperationalError as error:
            # A pooler hands sessions on and takes no settings for one: there the role's own limits hold.
            if _POOLER_REFUSES not in str(error):
                raise
            return _open_patiently(psycopg.conninfo.make_conninfo("", **settings), deadline)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailableError(f"the database can't be reached: {_one_line(error)}") from error
    except psycopg.ProgrammingError as error:
        raise UsageError(f"the connection string is not valid: {_one_line(error)}") from error


def apart(dsn: str) -> tuple[str, str | None]:
    """Return a connection string without its password, and the password: everybody sees a program's arguments."""
    known = _parse(dsn)
    if "sslpassword" in known:
        raise UsageError(
            "the password of a client key can't travel unseen; put it into a service file (service=NAME)"
        )
    password = known.pop("password", None)
    return psycopg.conninfo.make_conninfo("", **known), None if password is None else str(password)


def place_of(dsn: str) -> str:
    """Return where a connection string leads and as whom; of everything else in it nothing is shown."""
    known = _parse(dsn)
    return (
        psycopg.conninfo.make_conninfo("", **{name: known[name] for name in _PUBLIC if name in known})
        or "its defaults"
    )


def hasty(dsn: str, seconds: int) -> str:
    """Return a connection string whose statements are given up after so many seconds."""
    known = _parse(dsn)
    return psycopg.conninfo.make_conninfo(
        "", **known | {"options": f"{known.get('options', '')} -c statement_timeout={seconds}s".strip()}
    )


@contextmanager
def answered_within(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut a connection whose server says nothing for so long, as if it were lost: something on the way may hang.

    Whatever acknowledges what it gets and passes nothing on, such as a stopped proxy, is not found by the system's
    own limits.
    """
    other_end = socket.socket(fileno=os.dup(connection.fileno()))

    def cut() -> None:
        with suppress(OSError):  # answered meanwhile
            other_end.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        other_end.close()


def _open_patiently(conninfo: str, deadline: float) -> Connection:
    while time.monotonic() < deadline:
        try:
            return _open(conninfo)
        except psycopg.OperationalError:
            # By the protocol's code, as the text of a refusal is in the server's language.
            ping = PGconn.ping(conninfo.encode())
            if ping == Ping.OK:
                break  # It may have become ready just now; a wrong password is told at the second try.
            if ping != Ping.REJECT:
                raise
        time.sleep(_PAUSE)
    return _open(conninfo)


def _open(conninfo: str) -> Connection:
    connection = psycopg.connect(
        conninfo,
        autocommit=True,
        row_factory=dict_row,
        prepare_threshold=None,  # a transaction pooler hands the next statement to another backend
    )
    failpoints.watch(connection)
    return connection


def _parse(dsn: str) -> dict[str, Any]:
    advice = "write postgresql://user@host/database, and an @ or % of a password as %40 or %25"
    try:
        known = psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        # What libpq quotes may be a piece of the password.
        fact = re.sub('".*"', '"…"', _one_line(error))
        raise UsageError(f"the connection string is not valid: {fact}; {advice}") from None
    hosts = str(known.get("host", "")).split(",")
    if any("@" in host for host in hosts if not host.startswith("/")):  # a folder of sockets may have one
        raise UsageError(f"the connection string is not valid: its host holds an @; {advice}")
    return known


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())
