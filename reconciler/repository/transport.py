"""Git over a wire: one protocol, a limit on the whole time, and secrets that only git's own children can read.

The token lies in a file without a name. Git asks a credential helper for it, a line of shell that names a
descriptor, so it is in no argument, variable or file. The helper answers for the remote's own host alone, also when
that sends us on to another.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from reconciler.errors import UnreachableError
from reconciler.repository.memory import held
from reconciler.repository.plumbing import Answer, Extras, Plumbing
from reconciler.repository.process import Process, TooLateError
from reconciler.repository.remote import Remote
from reconciler.repository.text import one_line

_WEB = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_HANDED_ON: Mapping[str, tuple[str, ...]] = {
    "https": (*_WEB, *map(str.lower, _WEB), "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    "ssh": ("SSH_AUTH_SOCK",),
}
_SLOWEST = 100  # bytes a second
_TRACKED = re.compile(r"(?P<id>[0-9a-f]{40}(?:[0-9a-f]{24})?)\t(?P<ref>refs/.*)")


@dataclass(slots=True)
class Deadline:
    """When an operation of several runs of git has to be over."""

    limit: timedelta
    _ends: float = 0.0

    def __post_init__(self) -> None:
        self._ends = time.monotonic() + self.limit.total_seconds()

    @property
    def left(self) -> timedelta:
        """What is left of the time; never nothing, so that the last run ends by itself or is seen to hang."""
        return timedelta(seconds=max(self._ends - time.monotonic(), 0.05))


class Transport:
    """Runs git against one remote, inside a folder that belongs to us."""

    def __init__(self, remote: Remote, folder: Path, *, timeout: timedelta) -> None:
        self.remote = remote
        self.timeout = timeout
        self._folder = folder
        self._running: Plumbing | None = None
        self._over = threading.Event()

    def interrupt(self) -> None:
        """End what is under way, and let nothing more begin; both end as if the remote could not be reached."""
        self._over.set()
        if self._running is not None:
            self._running.interrupt()

    def run(self, *arguments: str, deadline: Deadline) -> Answer:
        """Run git to its end, whatever its exit code; UnreachableError when it does not end in time."""
        with self._started(*arguments, deadline=deadline) as process:
            output = process.rest()
            return Answer(code=process.finish(), output=output, complaint=self._complaint(process))

    def tips(self, prefix: str, *, deadline: Deadline) -> Mapping[str, str]:
        """Return what the remote holds now below `refs/`: ids by full names that begin with `prefix`."""
        heads = ["--heads"] if prefix.startswith("refs/heads/") else []
        found = {}
        with self._started("ls-remote", "--refs", *heads, "--", self.remote.url, deadline=deadline) as process:
            while line := process.line():
                match = _TRACKED.fullmatch(os.fsdecode(line))
                if match is not None and match["ref"].startswith(prefix):
                    found[match["ref"]] = match["id"]
            if process.finish() != 0:
                raise self.unreachable(self._complaint(process))
        return found

    def unreachable(self, complaint: str) -> UnreachableError:
        """Return the error for a remote that gave no answer, or none that was understood."""
        return UnreachableError(
            f"{self.remote.shown}: can't be reached ({complaint or 'git said nothing'}); "
            "check the URL, the network and the credentials, then try again"
        )

    @contextmanager
    def _started(self, *arguments: str, deadline: Deadline) -> Iterator[Process]:
        git = self._running = Plumbing(self._folder, git_dir=self._folder, timeout=deadline.left)
        if self._over.is_set():
            raise self.unreachable("this process is about to end")
        try:
            with self._extras() as extras, git.start(*arguments, extras=extras) as process:
                if self._over.is_set():  # since we looked
                    process.kill()
                yield process
        except TooLateError as error:
            seconds = deadline.limit.total_seconds()
            raise UnreachableError(
                f"{self.remote.shown}: git {arguments[0]} did not end within {seconds:g} s and was stopped; "
                "check the network and the remote, then try again"
            ) from error

    def _complaint(self, process: Process) -> str:
        # Before the text is cut short: a piece of a secret is one too.
        return one_line(self.remote.without_secrets(process.said))

    @contextmanager
    def _extras(self) -> Iterator[Extras]:
        protocol = self.remote.protocol
        handed_on = tuple(name for name in _HANDED_ON.get(protocol, ()) if name in os.environ)
        variables = {"GIT_ALLOW_PROTOCOL": protocol, "GIT_ASKPASS": "", "GIT_SSH_VARIANT": "ssh"}
        variables |= {"GIT_SSH_COMMAND": self._ssh(), **_authorities(handed_on)}
        if self.remote.token is None or protocol not in {"https", "http"}:
            yield Extras(variables=variables, settings=self._settings(), handed_on=handed_on)
            return
        with held(f"username={self.remote.user}\npassword={self.remote.token}\n".encode()) as secret:
            number = secret.fileno()
            helper = {
                f"credential.{self.remote.scope}.helper": f'!f() {{ test "$1" != get || cat /dev/fd/{number}; }}; f'
            }
            settings = self._settings() | helper
            yield Extras(variables=variables, settings=settings, handed_on=handed_on, descriptors=(number,))

    def _settings(self) -> dict[str, str]:
        patience = max(math.ceil(self.timeout.total_seconds()), 1)
        return {
            "credential.helper": "",
            "credential.interactive": "false",
            "core.askPass": "",
            "http.sslVerify": "true",
            "http.lowSpeedLimit": str(_SLOWEST),
            "http.lowSpeedTime": str(patience),
        }

    def _ssh(self) -> str:
        patience = max(math.ceil(self.timeout.total_seconds()), 1)
        options = ["BatchMode=yes", f"ConnectTimeout={patience}", f"ServerAliveInterval={patience}"]
        words = ["ssh", *(word for option in (*options, "ServerAliveCountMax=1") for word in ("-o", option))]
        if self.remote.ssh_key is not None:
            words += ["-o", "IdentitiesOnly=yes", "-i", str(self.remote.ssh_key.absolute())]
        return shlex.join(words)


def _authorities(handed_on: tuple[str, ...]) -> dict[str, str]:
    # Git's libcurl doesn't look at the names that everybody else uses.
    names = {"GIT_SSL_CAINFO": "SSL_CERT_FILE", "GIT_SSL_CAPATH": "SSL_CERT_DIR"}
    return {
        ours: os.environ[theirs] for ours, theirs in names.items() if theirs in handed_on and ours not in handed_on
    }
