"""Where commits are fetched from and pushed to: a place that was checked, and secrets that nothing shows."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote

from reconciler.errors import UsageError
from reconciler.repository.discovery import Place
from reconciler.repository.plumbing import DEFAULT_TIMEOUT, Plumbing
from reconciler.repository.text import one_line

TOKEN_SETTING = "RECONCILER_GIT_TOKEN"  # noqa: S105 -- the name of the variable
_DEFAULT_USER = "x-access-token"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_ALLOWED = "write an https or ssh URL, user@host:path, the path of a repository or the name of a remote"

_HELPER = re.compile(r"[\w.+-]*::")
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9.+-]*)://(?P<rest>.*)")
_HOST = r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9._-]*)"
_AUTHORITY = re.compile(rf"(?:(?P<user>[^@:]*)(?P<secret>:[^@]*)?@)?{_HOST}(?P<port>:[0-9]{{1,5}})?")
_SCP = re.compile(rf"(?:(?P<user>[^@:/]+)@)?{_HOST}:(?P<path>[^-].*)")
_TOKENS = re.compile(
    r"(?:gh[a-z]_|github_pat_|gl[a-z]{2,8}-|AT(?:BB|CTT))[\w.=-]{8,}|\b[0-9a-f]{40}\b|\b[a-z2-7]{52}\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A remote repository and what opens it; `url` was checked and holds no secret, a local one is a full path."""

    url: str
    token: str | None = field(default=None, repr=False)
    ssh_key: Path | None = None

    def __post_init__(self) -> None:
        if self.token is not None and not (self.token.isprintable() and self.token.strip() == self.token != ""):
            raise UsageError(
                f"the token of the remote ({TOKEN_SETTING}) is empty or has spaces or line breaks at its ends; "
                "set it again, or unset it"
            )
        object.__setattr__(self, "url", _checked(self.url))

    def __str__(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        """The URL as logs and messages name it."""
        return one_line(self.url)

    @property
    def protocol(self) -> str:
        """The one protocol that git may speak: `https`, `ssh`, `file`, or `http` on this machine."""
        match = _SCHEME.fullmatch(self.url)
        if match is not None:
            return match["scheme"].lower()
        return "file" if self.url.startswith("/") else "ssh"

    @property
    def scope(self) -> str:
        """Scheme, host and port of a URL of the web: whom the token is for."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}"

    @property
    def user(self) -> str:
        """The name that goes with the token: the one that the URL names, or what the large hosts take."""
        authority = self.url.partition("://")[2].partition("/")[0]
        return unquote(authority.rpartition("@")[0]) or _DEFAULT_USER

    def without_secrets(self, text: str) -> str:
        """Return what git or the remote said, with the token replaced wherever it stands, also if it is encoded."""
        for secret in _spellings(self.user, self.token) if self.token else ():
            text = text.replace(secret, "***")
        return text


def remote_of(
    place: Place | None,
    name_or_url: str,
    *,
    token: str | None = None,
    ssh_key: Path | None = None,
    timeout: timedelta = DEFAULT_TIMEOUT,
) -> Remote:
    """Return the remote that a person named; of the configuration at `place` only the URL of that name is used.

    A relative path is taken from the current folder, in a configuration from the top of the repository.
    """
    _check_text(name_or_url)
    if _is_location(name_or_url):
        return Remote(url=_absolute(name_or_url), token=token, ssh_key=ssh_key)
    url = None if place is None else _configured(place, name_or_url, timeout)
    if url is not None and place is not None:
        return Remote(url=_absolute(url, place.top), token=token, ssh_key=ssh_key)
    if Path(name_or_url).is_dir():
        return Remote(url=_absolute(name_or_url), token=token, ssh_key=ssh_key)
    raise UsageError(f"remote {_masked(name_or_url)!r} is no remote of this repository; {_ALLOWED}")


def _check_text(url: str) -> None:
    if not url.strip():
        raise UsageError(f"the remote is empty; {_ALLOWED}")
    if not url.isprintable() or url.strip() != url:
        raise UsageError(f"remote {_masked(url)!r} has control characters, or spaces at its ends; {_ALLOWED}")
    if url.startswith("-"):
        raise UsageError(f"remote {_masked(url)!r} begins with a dash; {_ALLOWED}")


def _is_location(text: str) -> bool:
    return text.startswith(("/", "./", "../")) or text in {".", ".."} or ":" in text.partition("/")[0]


def _absolute(url: str, base: Path | None = None) -> str:
    _check_text(url)
    if ":" in url.partition("/")[0]:
        return url
    return os.path.normpath(url if url.startswith("/") else (base or Path.cwd()) / url)


def _configured(place: Place, name: str, timeout: timedelta) -> str | None:
    git = Plumbing(place.top, git_dir=place.git_dir, timeout=timeout)
    arguments = ("config", "--local", "--no-includes", "-z", "--get-all", f"remote.{name}.url")
    answer = git.run(*arguments, accept=(0, 1, 3))
    return os.fsdecode(answer.output).partition("\0")[0] or None


def _checked(url: str) -> str:
    _check_text(url)
    if url.startswith("/"):
        return url
    if _HELPER.match(url):
        raise UsageError(f"remote {_masked(url)!r} names a transport helper, which may run anything; {_ALLOWED}")
    match = _SCHEME.fullmatch(url)
    if match is None:
        return _checked_scp(url)
    scheme = match["scheme"].lower()
    if scheme == "file":
        return _checked_file(url, match["rest"])
    if scheme not in {"https", "ssh", "http"}:
        raise UsageError(f"remote {_masked(url)!r}: {scheme}:// is not allowed; {_ALLOWED}")
    return _checked_network(url, scheme, match["rest"])


def _checked_file(url: str, rest: str) -> str:
    if not rest.startswith("/"):
        raise UsageError(f"remote {_masked(url)!r} is no full path; write file:/// and the path, or the path alone")
    return f"file://{rest}"


def _checked_scp(url: str) -> str:
    match = _SCP.fullmatch(url)
    # Without a user, somebody who wrote user:secret@host would have the secret taken for a folder.
    if match is None or (match["user"] is None and "@" in match["path"].partition("/")[0]):
        raise UsageError(f"remote {_masked(url)!r} is nothing that can be fetched from; {_ALLOWED}")
    _check_no_secret(url, match["user"], None)
    return url


def _checked_network(url: str, scheme: str, rest: str) -> str:
    authority, _, path = rest.partition("/")
    match = _AUTHORITY.fullmatch(authority)
    user = unquote(match["user"] or "") if match else ""
    # A secret with a slash in it looks like a port and a path.
    is_cut = ":" in authority and "@" not in authority and "@" in path
    is_odd = is_cut or re.search(r"[\s?#]", path) or user.startswith("-") or not user.isprintable()
    if match is None or not path or is_odd:
        raise UsageError(
            f"remote {_masked(url)!r} is no plain {scheme} URL; write {scheme}://host/path, "
            f"without a query, and set {TOKEN_SETTING} to the token if it has one"
        )
    _check_no_secret(url, match["user"], match["secret"])
    if scheme == "http" and match["host"].lower() not in _LOOPBACK:
        raise UsageError(
            f"remote {_masked(url)!r} is not encrypted: anybody on the way could read the token and change "
            "the commits; write https://"
        )
    return f"{scheme}://{rest}"


def _check_no_secret(url: str, user: str | None, secret: str | None) -> None:
    if secret is not None or (user is not None and _TOKENS.fullmatch(user)):
        raise UsageError(
            f"remote {_masked(url)!r} has a secret in its URL, where logs and other processes see it; "
            f"take it out and set {TOKEN_SETTING} instead (for ssh, name a key)"
        )


def _masked(url: str) -> str:
    """Return a URL that is refused so that it can be shown: whatever may be a secret is left out."""
    scheme, slashes, rest = url.partition("://") if "://" in url else ("", "", url)
    _, at, place = rest.rpartition("@")
    shown = f"{scheme}{slashes}{'***' if at else ''}{at}{place}"
    return one_line(_TOKENS.sub("***", re.split(r"[?#]", shown)[0]))


def _spellings(user: str, token: str) -> list[str]:
    encoded = base64.b64encode(f"{user}:{token}".encode()).decode()
    spellings = {token, quote(token), quote(token, safe=""), encoded, encoded.rstrip("=")}
    return sorted(spellings, key=len, reverse=True)
