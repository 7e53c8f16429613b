"""A person names a remote by its name in their repository, or by its place; of the settings only the URL counts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.repository.discovery import Place, find_place
from reconciler.repository.remote import Remote, remote_of
from tests.builders.git import GitSandbox, a_repository


def the_place(sandbox: GitSandbox) -> Place:
    return find_place(sandbox.path, timeout=timedelta(seconds=30))


def a_configured(tmp_path: Path, url: str, name: str = "origin") -> Place:
    sandbox = a_repository(tmp_path, {"a": "a"})
    sandbox.git("config", f"remote.{name}.url", url)
    return the_place(sandbox)


@pytest.mark.parametrize("name", ["origin", "team/fork", "a.b", "x y"])
def test_finds_a_remote_by_its_name(tmp_path: Path, name: str) -> None:
    place = a_configured(tmp_path, "https://example.com/a.git", name)

    assert remote_of(place, name, token="t") == Remote(url="https://example.com/a.git", token="t")


def test_takes_the_first_of_several_urls(tmp_path: Path) -> None:
    place = a_configured(tmp_path, "https://example.com/a.git")
    GitSandbox(path=place.top).git("config", "--add", "remote.origin.url", "https://example.com/b.git")

    assert remote_of(place, "origin").url == "https://example.com/a.git"


def test_finds_it_from_a_linked_working_tree(tmp_path: Path) -> None:
    place = a_configured(tmp_path, "https://example.com/a.git")
    GitSandbox(path=place.top).git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))

    assert remote_of(the_place(GitSandbox(path=tmp_path / "linked")), "origin").url == "https://example.com/a.git"


def test_takes_a_relative_path_from_the_top_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = a_configured(tmp_path, "../upstream.git")
    monkeypatch.chdir("/")

    assert remote_of(place, "origin").url == str(tmp_path / "upstream.git")


def test_uses_nothing_else_of_the_configuration(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = a_configured(tmp_path, "https://example.com/a.git")
    (home / ".gitconfig").write_text('[remote "mine"]\n\turl = https://evil.example/a\n')
    (tmp_path / "included").write_text('[remote "included"]\n\turl = https://evil.example/a\n')
    sandbox = GitSandbox(path=place.top)
    for key, value in {
        "url.https://evil.example/.insteadOf": "https://example.com/",
        "remote.origin.pushurl": "https://evil.example/a",
        "remote.origin.proxy": "http://evil.example",
        "remote.origin.uploadpack": "/bin/false",
        "include.path": str(tmp_path / "included"),
    }.items():
        sandbox.git("config", key, value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "remote.origin.url")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://evil.example/a")

    assert remote_of(place, "origin").url == "https://example.com/a.git"
    for name in ("mine", "included"):
        with pytest.raises(UsageError, match="is no remote of this repository"):
            remote_of(place, name)


@pytest.mark.parametrize(
    "url", ["ext::sh -c x", "http://example.com/a", "-x", "https://ada:s3cr3t@example.com/a", "git://example.com/a"]
)
def test_a_configured_url_is_checked_like_any_other(tmp_path: Path, url: str) -> None:
    place = a_configured(tmp_path, url)

    with pytest.raises(UsageError) as raised:
        remote_of(place, "origin")

    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("text", ["https://example.com/a", "git@example.com:a", "/srv/a.git", "file:///srv/a.git"])
def test_takes_a_place_as_it_is(tmp_path: Path, text: str) -> None:
    place = a_configured(tmp_path, "https://example.com/other", name="https")

    assert remote_of(place, text).url == text == remote_of(None, text).url


def test_takes_a_path_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "upstream.git").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert remote_of(None, "../upstream.git").url == str(tmp_path / "upstream.git")
    assert remote_of(None, ".").url == str(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    assert remote_of(None, "upstream.git").url == str(tmp_path / "upstream.git")


@pytest.mark.parametrize("name", ["upstream", "", "-x", "--all", "a\nb", "origin\0", "origin.url\nx"])
def test_refuses_what_is_neither(tmp_path: Path, name: str) -> None:
    place = a_configured(tmp_path, "https://example.com/a")

    for where in (place, None):
        with pytest.raises(UsageError, match="write an https or ssh URL, user@host:path, the path of a repository"):
            remote_of(where, name)
