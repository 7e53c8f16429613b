"""Named places: off unless they are armed before the program begins, and then exactly what was asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

REACH = """
from reconciler.failpoints import reach
for name in {names!r}:
    reach(name)
    print(name, flush=True)
"""
CUT = """
import socket
from reconciler.failpoints import reach, watch
one, other = socket.socketpair()
watch(one)
reach("apply.done")
print(other.recv(1), one.fileno() >= 0)
"""


def run(script: str, armed: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program with places armed as a test would."""
    environment = {**os.environ, **({} if armed is None else {"RECONCILER_FAILPOINTS": armed})}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, check=False, capture_output=True, text=True, timeout=60
    )


def reached(*names: str, armed: str | None = None) -> subprocess.CompletedProcess[str]:
    return run(REACH.format(names=names), armed)


@pytest.mark.parametrize("armed", [None, "", "other.place=kill", "write-back.pushe=kill;=exc"])
def test_a_place_that_nobody_armed_does_nothing(armed: str | None) -> None:
    done = reached("write-back.pushed", "apply.done", armed=armed)

    assert (done.returncode, done.stdout, done.stderr) == (0, "write-back.pushed\napply.done\n", "")


def test_kill_ends_the_process_as_sigkill_does() -> None:
    done = reached("apply.done", "write-back.pushed", armed="write-back.pushed=kill")

    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "apply.done\n")


def test_exc_raises_what_nobody_expects() -> None:
    done = reached("apply.done", armed="apply.done=exc")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "reconciler.failpoints.FailpointError: failpoint apply.done"


@pytest.mark.parametrize(("due", "printed"), [(1, 0), (2, 1), (3, 2), (4, 3)])
def test_a_place_acts_when_it_is_reached_for_the_nth_time_and_only_then(due: int, printed: int) -> None:
    done = reached("apply.done", "apply.done", "apply.done", armed=f"apply.done=exc@{due}")

    assert (done.stdout, done.returncode) == ("apply.done\n" * printed, int(due < 4))


def test_two_places_are_armed_at_once() -> None:
    armed = "apply.done=sleep:0;write-back.pushed=exc"
    done = reached("apply.done", "write-back.pushed", armed=armed)

    assert (done.stdout, done.returncode) == ("apply.done\n", 1)


def test_sleep_waits_for_so_many_seconds() -> None:
    begun = time.monotonic()
    done = reached("apply.done", armed="apply.done=sleep:0.7")

    assert (done.returncode, done.stdout) == (0, "apply.done\n")
    assert time.monotonic() - begun >= 0.7


def test_drop_cuts_what_is_watched_and_goes_on() -> None:
    assert run(CUT, "apply.done=drop").stdout == "b'' True\n"


def test_drop_cuts_nothing_unless_it_is_armed() -> None:
    script = CUT.replace('reach("apply.done")', 'reach("apply.done")\none.send(b"!")')

    assert run(script).stdout == "b'!' True\n"
