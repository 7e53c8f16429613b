"""A remote that people and the product push to, and servers on this machine that are no good remotes.

upstream = an_upstream(tmp_path, {"rollouts.d/checkout.yaml": "tier: 1\\n"})
second = upstream.person_pushes({"rollouts.d/search.yaml": "tier: 0\\n"})
upstream.hook("pre-receive", "echo no; exit 1")
with upstream.opened(tmp_path / "clone") as clone: ...
with a_server_that(hangs) as port: ...
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.domain.commit import Signature
from reconciler.repository.clone import Clone, opened_clone
from reconciler.repository.remote import Remote
from tests.builders.git import Content, GitSandbox, a_repository

MAIN = "refs/heads/main"
FILES: Mapping[str, Content] = {"rollouts.d/checkout.yaml": "feature: checkout\ntier: 1\n"}
BOT = Signature(name="Reconciler", email="bot@example.com", at=datetime(2026, 11, 22, 3, 31, tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A bare repository and a person's clone of it."""

    bare: GitSandbox
    person: GitSandbox

    @property
    def remote(self) -> Remote:
        """The bare repository as a remote by its path."""
        return Remote(url=str(self.bare.path))

    def opened(
        self, folder: Path, *, branch: str = "main", timeout: timedelta = timedelta(seconds=30)
    ) -> AbstractContextManager[Clone]:
        """Open a private clone in this folder."""
        return opened_clone(folder, self.remote, branch, timeout)

    def person_pushes(self, files: Mapping[str, Content], *, force: bool = False, branch: str = "main") -> str:
        """Let the person commit and push, and return the commit."""
        commit = self.person.commit(files)
        self.person.git(
            "push", "--quiet", *(["--force"] if force else []), str(self.bare.path), f"HEAD:refs/heads/{branch}"
        )
        return commit

    def tip(self, ref: str = MAIN) -> str:
        """Return what the remote holds."""
        return self.bare.tip(ref)

    def hook(self, name: str, text: str) -> None:
        """Let the remote run this shell script."""
        a_script(self.bare.path / "hooks" / name, text)


def an_upstream(
    tmp_path: Path, files: Mapping[str, Content] = FILES, *, object_format: str = "sha1", name: str = "upstream"
) -> Upstream:
    """Make a bare repository with one commit on `main`, as a person pushed it."""
    person = a_repository(tmp_path, files, name=f"{name}-person", object_format=object_format)
    return Upstream(bare=person.clone(tmp_path / f"{name}.git", bare=True), person=person)


def a_script(path: Path, text: str) -> str:
    """Write a shell script that can be run, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def family() -> dict[int, str]:
    """Every process whose parent is this one, with its name and its state."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        state, parent, *_ = rest.split()
        if int(parent) == os.getpid():
            found[int(folder.name)] = f"{name} {state}"
    return found


Conduct = Callable[[socket.socket, threading.Event], None]


def hangs(connection: socket.socket, over: threading.Event) -> None:
    """Say nothing at all."""
    over.wait()


def drips(connection: socket.socket, over: threading.Event) -> None:
    """Answer as a web server does, a byte every tenth of a second."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n" + b"0" * 10_000
    for number in range(len(answer)):
        if over.wait(0.1):
            return
        connection.sendall(answer[number : number + 1])


def hangs_up(connection: socket.socket, over: threading.Event) -> None:
    """Close the connection at once."""


@contextmanager
def a_server_that(conduct: Conduct) -> Iterator[int]:
    """Listen on a free port of the loopback, treat every connection like this, and return the port."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                conduct(connection, over)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
