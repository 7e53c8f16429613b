"""The server's process: which one serves a data folder, whether it answers, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import DatabaseUnavailableError

_PID_FILE = "postmaster.pid"
_PID = re.compile("[1-9][0-9]{0,8}")
_NAMES = {"postgres", "initdb", "unshare"}
_PROTOCOL = 196608  # version 3.0 of the wire protocol
_HELLO = b"user\0postgres\0database\0rollouts\0\0"
_READY_FOR_QUERY = b"Z\x00\x00\x00\x05"
_NOT_YET = b"C57P03\0"  # the field with the code of "the database system is starting up"
_GOODBYE = b"X\x00\x00\x00\x04"
# Fast (sessions are cut, everything is written), then immediate (the next start recovers).
_WAYS_TO_STOP = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 10.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """A live server of a data folder, as its pid file describes it."""

    pid: int
    data: Path
    socket: Path
    is_ready: bool


def find_postmaster(data: Path) -> Postmaster | None:
    """Return the live server of this data folder; a dead one, or a stranger with its old pid, is none."""
    lines = _pid_file_lines(data)
    if (pid := _pid(lines)) is None or not is_server_of(data, pid=pid):
        return None
    fields = lines + [""] * 8  # A starting server writes its file line by line.
    return Postmaster(
        pid=pid,
        data=data,
        socket=Path(fields[4]) / f".s.PGSQL.{fields[3]}",
        is_ready=fields[7].strip() == "ready",
    )


def answers(postmaster: Postmaster) -> bool:
    """Say hello over the socket: a server in recovery writes `ready` into its file and still refuses."""
    hello = struct.pack("!II", len(_HELLO) + 8, _PROTOCOL) + _HELLO
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.settimeout(5.0)
        connection.connect(str(postmaster.socket))
        connection.sendall(hello)
        answer = b"".join(_received(connection))
        connection.sendall(_GOODBYE)
        return bool(answer) and _NOT_YET not in answer
    return False


def is_server_of(data: Path, *, pid: int) -> bool:
    """Tell whether this process is a PostgreSQL that works in the data folder."""
    if sys.platform != "linux":
        return _command_fits(data, pid)
    try:
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
        return name in _NAMES and Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return False  # gone, a zombie, or another user's


def halt(postmaster: Postmaster) -> None:
    """Stop the server and wait until it is gone."""
    for way, patience in _WAYS_TO_STOP:
        with suppress(ProcessLookupError):
            os.kill(postmaster.pid, way)
        if _is_gone(postmaster.data, postmaster.pid, patience):
            return
    raise DatabaseUnavailableError(
        f"server process {postmaster.pid} of {postmaster.data}: it ignores the order to stop; end it with `kill -9`"
    )


def clear_the_ground(data: Path, sockets: Path) -> None:
    """Make a data folder without a server startable: end what a killed one left, disarm its files."""
    for rest in sockets.iterdir():
        rest.unlink()  # This folder is for one server's socket and its lock.
    lines = _pid_file_lines(data)
    if (pid := _pid(lines)) is None:
        (data / _PID_FILE).unlink(missing_ok=True)
    elif _exists(pid):
        # PostgreSQL takes a live process with the old pid for its rival, unless that pid is its parent's. The
        # other lines stay, so that it still looks for sessions of the dead server that hold shared memory.
        text = "\n".join([str(os.getpid()), *lines[1:]])
        (data / _PID_FILE).write_text(text, "utf-8", "surrogateescape")


def end_all_in(folder: Path) -> None:
    """Kill what a killed server, or a killed command's initdb, still does in this folder."""
    for orphan in _processes_in(folder):
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)
        _is_gone(folder, orphan, 5.0)


def has_ended(child: int) -> bool:
    """Tell whether this process has ended, and if it was a child of this very command, let it go."""
    try:
        return os.waitpid(child, os.WNOHANG)[0] == child
    except ChildProcessError:
        return not _exists(child)


def _pid_file_lines(data: Path) -> list[str]:
    try:
        return (data / _PID_FILE).read_text("utf-8", "surrogateescape").split("\n")
    except FileNotFoundError:
        return []


def _pid(lines: Sequence[str]) -> int | None:
    return int(lines[0]) if lines and _PID.fullmatch(lines[0]) else None


def _received(connection: socket.socket) -> Iterator[bytes]:
    while part := connection.recv(4096):
        yield part
        if _READY_FOR_QUERY in part:
            return


def _command_fits(data: Path, pid: int) -> bool:
    found = subprocess.run(  # noqa: S603 - fixed words and a number
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "postgres" in found.stdout and str(data) in found.stdout


def _is_gone(data: Path, pid: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not is_server_of(data, pid=pid):
            has_ended(pid)  # A child of this very command would stay a zombie.
            return True
        time.sleep(0.01)
    return False


def _processes_in(folder: Path) -> list[int]:
    if sys.platform != "linux":
        return []  # There the sessions of a dead server end by themselves, sooner or later.
    running = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in running if is_server_of(folder, pid=pid)]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
