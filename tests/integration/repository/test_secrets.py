"""The token opens the remote and is seen nowhere: no argument, no variable, no file, no message, no other host."""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import RepositoryError, UnreachableError
from reconciler.repository.clone import opened_clone
from reconciler.repository.remote import Remote
from tests.builders.http_git import Host, an_http_remote
from tests.builders.remotes import BOT, MAIN, Upstream, a_script, an_upstream

CANARY = "canary-7f3a/+%41 é'\"$x;`&"
LINUX = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are read in /proc")
TOP = Path(__file__).parents[3]


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return an_upstream(tmp_path)


@pytest.fixture
def host(upstream: Upstream) -> Iterator[Host]:
    with an_http_remote(upstream.bare, token=CANARY) as running:
        yield running


def spellings() -> list[bytes]:
    encoded = base64.b64encode(f"x-access-token:{CANARY}".encode())
    return [CANARY.encode(), encoded, b"canary-7f3a"]


def work(folder: Path, remote: Remote, number: int = 0) -> tuple[str, ...]:
    """Fetch, commit, push and list, and return everything that was said."""
    with opened_clone(folder, remote, "main") as clone:
        tip = clone.fetch()
        commit = clone.commit(tip, {"a": b"%d" % number}, f"m {number}", BOT)
        report = clone.push(commit, MAIN)
        clone.remote_refs("refs/heads/")
        over = clone.push_over(commit, "refs/heads/ours", expected=None)
        assert clone.fetch() == commit
        return report.said, over.said, repr(clone), repr(remote), str(remote), f"{remote}"


def test_the_token_opens_the_remote(tmp_path: Path, host: Host) -> None:
    work(tmp_path / "clone", Remote(url=host.url, token=CANARY))

    assert {request.credentials for request in host.requests} == {None, f"x-access-token:{CANARY}"}


def test_the_url_may_name_the_user(tmp_path: Path, host: Host) -> None:
    url = host.url.replace("//", "//ada@")
    work(tmp_path / "clone", Remote(url=url, token=CANARY))

    assert {request.credentials for request in host.requests} == {None, "ada:", f"ada:{CANARY}"}


@LINUX
def test_no_process_has_the_token_in_its_arguments_or_variables(tmp_path: Path, host: Host) -> None:
    seen: list[bytes] = []
    hits: list[str] = []

    def look() -> None:
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    content = (process / name).read_bytes()
                except OSError:
                    continue
                seen.append(content)
                hits.extend(f"{process.name} {name}" for spelling in spellings() if spelling in content)

    host.watch = look
    work(tmp_path / "clone", Remote(url=host.url, token=CANARY))

    assert any(b"remote-http" in content for content in seen)
    assert hits == []


