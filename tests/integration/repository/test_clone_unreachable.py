"""Remotes that hang, drip, refuse or lie: an error in time that says so, everything stopped, no secret told."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import RepositoryError, UnreachableError
from reconciler.repository.clone import opened_clone
from reconciler.repository.remote import Remote
from tests.builders.http_git import a_certificate, an_http_remote
from tests.builders.remotes import Conduct, a_script, a_server_that, an_upstream, drips, family, hangs, hangs_up

SHORT = timedelta(seconds=1)


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("conduct", "said"),
    [
        pytest.param(hangs, "git ls-remote did not end within 1 s and was stopped; check the network", id="hangs"),
        pytest.param(drips, "git ls-remote did not end within 1 s and was stopped; check the network", id="drips"),
        pytest.param(hangs_up, "can't be reached (fatal: unable to access", id="hangs up"),
    ],
)
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are listed in /proc")
def test_gives_up_in_time_and_leaves_nothing_running(tmp_path: Path, conduct: Conduct, said: str) -> None:
    before = family()
    with a_server_that(conduct) as port:
        remote = Remote(url=f"http://127.0.0.1:{port}/r.git")
        began = time.monotonic()

        with (
            opened_clone(tmp_path / "clone", remote, "main", SHORT) as clone,
            pytest.raises(UnreachableError) as raised,
        ):
            clone.fetch()

        assert time.monotonic() - began < 3
    assert str(raised.value).startswith(f"http://127.0.0.1:{port}/r.git: {said}")
    assert family() == before


def test_what_was_fetched_can_be_read_without_the_remote(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with an_http_remote(upstream.bare) as host:
        remote = Remote(url=host.url)
        with opened_clone(tmp_path / "clone", remote, "main") as clone:
            tip = clone.fetch()

    with opened_clone(tmp_path / "clone", remote, "main") as clone:
        with pytest.raises(UnreachableError, match="can't be reached"):
            clone.fetch()
        assert clone.repository.tip() == tip


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("exec sleep 60", id="hangs"),
        pytest.param("while :; do echo x >&2; sleep 0.1; done", id="complains without end"),
        pytest.param("exec yes >&2", id="floods"),
        pytest.param("trap '' TERM HUP INT; sleep 60 & wait", id="is deaf"),
    ],
)
def test_a_way_to_the_remote_that_never_ends_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    os.mkfifo(tmp_path / "alive")
    a_script(tmp_path / "bin/ssh", f"exec 9>{tmp_path / 'alive'}\n{text}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    began = time.monotonic()

    with opened_clone(tmp_path / "clone", Remote(url="git@host:r.git"), "main", SHORT) as clone:
        with pytest.raises(UnreachableError, match="git ls-remote did not end within 1 s and was stopped"):
            clone.fetch()
        with pytest.raises(UnreachableError, match="git ls-remote did not end within 1 s and was stopped"):
            clone.remote_refs("refs/heads/")

    assert time.monotonic() - began < 5
    os.set_blocking(alive, True)
    assert os.read(alive, 1) == b""  # its end: the last process that could write is gone
    os.close(alive)


def test_what_waits_for_a_remote_can_be_interrupted(tmp_path: Path) -> None:
    with a_server_that(hangs) as port:
        remote = Remote(url=f"http://127.0.0.1:{port}/r.git")
        began = time.monotonic()
        with opened_clone(tmp_path / "clone", remote, "main") as clone:
            timer = threading.Timer(0.3, clone.interrupt)
            timer.start()
            with pytest.raises(UnreachableError):
                clone.fetch()
            with pytest.raises(UnreachableError, match="this process is about to end"):
                clone.fetch()
            assert clone.push("1" * 40, "main").said.startswith(f"{remote.url}: can't be reached (this process")
            timer.join()

    assert time.monotonic() - began < 10


def an_ssh_that(tmp_path: Path, text: str) -> None:
    """Put an `ssh` on the way that asks nobody else: `$@` becomes the program that it was to run over there."""
    a_script(tmp_path / "bin/ssh", f'for last; do :; done\neval "set -- $last"\n{text}')


def test_a_fetch_that_hangs_within_the_pack_leaves_a_clone_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = an_upstream(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    an_ssh_that(tmp_path, '"$@"')
    remote = Remote(url=f"git@host:{upstream.bare.path}")

    with opened_clone(tmp_path / "clone", remote, "main", SHORT) as clone:
        first = clone.fetch()
        second = upstream.person_pushes({"large": os.urandom(1 << 20)})
        an_ssh_that(tmp_path, '"$@" | head -c 500000; sleep 60')
        with pytest.raises(UnreachableError, match="git fetch did not end within 1 s"):
            clone.fetch()
        assert [path for path in clone.folder.rglob("*") if "tmp" in path.name or path.suffix == ".lock"] == []
        assert clone.repository.tip() == first

        an_ssh_that(tmp_path, '"$@"')
        assert clone.fetch() == second


def test_a_remote_that_lacks_an_object_is_not_the_fault_of_the_clone(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    with upstream.opened(tmp_path / "clone") as clone:
        first = clone.fetch()
        config = (clone.folder / "config").stat()
        second = upstream.person_pushes({"b": "b"})
        blob = upstream.bare.git("rev-parse", f"{second}:b")
        missing = upstream.bare.path / "objects" / blob[:2] / blob[2:]
        missing.rename(tmp_path / "away")

        for _ in range(2):
            with pytest.raises(UnreachableError, match="can't be reached"):
                clone.fetch()
        assert clone.repository.tip() == first
        assert (clone.folder / "config").stat().st_ino == config.st_ino

        (tmp_path / "away").rename(missing)
        assert clone.fetch() == second


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:{port}/r.git", id="refused"),
        pytest.param("https://nobody.invalid/r.git", id="no such host"),
        pytest.param("ssh://git@nobody.invalid/r.git", id="no such host by ssh"),
        pytest.param("nobody.invalid:r.git", id="no such host by its short spelling"),
        pytest.param("{folder}/none.git", id="no such folder"),
        pytest.param("file://{folder}/none.git", id="no such folder by its URL"),
    ],
)
def test_says_that_a_remote_can_not_be_reached(tmp_path: Path, url: str) -> None:
    remote = Remote(url=url.format(port=a_free_port(), folder=tmp_path))

    with opened_clone(tmp_path / "clone", remote, "main") as clone:
        with pytest.raises(UnreachableError) as raised:
            clone.fetch()
        with pytest.raises(UnreachableError):
            clone.remote_refs("refs/heads/")

    assert str(raised.value).startswith(f"{remote.url}: can't be reached (")
    assert str(raised.value).endswith("check the URL, the network and the credentials, then try again")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_trusts_no_certificate_but_those_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = an_upstream(tmp_path)
    certificate = a_certificate(tmp_path)
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    with (
        an_http_remote(upstream.bare, certificate=certificate) as host,
        opened_clone(tmp_path / "clone", Remote(url=host.url), "main") as clone,
    ):
        with pytest.raises(UnreachableError, match="certificate"):
            clone.fetch()

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert clone.fetch() == upstream.tip()


def test_what_is_no_git_host_is_no_remote(tmp_path: Path) -> None:
    def answers(connection: socket.socket, _over: object) -> None:
        connection.recv(10_000)
        text = "\x1b[31m fatal: branch main fetched, all is well \x07"
        head = f"HTTP/1.1 404 {text}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n"
        connection.sendall((head + text).encode())

    with a_server_that(answers) as port:
        remote = Remote(url=f"http://127.0.0.1:{port}/r.git")
        with opened_clone(tmp_path / "clone", remote, "main") as clone, pytest.raises(RepositoryError) as raised:
            clone.fetch()

    assert str(raised.value).isprintable()
