"""The product in processes of its own, forked from one that has imported it: real ones to kill, and quick to begin.

child = a_command(["run", "--once"], tmp_path, {"RECONCILER_DSN": dsn}, failpoints="write-back.pushed=kill")
assert child.ended().code == -signal.SIGKILL
assert child.ended().reached == ("write-back.pushed",)
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from reconciler import failpoints

_PRELOADED = ["reconciler.cli.main", "reconciler.cli.running", "reconciler.client", "git"]
_PATIENCE = 60.0  # seconds
_starting = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended: minus the signal that killed it, or its exit code, and what it said."""

    code: int
    said: str
    complained: str
    reached: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process that was started."""

    process: BaseProcess
    folder: Path

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.is_alive()

    @property
    def said(self) -> str:
        """What it wrote to its standard output so far."""
        return (self.folder / "out").read_text()

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The lines that it logged as JSON so far."""
        return [json.loads(line) for line in self.said.splitlines(keepends=True) if line.endswith("\n")]

    def told(self, name: str) -> list[dict[str, Any]]:
        """Return the facts of this name."""
        return [fact for fact in self.facts if fact["fact"] == name]

    @property
    def reached(self) -> tuple[str, ...]:
        """The armed failpoints that it came to so far, each as often as it acted."""
        marks = self.folder / "reached"
        return tuple(marks.read_text().split()) if marks.exists() else ()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> Ended:
        """Kill it as the kernel does, and what it started stays; one that ended before ended before."""
        self.process.kill()
        return self.ended()

    def ended(self, seconds: float = _PATIENCE) -> Ended:
        """Wait for its end; fail when it does not come."""
        self.process.join(seconds)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            message = f"it never ended: {self.said}{(self.folder / 'err').read_text()}"
            raise AssertionError(message)
        complained = (self.folder / "err").read_text()
        return Ended(code=code, said=self.said, complained=complained, reached=self.reached)

    def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait until something is so; fail when it never is, or when the process ends before."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.is_alive, f"it ended before: {self.said}{(self.folder / 'err').read_text()}"
            assert time.monotonic() < end, f"it never came to this: {self.said}"
            time.sleep(0.01)


def a_command(
    words: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None, *, failpoints: str = ""
) -> Child:
    """Start `reconciler` with these words in a folder, with variables on top of the test's own."""
    return a_child(partial(reconciler, tuple(words)), folder, variables, failpoints=failpoints)


def reconciler(words: Sequence[str]) -> None:
    """Be the command line, and end."""
    from reconciler.cli.start import run

    sys.argv = ["reconciler", *words]
    run()


def a_child(
    work: Callable[[], Any], folder: Path, variables: Mapping[str, str] | None = None, *, failpoints: str = ""
) -> Child:
    """Start a process that does this work, a function of a module or a partial of one, and ends."""
    folder.mkdir(parents=True, exist_ok=True)
    output = Path(tempfile.mkdtemp(prefix="child-", dir=folder))
    for name in ("out", "err"):
        (output / name).touch()
    environment = {**os.environ, "TZ": "UTC", **(variables or {})}
    process = _context().Process(target=_begin, args=(work, folder, output, environment, failpoints), daemon=True)
    with _starting, _without_a_main_module():
        process.start()
    return Child(process=process, folder=output)


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


@contextmanager
def _without_a_main_module() -> Iterator[None]:
    # Each child would import it, and all of pytest with it.
    main = vars(sys.modules["__main__"])
    file = main.pop("__file__", None)
    try:
        yield
    finally:
        if file is not None:
            main["__file__"] = file


def _begin(
    work: Callable[[], Any], folder: Path, output: Path, environment: Mapping[str, str], orders: str
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, name in enumerate(("out", "err"), start=1):
        with (output / name).open("w") as file:
            os.dup2(file.fileno(), number)
    _arm(orders, output / "reached")
    work()
    sys.stdout.flush()


def _arm(orders: str, marks: Path) -> None:
    failpoints._armed = failpoints._parsed(orders)
    act = failpoints._act

    def marked(name: str, action: str) -> None:
        with marks.open("a") as file:
            file.write(f"{name}\n")
        act(name, action)

    failpoints._act = marked
