"""Where the reconciler works and as whom: values from options and variables, checked before anything is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from reconciler.errors import UsageError

DEFAULT_ROOT = "rollouts.d"
DEFAULT_AUTHOR = "rollout-reconciler <rollout-reconciler@localhost>"
_LONGEST_ACTOR = 256  # bytes
_LONGEST_REASON = 2048  # bytes

_URI = re.compile(r"(?P<head>postgres(?:ql)?://[^:/?#\s@]*):(?P<password>[^\s]*)@")
_AUTHOR = re.compile(r"(?P<name>[^<>]*[^<>\s]) <(?P<address>[^<>\s]+)>")
_WORD = re.compile(
    r"""(?P<head>\b(?:ssl)?password\s*=\s*)(?P<password>'(?:[^'\\]|\\.)*'?|(?:[^\s\\'&]|\\.)+)""", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One call of the product; `dsn` None means its own embedded PostgreSQL, `branch` None the current one.

    `remote` is where rollbacks are written back, None for nowhere; `author` signs these commits.
    """

    root: str = DEFAULT_ROOT
    repository: Path = Path()
    branch: str | None = None
    dsn: str | None = None
    data_folder: Path | None = None
    postgres_bin: Path | None = None
    actor: str = "unknown"
    remote: str | None = None
    author: str = DEFAULT_AUTHOR
    git_token: str | None = field(default=None, repr=False)
    ssh_key: Path | None = None

    def __post_init__(self) -> None:
        _check_root(self.root)
        _check_text("actor", self.actor, _LONGEST_ACTOR)
        author_of(self.author)
        if self.remote is not None and not self.remote.strip():
            raise UsageError("the remote (--remote, RECONCILER_REMOTE) is empty; unset it to write nothing back")
        if self.dsn is not None and not self.dsn.strip():
            raise UsageError(
                "the connection string (--dsn, RECONCILER_DSN) is empty; unset it to use the embedded PostgreSQL"
            )
        if self.branch is not None and not self.branch.strip():
            raise UsageError("the branch (--branch, RECONCILER_BRANCH) is empty; unset it to use the current one")


def author_of(author: str) -> tuple[str, str]:
    """Return name and address of an author, written as git does."""
    found = _AUTHOR.fullmatch(author)
    if found is None or not author.isprintable():
        raise UsageError(
            f"author {author!r} is no name with an address; write it as 'Rollouts <rollouts@example.org>'"
        )
    return found["name"], found["address"]


def check_reason(reason: str | None) -> str | None:
    """Return a person's reason, or raise when it says nothing or more than the database keeps."""
    if reason is not None:
        _check_text("reason", reason, _LONGEST_REASON)
    return reason


def normal_root(root: str) -> str:
    """Return a root without `./`, doubled or closing slashes."""
    return "/".join(part for part in root.split("/") if part not in {"", "."}) if not root.startswith("/") else root


def without_login(remote: str | None) -> str | None:
    """Return the name or URL of a remote without a user and a secret in it."""
    return None if remote is None else re.sub(r"(?<=//)[^/]*@", "***@", remote)


def without_password(text: str, dsn: str | None = None) -> str:
    """Return text with every password in it, and every piece of the password of `dsn`, replaced by `***`."""
    for secret in _secrets(dsn or ""):
        text = text.replace(secret, "***")
    text = _URI.sub(lambda match: f"{match['head']}:***@", text)
    return _WORD.sub(lambda match: f"{match['head']}***", text)


def _secrets(dsn: str) -> list[str]:
    # A password with a raw `@` in it is cut there by libpq, and the rest is taken, and told, for a host.
    found = [match["password"] for pattern in (_URI, _WORD) for match in pattern.finditer(dsn)]
    pieces = {piece for secret in found for piece in (secret, *secret.split("@")[1:])}
    known = pieces | {unquote(piece) for piece in pieces} | {_unquoted(piece) for piece in pieces}
    return sorted((secret for secret in known if len(secret) > 2), key=len, reverse=True)


def _unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word[1:-1] if word.startswith("'") else word)


def _check_root(root: str) -> None:
    parts = root.split("/")
    if not root.strip() or root.startswith("/") or "\\" in root or ".." in parts or not root.isprintable():
        raise UsageError(
            f"root {root!r} is no folder inside the repository; "
            f"write a path relative to its top without `..`, such as {DEFAULT_ROOT}"
        )
    if not normal_root(root):
        raise UsageError(f"root {root!r} is the whole repository; name a folder in it, such as {DEFAULT_ROOT}")


def _check_text(name: str, text: str, limit: int) -> None:
    if not text.strip():
        raise UsageError(f"the {name} is empty; say it in a few words")
    if not text.isprintable():
        raise UsageError(f"the {name} has line breaks or control characters; write it on one line")
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limit:
        raise UsageError(f"the {name} has {size} bytes, the limit is {limit}; shorten it")
