"""A git host on this machine: the smart protocol over HTTP by git's own program, with a password if wanted.

with an_http_remote(upstream.bare, token="s3cret") as host:
    Remote(url=host.url, token="s3cret")
    host.requests                            # what was asked, and with which authorization
"""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.builders.git import GitSandbox


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its path with the query, and the name and password that came with it."""

    path: str
    credentials: str | None


@dataclass
class Host:
    """A running host of one repository; what is set here counts from the next request on."""

    url: str
    folder: Path
    token: str | None
    moved_to: str | None = None
    is_read_only: bool = False
    watch: Callable[[], None] = lambda: None
    requests: list[Request] = field(default_factory=list)

    def accepts(self, credentials: str | None) -> bool:
        """Whether this may see the repository."""
        return self.token is None or (credentials or "").partition(":")[2] == self.token


@contextmanager
def an_http_remote(
    bare: GitSandbox, *, token: str | None = None, certificate: Path | None = None
) -> Iterator[Host]:
    """Serve this bare repository on a free port of the loopback, with TLS when there is a certificate (and key)."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "http" if certificate is None else "https"
        url = f"{scheme}://127.0.0.1:{server.server_port}/{bare.path.name}"
        server.git_host = Host(url=url, folder=bare.path.parent, token=token)  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.git_host  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def log_message(self, *_arguments: object) -> None:
        pass

    @property
    def _host(self) -> Host:
        return self.server.git_host  # type: ignore[attr-defined, no-any-return]

    def _answer(self, body: bytes) -> None:
        credentials = self._credentials()
        self._host.requests.append(Request(path=self.path, credentials=credentials))
        self._host.watch()
        if self._host.moved_to is not None:
            self._send("302 Found", [("Location", f"{self._host.moved_to}{self._rest()}")], b"")
        elif not self._host.accepts(credentials):
            self._send("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="git"')], b"who are you?\n")
        elif self._host.is_read_only and "receive-pack" in self.path:
            self._send("403 Forbidden", [], b"this key may only read\n")
        else:
            self._run(body)

    def _rest(self) -> str:
        return self.path.partition(".git")[2]

    def _credentials(self) -> str | None:
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        return base64.b64decode(encoded).decode() if kind == "Basic" else None

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline().strip(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _run(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        variables = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "http.receivepack",
            "GIT_CONFIG_VALUE_1": "true",
            "GIT_PROJECT_ROOT": str(self._host.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": "someone",
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=variables, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if line]
        named = {name.lower(): value for name, value in headers}
        status = named.pop("status", "200 OK")
        self._send(status, list(named.items()), content)

    def _send(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def a_certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that nobody signed, with its key in the same file."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    subprocess.run(
        ["openssl", "req", *kind, *name, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
    return certificate
