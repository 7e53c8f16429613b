"""Named places where a test may kill, break or cut off the product; off, and no more than a look, otherwise.

RECONCILER_FAILPOINTS=write-back.pushed=kill;apply.carried-out=exc@2 arms two of them before the program begins: the
first ends the process as SIGKILL does, the second raises an exception when it is reached for the second time.
`drop` cuts every database connection of the process, `sleep:3` waits for three seconds.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

VARIABLE = "RECONCILER_FAILPOINTS"


class Cuttable(Protocol):
    """A connection that a failpoint can cut off."""

    def fileno(self) -> int:
        """Return the descriptor of its socket."""


class FailpointError(RuntimeError):
    """What `exc` raises: nothing that the product expects."""


def _parsed(text: str) -> dict[str, tuple[str, int]]:
    armed: dict[str, tuple[str, int]] = {}
    for order in filter(None, text.split(";")):
        name, _, action = order.partition("=")
        what, _, time_of = action.partition("@")
        armed[name] = what, int(time_of or 1)
    return armed


_armed: Mapping[str, tuple[str, int]] = _parsed(os.environ.get(VARIABLE, ""))
_reached: dict[str, int] = {}
_connections: WeakSet[Cuttable] = WeakSet()


def reach(name: str) -> None:
    """Do what a test armed this place with; nothing otherwise."""
    if _armed and name in _armed:
        action, due = _armed[name]
        _reached[name] = _reached.get(name, 0) + 1
        if _reached[name] == due:
            _act(name, action)


def watch(connection: Cuttable) -> None:
    """Let `drop` cut this connection."""
    if _armed:
        _connections.add(connection)


def _act(name: str, action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "drop":
        for connection in tuple(_connections):
            with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as other_end:
                other_end.shutdown(socket.SHUT_RDWR)
    elif action.startswith("sleep:"):
        time.sleep(float(action.removeprefix("sleep:")))
    else:
        raise FailpointError(f"failpoint {name}")