TRACED = """
import sys, pathlib
from reconciler.repository.remote import Remote
from tests.integration.repository.test_secrets import work
work(pathlib.Path(sys.argv[1]), Remote(url=sys.argv[2], token=sys.stdin.read()))
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows every program that starts")
def test_no_program_is_started_with_the_token(tmp_path: Path, host: Host) -> None:
    trace = tmp_path / "trace"
    tracer = ["strace", "-f", "-v", "-s", "100000", "-e", "trace=execve", "-o", str(trace)]
    done = subprocess.run(
        [*tracer, sys.executable, "-c", TRACED, str(tmp_path / "clone"), host.url],
        input=CANARY.encode(),
        env={**os.environ, "RECONCILER_GIT_TOKEN": "another-canary"},
        cwd=TOP,
        capture_output=True,
        check=False,
    )
    if b"ptrace" in done.stderr:
        pytest.skip("nothing may be traced here")
    assert done.returncode == 0, done.stderr

    lines = trace.read_text(errors="replace").splitlines()[1:]
    started = [line for line in lines if line.endswith(" = 0")]
    assert any("git-remote-http" in line for line in started)
    assert any("credential" in line or "/dev/fd/" in line for line in started)
    assert [line for line in started if "canary-7f3a" in line or "another-canary" in line] == []


def test_no_file_holds_the_token(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    work(tmp_path / "clone", Remote(url=host.url, token=CANARY))

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files for spelling in spellings() if spelling in path.read_bytes()] == []


def test_nothing_that_is_said_holds_the_token(tmp_path: Path, host: Host) -> None:
    said = work(tmp_path / "clone", Remote(url=host.url, token=CANARY))

    assert [text for text in said if "canary" in text] == []


@pytest.mark.parametrize("before", [0, 420, 430, 440, 450])
def test_a_remote_that_tells_the_token_back_is_not_quoted(
    tmp_path: Path, upstream: Upstream, host: Host, before: int
) -> None:
    encoded = base64.b64encode(f"x-access-token:{CANARY}".encode()).decode()
    told = f"printf %s\\\\n {shlex.quote('x' * before + CANARY)} {shlex.quote(CANARY)} {encoded} >&2"
    upstream.hook("pre-receive", f"{told}; exit 1")

    with opened_clone(tmp_path / "clone", Remote(url=host.url, token=CANARY), "main") as clone:
        report = clone.push(clone.commit(clone.fetch(), {"a": b"x"}, "m", BOT), MAIN)

    assert ("***" in report.said) is (before < 450)
    assert "can" not in report.said.partition("remote: ")[2]
    assert encoded[:8] not in report.said


def test_a_wrong_token_is_an_error_without_it(tmp_path: Path, host: Host) -> None:
    remote = Remote(url=host.url, token="wrong-canary")

    with opened_clone(tmp_path / "clone", remote, "main") as clone, pytest.raises(UnreachableError) as raised:
        clone.fetch()

    assert str(raised.value).startswith(f"{host.url}: can't be reached (")
    assert "canary" not in str(raised.value)
    assert len(host.requests) <= 3


def test_without_a_token_nobody_is_asked_for_one(
    tmp_path: Path, host: Host, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    asks = a_script(tmp_path / "asks", f"touch {canary}; echo x")
    (home / ".netrc").write_text(f"default login x password {CANARY}\n")
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, asks)
    monkeypatch.setenv("DISPLAY", ":0")

    with opened_clone(tmp_path / "clone", Remote(url=host.url), "main") as clone, pytest.raises(UnreachableError):
        clone.fetch()

    assert not canary.exists()
    assert {request.credentials for request in host.requests} == {None}


def test_another_host_does_not_get_the_token(tmp_path: Path, upstream: Upstream, host: Host) -> None:
    with an_http_remote(upstream.bare, token=CANARY) as other:
        host.moved_to = other.url

        with (
            opened_clone(tmp_path / "clone", Remote(url=host.url, token=CANARY), "main") as clone,
            pytest.raises(UnreachableError),
        ):
            clone.fetch()

        assert other.requests
        assert {request.credentials for request in other.requests} == {None}


def test_a_token_is_for_the_web_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = an_upstream(tmp_path, name="local")
    work(tmp_path / "clone", Remote(url=str(upstream.bare.path), token=CANARY))


def test_secrets_of_the_product_itself_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = an_upstream(tmp_path, name="local")
    upstream.hook("pre-receive", f"env >{tmp_path}/variables")
    for name in ("RECONCILER_GIT_TOKEN", "RECONCILER_DSN", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, CANARY)

    work(tmp_path / "clone", Remote(url=str(upstream.bare.path)))

    assert "canary" not in (tmp_path / "variables").read_text()


def an_ssh_that_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    told = tmp_path / "told"
    told.mkdir()
    script = f'printf "%s\\n" "$@" >>{told}/words; env >>{told}/variables\nfor last; do :; done\neval "exec $last"'
    a_script(tmp_path / "bin/ssh", script)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return told


@pytest.mark.parametrize("url", ["git@host.example:{path}", "ssh://git@host.example:2222{path}"])
def test_ssh_asks_nobody_and_uses_the_key_that_was_named(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    told = an_ssh_that_tells(tmp_path, monkeypatch)
    for name, value in {
        "SSH_AUTH_SOCK": "/run/agent",
        "SSH_ASKPASS": "/bin/evil",
        "RECONCILER_DSN": CANARY,
        "HTTPS_PROXY": CANARY,
        "GIT_SSH_COMMAND": "/bin/false",
    }.items():
        monkeypatch.setenv(name, value)
    remote = Remote(url=url.format(path=upstream.bare.path), token=CANARY, ssh_key=tmp_path / "a key; 'x'")

    work(tmp_path / "clone", remote)

    words = (told / "words").read_text().splitlines()
    assert words[words.index("-i") + 1] == str(tmp_path / "a key; 'x'")
    assert {"BatchMode=yes", "ConnectTimeout=60", "IdentitiesOnly=yes", "git@host.example"} < {*words}
    variables = (told / "variables").read_text()
    assert "SSH_AUTH_SOCK=/run/agent\n" in variables
    assert "canary" not in variables + "".join(words)
    assert "evil" not in variables


def test_proxies_and_authorities_are_for_the_web_alone(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = shutil.which("git")
    a_script(tmp_path / "bin/git", f'env >{tmp_path}/variables; exec {git} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    wanted = {"HTTPS_PROXY": "http://u:p@127.0.0.1:1", "no_proxy": "x", "SSL_CERT_FILE": "/f", "SSL_CERT_DIR": "/d"}
    for name, value in {**wanted, "http_proxy": "http://127.0.0.1:1", "SSH_AUTH_SOCK": "/s", "X": "y"}.items():
        monkeypatch.setenv(name, value)

    for url, is_web in (("https://nobody.invalid/r.git", True), (str(tmp_path / "none"), False)):
        with opened_clone(tmp_path / "clone", Remote(url=url), "main") as clone, pytest.raises(RepositoryError):
            clone.fetch()
        variables = {*(tmp_path / "variables").read_text().splitlines()}
        expected = {f"{name}={value}" for name, value in wanted.items()} | {
            "GIT_SSL_CAINFO=/f",
            "GIT_SSL_CAPATH=/d",
        }
        assert expected & variables == (expected if is_web else set())
        names = {line.partition("=")[0] for line in variables}
        assert names.isdisjoint({"http_proxy", "SSH_AUTH_SOCK", "X", "HOSTNAME", "USER"})
        assert f"GIT_ALLOW_PROTOCOL={'https' if is_web else 'file'}" in variables
