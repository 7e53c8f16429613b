"""How git is run: one door, an environment of our own, and a limit on how long we wait.

GitPython starts the processes. It hands its caller's environment on, expands `~` and `$` in folders and can't stop
a process group in time, hence `env -i` and `-C` here and the reading of pipes in `process`.
"""

from __future__ import annotations

import os
import shutil
import threading
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from reconciler.errors import RepositoryError
from reconciler.repository.process import Process
from reconciler.repository.text import one_line

if TYPE_CHECKING:
    from git import Git

DEFAULT_TIMEOUT = timedelta(seconds=60)

# What a repository's own configuration may not decide: programs to run, what a trailer is, when to complain, and
# from which size on git reads a blob piece by piece.
_SETTINGS: Mapping[str, str] = {
    "safe.directory": "*",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.warnAmbiguousRefs": "true",
    "core.commentChar": "#",
    "core.bigFileThreshold": "1m",
    "trailer.separators": ":",
}

_ENVIRONMENT: Mapping[str, str] = {
    "HOME": os.devnull,
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": f"{os.devnull}/grafts",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    # Git before 2.39.4 doesn't know the line above; no protocol is called "none", so it can't fetch either.
    "GIT_ALLOW_PROTOCOL": "none",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a run of git ended; `complaint` is what it said on standard error."""

    code: int
    output: bytes
    complaint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What one run of git gets on top: variables, settings, variables handed on as they are, open descriptors."""

    variables: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    handed_on: Collection[str] = ()
    descriptors: Collection[int] = ()


_NO_EXTRAS = Extras()


class Plumbing:
    """Runs git's plumbing in one repository; nothing that the repository contains or configures is executed."""

    def __init__(
        self,
        folder: Path,
        *,
        git_dir: Path | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        when_failed: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self._git_dir = git_dir
        self._timeout = timeout
        self._when_failed = when_failed
        self._running: weakref.WeakSet[Process] = weakref.WeakSet()

    def run(
        self,
        *arguments: str,
        accept: Collection[int] = (0,),
        most: int | None = None,
        stdin: BinaryIO | None = None,
        extras: Extras = _NO_EXTRAS,
    ) -> Answer:
        """Run git to its end; an exit code that isn't accepted, or more bytes than `most`, is a RepositoryError."""
        with self.start(*arguments, stdin=stdin, extras=extras) as process:
            output = process.rest(most)
            answer = Answer(code=process.finish(), output=output, complaint=process.complaint)
            if answer.code not in accept:
                said = answer.complaint or f"exit code {answer.code}"
                raise RepositoryError(f"{one_line(self.folder)}: git {arguments[0]} failed: {said}")
        return answer

    def write(self, *arguments: str, stdin: BinaryIO | None = None, extras: Extras = _NO_EXTRAS) -> str:
        """Run git for what it writes and return the id that it prints; the error says what to look at."""
        with self.start(*arguments, stdin=stdin, extras=extras) as process:
            printed = process.rest()
            code = process.finish()
            if code != 0:
                said = process.complaint or f"exit code {code}"
                raise RepositoryError(
                    f"{one_line(self.folder)}: git {arguments[0]} failed: {said}; "
                    "check the disk and the rights of the folder, then try again"
                )
        return os.fsdecode(printed).strip()

    @contextmanager
    def start(
        self, *arguments: str, stdin: BinaryIO | None = None, extras: Extras = _NO_EXTRAS
    ) -> Iterator[Process]:
        """Run git for as long as the block lasts; then it is stopped with all its children."""
        argv = [*_launcher(extras), "-C", os.fspath(self.folder), *self._git_dir_option(), *arguments]
        try:
            running = _git_door()().execute(
                argv,
                istream=stdin,
                as_process=True,
                env=_blanks(extras),
                start_new_session=True,
                pass_fds=tuple(extras.descriptors),
            )
        except (OSError, ValueError) as error:
            raise RepositoryError(f"{one_line(self.folder)}: git can't be started: {error}") from error
        process = Process(running, name=f"{one_line(self.folder)}: git {arguments[0]}", timeout=self._timeout)
        self._running.add(process)
        try:
            yield process
        except RepositoryError:
            self._when_failed()
            raise
        finally:
            process.stop()

    def interrupt(self) -> None:
        """End whatever runs now, from another thread or from a handler of a signal."""
        for process in tuple(self._running):
            process.kill()

    def close(self) -> None:
        """Stop whatever still runs."""
        for process in tuple(self._running):
            process.stop()

    def _git_dir_option(self) -> list[str]:
        return [] if self._git_dir is None else [f"--git-dir={os.fspath(self._git_dir)}"]


def _launcher(extras: Extras) -> list[str]:
    path = _search_path()
    if shutil.which("git", path=path) is None:
        raise RepositoryError("git is not on PATH; install git 2.39 or newer")
    return [_env_program(), *_dropped(extras), f"PATH={path}", *_assignments(extras), "git"]


def _dropped(extras: Extras) -> list[str]:
    if not extras.handed_on:
        return ["-i"]
    # What is handed on may hold a password, so it must not be an argument: all the others are dropped by name.
    names = {*os.environ, "LANGUAGE"} - {"", *extras.handed_on}
    return [word for name in sorted(names) for word in ("-u", name)]


def _blanks(extras: Extras) -> dict[str, str]:
    # `env` itself starts with what GitPython hands on: our own secrets are none of its business either.
    return {name: "" for name in os.environ if name not in extras.handed_on}


def _search_path() -> str:
    # A relative folder on PATH would be looked up inside the repository.
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if Path(folder).is_absolute())


@cache
def _env_program() -> str:
    return shutil.which("env", path=f"/usr/bin{os.pathsep}/bin") or "/usr/bin/env"


def _assignments(extras: Extras) -> Iterator[str]:
    settings = {**_SETTINGS, **extras.settings}
    variables = {**_ENVIRONMENT, **extras.variables, "GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return (f"{name}={value}" for name, value in variables.items())


_importing = threading.Lock()


@cache
def _git_door() -> type[Git]:
    """Import GitPython on first use, and keep it from running `git version` (without a time limit) as it loads."""
    quiet = {"GIT_PYTHON_REFRESH": "quiet", "GIT_PYTHON_GIT_EXECUTABLE": os.devnull}
    with _importing, _environment_with(quiet):
        from git import Git  # noqa: PLC0415
    return Git


@contextmanager
def _environment_with(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
