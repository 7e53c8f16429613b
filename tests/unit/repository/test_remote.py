"""Which places are remotes; what is refused is refused with a remedy and without the secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.repository.remote import Remote

SECRET = "s3cr3t-canary"


@pytest.mark.parametrize(
    ("url", "protocol", "scope", "user"),
    [
        ("https://example.com/a/b.git", "https", "https://example.com", "x-access-token"),
        ("https://ada@example.com:8443/a.git", "https", "https://example.com:8443", "ada"),
        ("https://ada%40b.de@example.com/a", "https", "https://example.com", "ada@b.de"),
        (
            "https://example.com/@scope/a~b/c d".replace(" ", "%20"),
            "https",
            "https://example.com",
            "x-access-token",
        ),
        ("https://[2001:db8::1]:8443/a", "https", "https://[2001:db8::1]:8443", "x-access-token"),
        ("http://127.0.0.1:3000/a.git", "http", "http://127.0.0.1:3000", "x-access-token"),
        ("http://localhost/a.git", "http", "http://localhost", "x-access-token"),
        ("http://[::1]:3000/a.git", "http", "http://[::1]:3000", "x-access-token"),
    ],
)
def test_takes_urls_of_the_web(url: str, protocol: str, scope: str, user: str) -> None:
    remote = Remote(url=url)

    assert (remote.shown, remote.protocol, remote.scope, remote.user) == (url, protocol, scope, user)


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("ssh://git@example.com/a.git", "ssh"),
        ("ssh://example.com:2222/~ada/a.git", "ssh"),
        ("git@example.com:a/b.git", "ssh"),
        ("example.com:a", "ssh"),
        ("git@[::1]:a", "ssh"),
        ("/srv/git/a.git", "file"),
        ("/srv/git/a:b@c?d#e f.git", "file"),
        ("/srv/ext::x", "file"),
        ("file:///srv/git/a.git", "file"),
    ],
)
def test_takes_ssh_and_paths(url: str, protocol: str) -> None:
    assert (Remote(url=url).shown, Remote(url=url).protocol) == (url, protocol)


def test_a_scheme_is_written_small() -> None:
    assert Remote(url="HTTPS://example.com/a").url == "https://example.com/a"
    assert Remote(url="File:///a").url == "file:///a"


@pytest.mark.parametrize(
    "url",
    [
        f"https://ada:{SECRET}@example.com/a.git",
        f"https://:{SECRET}@example.com/a.git",
        "https://ada:@example.com/a.git",
        f"ssh://git:{SECRET}@example.com/a.git",
        "https://ghp_abcdefghijklmnopqrstuvwxyz0123456789@example.com/a.git",
        "https://github_pat_11ABCDEFG0abcdefghij@example.com/a",
        "https://glpat-abcdefghijklmnopqrst@gitlab.example/a.git",
        "https://0123456789abcdef0123456789abcdef01234567@example.com/a",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789@example.com:a",
    ],
)
def test_a_secret_in_the_url_is_refused_unseen(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        Remote(url=url)

    said = str(raised.value)
    assert "***@" in said
    assert "take it out and set RECONCILER_GIT_TOKEN instead" in said
    assert not any(secret in said for secret in (SECRET, "ghp_", "github_pat", "glpat", "0123456789", "ada"))


@pytest.mark.parametrize(
    "url",
    [
        f"https://example.com/a?token={SECRET}",
        f"https://example.com/a#{SECRET}",
        f"https://ada:{SECRET}/x@example.com/a",
        f"https://ada:12/{SECRET}@example.com/a",
        f"https://ada:{SECRET}@x@example.com/a",
        f"https://ada:x@{SECRET}@example.com/a",
        f"http://ada:{SECRET}@example.com/a",
        f"ext::https://ada:{SECRET}@example.com/a",
        f"ftp://ada:{SECRET}@example.com/a",
        f"https://ada:{SECRET}@example.com/a\n",
        f"ada:{SECRET}@example.com:a",
        f"-https://ada:{SECRET}@example.com/a",
        f"https://a:{SECRET}@b://c@d/e",
    ],
)
def test_whatever_is_refused_shows_no_secret(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        Remote(url=url)

    assert SECRET not in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/a.git", "is not encrypted"),
        ("http://127.0.0.1.example.com/a.git", "is not encrypted"),
        ("http://127.0.0.2/a.git", "is not encrypted"),
        ("http://localhost@example.com/a.git", "is not encrypted"),
        ("git://example.com/a.git", "git:// is not allowed"),
        ("ftp://example.com/a.git", "ftp:// is not allowed"),
        ("git+ssh://example.com/a.git", r"git\+ssh:// is not allowed"),
        ("rsync://example.com/a", "rsync:// is not allowed"),
        ("ext::sh -c touch% /tmp/x", "names a transport helper, which may run anything"),
        ("fd::7", "names a transport helper"),
        ("::x", "names a transport helper"),
        ("https::https://example.com/a", "names a transport helper"),
        ("--upload-pack=touch x", "begins with a dash"),
        ("-x", "begins with a dash"),
        ("ssh://-oProxyCommand=x/a", "is no plain ssh URL"),
        ("ssh://-x@example.com/a", "is no plain ssh URL"),
        ("-x@example.com:a", "begins with a dash"),
        ("example.com:-x", "is nothing that can be fetched from"),
        ("https://-example.com/a", "is no plain https URL"),
        ("https://ada%0apassword=x@example.com/a", "is no plain https URL"),
        ("https://example.com", "is no plain https URL"),
        ("https://example.com/", "is no plain https URL"),
        ("https:///a", "is no plain https URL"),
        ("https://exam ple.com/a", "is no plain https URL"),
        ("https://example.com/a b", "is no plain https URL"),
        ("https://example.com:x/a", "is no plain https URL"),
        ("file://host/a", "is no full path"),
        ("file://a", "is no full path"),
        ("relative/path", "is nothing that can be fetched from"),
        ("", "the remote is empty"),
        (" ", "the remote is empty"),
        (" /a", "has control characters, or spaces at its ends"),
        ("/a\nb", "has control characters"),
        ("https://example.com/a\x1b[31m", "has control characters"),
        ("/a\0", "has control characters"),
        ("/a\u202eb", "has control characters"),
    ],
)
def test_refuses_what_is_no_remote(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Remote(url=url)


def test_nothing_shows_the_token() -> None:
    remote = Remote(url="https://ada@example.com/a", token=SECRET, ssh_key=Path("/key"))

    assert repr(remote) == "Remote(url='https://ada@example.com/a', ssh_key=PosixPath('/key'))"
    assert (str(remote), f"{remote}", remote.shown) == ("https://ada@example.com/a",) * 3


@pytest.mark.parametrize("token", ["", " ", f"{SECRET}\n", f" {SECRET}", f"{SECRET}\nusername=x", f"a\0{SECRET}"])
def test_a_token_is_one_line(token: str) -> None:
    with pytest.raises(UsageError, match="the token of the remote") as raised:
        Remote(url="/a", token=token)

    assert SECRET not in str(raised.value)


def test_takes_the_token_out_of_any_text() -> None:
    remote = Remote(url="https://ada@example.com/a", token="a/b+c=")

    said = "a/b+c= and a%2Fb%2Bc%3D and a/b%2Bc%3D and YWRhOmEvYitjPQ== and YWRhOmEvYitjPQ"

    assert remote.without_secrets(said) == "*** and *** and *** and *** and ***"
    assert Remote(url="/a").without_secrets("text") == "text"
