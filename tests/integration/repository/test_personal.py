"""The git of a person: who they are, what their hooks see, where they push, and what a remote says."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import RepositoryError, UnreachableError, UsageError
from reconciler.repository.personal import Person, RemoteState
from tests.builders.git import GitSandbox, a_repository

PATH = "rollouts.d/[web]*/checkout.yaml"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitSandbox:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")
    return a_repository(tmp_path, {PATH: "tier: 2\n", "rollouts.d/w/checkout.yaml": "tier: 0\n"})


@pytest.fixture
def remote(sandbox: GitSandbox, tmp_path: Path) -> GitSandbox:
    bare = sandbox.clone(tmp_path / "remote.git", bare=True)
    sandbox.git("remote", "add", "origin", str(bare.path))
    return bare


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def person(sandbox: GitSandbox, said: list[str]) -> Person:
    return Person(sandbox.path, said.append)


def test_a_path_is_no_pattern(person: Person, sandbox: GitSandbox) -> None:
    sandbox.write({PATH: "tier: 3\n", "rollouts.d/w/checkout.yaml": "tier: 1\n"})

    person.commit(PATH, "Advance")

    assert sandbox.git("log", "-1", "--format=%an %s") == "Ada Advance"
    assert sandbox.git("diff", "--name-only") == "rollouts.d/w/checkout.yaml"


def test_variables_of_another_repository_lead_nowhere(
    person: Person, sandbox: GitSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = a_repository(tmp_path, {PATH: "x"}, name="other")
    sandbox.write({PATH: "tier: 3\n"})
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    before = other.tip()

    person.commit(PATH, "Advance")

    assert other.tip() == before
    assert sandbox.git("log", "-1", "--format=%s") == "Advance"


def test_hooks_see_no_secret_of_ours(person: Person, sandbox: GitSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_GIT_TOKEN", "canary-1")
    monkeypatch.setenv("RECONCILER_DSN", "postgres://u:canary-2@h/d")
    hook = sandbox.path / ".git/hooks/post-commit"
    hook.write_text("#!/bin/sh\nenv > .git/seen\n")
    hook.chmod(0o755)
    sandbox.write({PATH: "tier: 3\n"})

    person.commit(PATH, "Advance")

    seen = (sandbox.path / ".git/seen").read_text()
    assert "GIT_AUTHOR_NAME=Ada" in seen
    assert "canary" not in seen


def test_a_merge_under_way_takes_no_partial_commit(person: Person, sandbox: GitSandbox) -> None:
    (sandbox.path / ".git/MERGE_HEAD").write_text(sandbox.tip() + "\n")
    sandbox.write({PATH: "tier: 3\n"})

    with pytest.raises(RepositoryError, match=r"git did not commit .* \(exit code 128\)"):
        person.commit(PATH, "Advance")


def test_a_message_is_kept_as_it_is(person: Person, sandbox: GitSandbox) -> None:
    sandbox.git("config", "i18n.commitEncoding", "ISO-8859-1")
    tree = sandbox.git("rev-parse", "HEAD^{tree}")

    made = person.commit_tree(tree, sandbox.tip(), "Pause wörk\n\n# not a comment\n")

    assert sandbox.git("cat-file", "commit", made).endswith("\n\nPause wörk\n\n# not a comment")


@pytest.mark.parametrize(
    ("settings", "ref", "remote"),
    [
        pytest.param({}, "refs/heads/main", "origin", id="origin"),
        pytest.param({"branch.main.remote": "fork"}, "refs/heads/main", "fork", id="of the branch"),
        pytest.param({"branch.main.remote": "."}, "refs/heads/main", "origin", id="a branch of a local one"),
        pytest.param(
            {"branch.main.remote": "origin", "remote.pushDefault": "fork"},
            "refs/heads/main",
            "fork",
            id="set for all",
        ),
        pytest.param({}, "refs/remotes/fork/main", "fork", id="of a remote's branch"),
        pytest.param({}, None, "origin", id="of no branch"),
    ],
)
def test_where_a_branch_is_pushed(
    person: Person, sandbox: GitSandbox, settings: dict[str, str], ref: str | None, remote: str
) -> None:
    for name in ("fork", "origin"):
        sandbox.git("remote", "add", name, "/nowhere")
    for key, value in settings.items():
        sandbox.git("config", key, value)

    assert person.remote(ref) == remote


def test_a_single_remote_needs_no_name(person: Person, sandbox: GitSandbox) -> None:
    sandbox.git("remote", "add", "upstream", "/nowhere")

    assert person.remote("refs/heads/main") == "upstream"


def test_a_remote_tells_its_default_branch_and_the_one_asked_for(
    person: Person, sandbox: GitSandbox, remote: GitSandbox
) -> None:
    remote.branch("side/main")

    assert person.look_at("origin", "main") == RemoteState(default="main", tip=sandbox.tip())
    assert person.look_at(str(remote.path), "none") == RemoteState(default="main", tip=None)


@pytest.mark.parametrize("name", ["--upload-pack=touch x", "", "a\nb"])
def test_a_remote_is_no_option(person: Person, name: str) -> None:
    with pytest.raises(UsageError):
        person.look_at(name, "main")


def test_a_remote_runs_nothing(person: Person, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        person.look_at(f"ext::touch {tmp_path}/ran", "main")

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("lines", "offer"),
    [
        (
            ["Create a pull request for 'x' on GitHub by visiting:", "   https://h.test/o/r/pull/new/x"],
            "/o/r/pull/new/x",
        ),
        (
            ["To create a merge request for x, visit:", "  https://h.test/g/p/-/merge_requests/new?a=x"],
            "/g/p/-/merge_",
        ),
        (["Visit https://h.test/o/r/compare/main...x to ask"], "/o/r/compare/main...x"),
        (["2 weaknesses: https://h.test/o/r/security/2"], None),
        ([], None),
    ],
)
def test_a_remote_says_where_to_open_a_pull_request(
    person: Person, said: list[str], sandbox: GitSandbox, remote: GitSandbox, lines: list[str], offer: str | None
) -> None:
    hook = remote.path / "hooks/post-receive"
    hook.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join([*lines, "\x1b[31m" + "x" * 9_000]) + "\nEND\n")
    hook.chmod(0o755)

    found = person.push("origin", sandbox.tip(), "up")

    assert (found or "None").startswith("None" if offer is None else f"https://h.test{offer}")
    assert remote.tip("up") == sandbox.tip()
    assert all(any(line.strip() in each for each in said) for line in lines)
    assert all("\x1b" not in each and len(each) <= 500 for each in said)


def test_their_own_hook_may_stop_a_push(person: Person, sandbox: GitSandbox, remote: GitSandbox) -> None:
    hook = sandbox.path / ".git/hooks/pre-push"
    hook.write_text("#!/bin/sh\necho not on Fridays >&2\nexit 1\n")
    hook.chmod(0o755)

    with pytest.raises(RepositoryError, match=r"origin did not take branch up .* nothing is lost"):
        person.push("origin", sandbox.tip(), "up")

    assert remote.git("branch", "--list", "up") == ""


def test_a_branch_is_created_and_never_moved(person: Person, sandbox: GitSandbox) -> None:
    first = sandbox.tip()
    person.create_branch("refs/heads/up", first)
    second = sandbox.commit({PATH: "tier: 3\n"})

    with pytest.raises(RepositoryError, match="git update-ref failed"):
        person.create_branch("refs/heads/up", second)
    with pytest.raises(RepositoryError, match=r"git update-ref failed: .*refs/heads/up' exists"):
        person.create_branch("refs/heads/up/there", second)

    assert sandbox.tip("up") == first
