"""The life of an embedded server: it starts with the first command that needs it and runs until it is stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from reconciler.errors import DatabaseUnavailableError, UsageError
from reconciler.store.embedded import cluster, process
from reconciler.store.embedded.folder import claim, guard, prepare, refuse_foreign, resolve, socket_folder, unusable
from reconciler.store.embedded.process import Postmaster

_LOG = "server.log"
_LOG_LIMIT = 1_000_000
_FULL_DISK = 32 * 1024 * 1024
_ATTEMPTS = 3
_PAUSE = 0.01
_SETTINGS = MappingProxyType(
    {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": "32MB",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "max_logical_replication_workers": "0",
        "client_connection_check_interval": "1s",  # a killed command's statement ends with it
        "huge_pages": "off",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
    }
)
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServer:
    """A server that takes connections; `started` says whether this very call started it."""

    folder: Path
    dsn: str
    pid: int
    started: bool


def ensure_running(
    folder: Path,
    binaries: Path | None = None,
    *,
    settings: Mapping[str, str] = _NO_SETTINGS,
    patience: float = 60.0,
) -> EmbeddedServer:
    """Return the server of the folder, started if need be; it outlives the command.

    However many commands call this at once, there is one server. What a killed command or server left is put right.
    `settings` go to PostgreSQL when this call starts it; `binaries` default to the installed package's.
    """
    _refuse_windows()
    place = prepare(folder)
    deadline = time.monotonic() + patience
    if (running := _running(place)) is not None:
        return running
    with guard(place, patience=patience):
        return _running(place) or _start(place, binaries or cluster.find_binaries(), settings, deadline)


def status(folder: Path) -> EmbeddedServer | None:
    """Return the server of the folder if it runs and takes connections."""
    _refuse_windows()
    place = resolve(folder)
    if not place.exists():
        return None
    refuse_foreign(place)
    return _running(place)


def stop(folder: Path, *, patience: float = 60.0) -> bool:
    """Stop the server of the folder, cutting its sessions; tell whether there was one."""
    _refuse_windows()
    place = resolve(folder)
    if not place.exists():
        return False
    refuse_foreign(place)
    with guard(place, patience=patience):
        postmaster = process.find_postmaster(place / "data")
        if postmaster is None:
            return False
        process.halt(postmaster)
        with suppress(OSError):
            postmaster.socket.parent.rmdir()  # It may lie in the temporary folder, where nobody would look for it.
        return True


def _refuse_windows() -> None:
    if sys.platform == "win32":
        raise UsageError(
            "embedded PostgreSQL: Windows is not supported; pass --dsn of a server, or work inside WSL"
        )


def _running(place: Path) -> EmbeddedServer | None:
    postmaster = process.find_postmaster(place / "data")
    if postmaster is None or not postmaster.is_ready or not process.answers(postmaster):
        return None
    return _server(place, postmaster, started=False)


def _server(place: Path, postmaster: Postmaster, *, started: bool) -> EmbeddedServer:
    host = str(postmaster.socket.parent).replace("\\", "\\\\").replace("'", "\\'")
    dsn = f"host='{host}' port={_SETTINGS['port']} user=postgres dbname=rollouts"
    return EmbeddedServer(folder=place, dsn=dsn, pid=postmaster.pid, started=started)


def _start(place: Path, binaries: Path, settings: Mapping[str, str], deadline: float) -> EmbeddedServer:
    cluster.check_binaries(binaries)
    data = place / "data"
    if not data.exists():
        cluster.create(data, binaries, durable=settings.get("fsync") != "off")
    cluster.check_version(data, binaries)
    sockets = socket_folder(place)
    command = cluster.unprivileged([binaries / "postgres", "-D", data, *_options(sockets, settings)])
    return _server(place, _bring_up(place, sockets, command, deadline), started=True)


def _options(sockets: Path, settings: Mapping[str, str]) -> list[str]:
    # The folder is one entry of a list, whatever commas and quotes it has.
    entry = '"' + str(sockets).replace('"', '""') + '"'
    values = {**_SETTINGS, "unix_socket_directories": entry, **settings}
    return [word for name, value in values.items() for word in ("-c", f"{name}={value}")]


def _bring_up(place: Path, sockets: Path, command: list[str], deadline: float) -> Postmaster:
    """Launch the server and wait for it; one launched by a command that was killed since is as good."""
    log_start = _trim_log(place)
    launched: list[int] = []
    while time.monotonic() < deadline:
        postmaster = process.find_postmaster(place / "data")
        if postmaster is not None and postmaster.is_ready:
            if process.answers(postmaster):
                return postmaster
            _halt_if_unreachable(postmaster)
        elif postmaster is None and all(process.has_ended(child) for child in launched):
            if len(launched) == _ATTEMPTS:
                raise _failure(place, log_start, "did not start")
            process.end_all_in(place / "data")
            with claim(place) as descriptor:
                process.clear_the_ground(place / "data", sockets)
                launched.append(_launch(place, command, descriptor))
        time.sleep(_PAUSE)
    raise _failure(place, log_start, "was not ready in time")


def _trim_log(place: Path) -> int:
    """Return where this start's part of the log begins; a long log begins anew."""
    log = place / _LOG
    size = log.stat().st_size if log.exists() else 0
    if size <= _LOG_LIMIT:
        return size
    os.truncate(log, 0)
    return 0


def _launch(place: Path, command: list[str], claimed: int) -> int:
    """Start the server in a session of its own, without the terminal; of our descriptors it has the claim alone."""
    try:
        descriptor = os.open(place / _LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as log:
            child = subprocess.Popen(  # noqa: S603 - no shell; our own words and paths
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=place / "data",
                env=cluster.environment(),
                start_new_session=True,
                pass_fds=(claimed,),
                umask=0o077,
            )
    except OSError as error:
        raise unusable(place, error) from error
    child.returncode = 0  # Nobody waits for it: the server outlives this command.
    return child.pid


def _halt_if_unreachable(postmaster: Postmaster) -> None:
    # Cleaners of temporary folders remove sockets; only a restart brings one back.
    if not postmaster.socket.exists():
        process.halt(postmaster)


def _failure(place: Path, log_start: int, fact: str) -> DatabaseUnavailableError:
    free = shutil.disk_usage(place).free
    full = f"; the disk is full ({free // 1024} KiB free)" if free < _FULL_DISK else ""
    log = place / _LOG
    said = log.read_bytes()[log_start:].decode("utf-8", "replace") if log.exists() else ""
    return DatabaseUnavailableError(
        f"embedded PostgreSQL in {place} {fact}{full}; its log {log} ends:\n{cluster.excerpt(said)}"
    )
