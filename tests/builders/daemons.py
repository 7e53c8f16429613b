"""`reconciler run` in a process of its own, which looks by itself only as often as a test wants.

with a_daemon(ring) as child:
    ring.report("checkout", failing=12, healthy=10)
    child.until(lambda: child.told("written-back"))
    assert stopped(child)[-1] == "stopped"
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.builders.children import Child
from tests.builders.crashes import unsettled
from tests.builders.ring import Ring

NEVER = "10m"


@contextmanager
def a_daemon(
    ring: Ring,
    *,
    name: str = "a",
    git: str = NEVER,
    watch: str = NEVER,
    failpoints: str = "",
    remote: str | None = None,
    **variables: str,
) -> Iterator[Child]:
    """Run it with JSON for its log, and wait until it looked once; by itself it looks no more."""
    words = ("run", "--output", "json", "--interval", git, "--watch-interval", watch)
    child = ring.start(*words, name=name, failpoints=failpoints, remote=remote, **variables)
    try:
        child.until(lambda: child.told("began"))
        yield child
    finally:
        if child.is_alive:
            child.kill()


def stopped(child: Child, number: int = signal.SIGTERM, *, within: float = 10) -> list[str]:
    """Tell it to end, make sure that it does in time and by itself, and return the names of its last facts."""
    begun = time.monotonic()
    child.signal(number)
    ended = child.ended(30)
    assert time.monotonic() - begun < within
    assert (ended.code, ended.complained) == (0, "")
    return [fact["fact"] for fact in child.facts]


def order(child: Child, *names: str) -> list[str]:
    """Return the facts of these names, in their order."""
    return [fact["fact"] for fact in child.facts if fact["fact"] in names]


def has_settled(ring: Ring) -> bool:
    """Tell whether all is as it must be after a rollback of `checkout`."""
    return len(ring.write_backs()) == 1 and unsettled(ring) == []
