"""What happens to a process: it forks, it ends, it is asked to end; each client hears of it and loses nothing."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Protocol
from weakref import WeakSet

_TOLD = threading.RLock()  # a signal may come to the thread that holds it
_clients: WeakSet[Client] = WeakSet()
_abandoned: list[object] = []  # connections of a parent, which its child must not even collect
_is_registered = False


class Client(Protocol):
    """What lives through a fork and wants to end in order."""

    def close(self) -> None:
        """Store what waits, and stop."""

    def forked(self) -> list[object]:
        """Begin anew in a child, and return what belongs to the parent."""


def watch_over(client: Client, *, handles_sigterm: bool) -> None:
    """Have a client closed at exit, begun anew after a fork and, if nobody else cares, closed by SIGTERM."""
    global _is_registered  # noqa: PLW0603 - hooks of the process, once
    with _TOLD:
        _clients.add(client)
        if not _is_registered:
            os.register_at_fork(after_in_child=_forked)
            atexit.register(_close_all)
            _is_registered = True
    if handles_sigterm:
        _handle_sigterm()


def leave(client: Client) -> None:
    """Forget a client that was closed."""
    with _TOLD:
        _clients.discard(client)


def _handle_sigterm() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    # A handler of the application ends the process in its own way, and atexit closes the clients then.
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        with suppress(ValueError):  # an interpreter inside another
            signal.signal(signal.SIGTERM, _terminate)


def _terminate(number: int, _frame: FrameType | None) -> None:
    _close_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _close_all() -> None:
    for client in list(_clients):
        client.close()


def _forked() -> None:
    global _TOLD  # noqa: PLW0603 - the parent's may be held by a thread that is not here
    _TOLD = threading.RLock()
    for client in list(_clients):
        _abandoned.extend(client.forked())
    # A child of multiprocessing ends without atexit.
    if (util := sys.modules.get("multiprocessing.util")) is not None:
        util.register_after_fork(_clients, _close_at_the_end_of_a_child)


def _close_at_the_end_of_a_child(_clients: object) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _close_all, exitpriority=0)
