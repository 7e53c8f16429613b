"""Commits made of objects: everything else stays as it is, and the same arguments make the same id everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from reconciler.domain.commit import Signature
from reconciler.errors import RepositoryError, UsageError
from tests.builders.git import Content, Executable, Submodule, Symlink
from tests.builders.remotes import BOT, MAIN, an_upstream

TREE: dict[str, Content] = {
    "README": "read me\n",
    "rollouts.d/a.yaml": "tier: 1\n",
    "rollouts.d/team/b.yaml": Executable("tier: 2\n"),
    "rollouts.d/team/link.yaml": Symlink("b.yaml"),
    "rollouts.d/vendor": Submodule(),
    "rollouts.d/0\ta.yaml": "ends like another\n",
    'rollouts.d/new\nline\t"q".yaml': "n",
    os.fsdecode(b"rollouts.d/\xff.yaml"): "f",
    ".gitattributes": "* text eol=crlf filter=evil\n",
}
MESSAGE = "Roll back a: tier 1 -> 0\n\n12 of 100 customers: ½ 🚀\n\nRollback-Id: 1\n"


def test_changes_the_file_and_nothing_else(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path, TREE)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        commit = clone.commit(tip, {"rollouts.d/a.yaml": b"tier: 0\r\n\0\xff"}, MESSAGE, BOT)
        clone.push(commit, MAIN)

    changed = upstream.bare.git("diff-tree", "-r", "--no-renames", tip, commit).split()
    assert changed[0:2] == [":100644", "100644"]
    assert changed[4:] == ["M", "rollouts.d/a.yaml"]
    content = subprocess.check_output(
        ["git", "-C", upstream.bare.path, "cat-file", "blob", f"{commit}:rollouts.d/a.yaml"]
    )
    assert content == b"tier: 0\r\n\0\xff"


def test_says_who_when_and_why(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    at = datetime(2026, 11, 22, 5, 31, 7, 999_999, tzinfo=timezone(timedelta(hours=2)))

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        commit = clone.commit(tip, {"a": b"a"}, MESSAGE, replace(BOT, at=at))
        clone.push(commit, MAIN)

    head, _, message = upstream.bare.git("cat-file", "commit", commit).partition("\n\n")
    assert head.split("\n")[1:] == [
        f"parent {tip}",
        "author Reconciler <bot@example.com> 1795318267 +0000",
        "committer Reconciler <bot@example.com> 1795318267 +0000",
    ]
    assert message + "\n" == MESSAGE


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        pytest.param("rollouts.d/team/b.yaml", "100755", id="an executable file"),
        pytest.param("rollouts.d/a.yaml", "100644", id="a file"),
        pytest.param("rollouts.d/new.yaml", "100644", id="a new file"),
        pytest.param("new/deep/er.yaml", "100644", id="a new file in new folders"),
        pytest.param('rollouts.d/new\nline\t"q".yaml', "100644", id="a name of odd signs"),
        pytest.param(os.fsdecode(b"rollouts.d/\xff.yaml"), "100644", id="a name in no encoding"),
        pytest.param("-x", "100644", id="a name that looks like an option"),
    ],
)
def test_keeps_the_mode(tmp_path: Path, path: str, mode: str) -> None:
    upstream = an_upstream(tmp_path, TREE)

    with upstream.opened(tmp_path / "clone") as clone:
        commit = clone.commit(clone.fetch(), {path: b"x"}, "m", BOT)
        clone.push(commit, MAIN)

    listed = upstream.bare.git("ls-tree", "-r", "-z", commit).split("\0")
    assert [record.split()[0] for record in listed if record.partition("\t")[2] == path] == [mode]
    assert len(listed) == len({*TREE, path}) + 1
    upstream.bare.git("fsck", "--strict")


def test_commits_several_files_and_one_on_another(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path, TREE)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        files = {
            "rollouts.d/a.yaml": b"1",
            "rollouts.d/team/b.yaml": b"2",
            "README": b"3",
            "rollouts.d/team/c": b"4",
        }
        first = clone.commit(tip, files, "first", BOT)
        second = clone.commit(first, {"rollouts.d/a.yaml": b"5"}, "second", BOT)
        assert clone.push(second, MAIN).is_accepted
        assert clone.fetch() == second
        assert clone.not_contained(second, [tip, first]) == frozenset()

    named = upstream.bare.git("diff-tree", "-r", "--name-only", tip, first).split()
    assert named == ["README", "rollouts.d/a.yaml", "rollouts.d/team/b.yaml", "rollouts.d/team/c"]
    assert upstream.bare.git("diff-tree", "-r", "--name-only", first, second) == "rollouts.d/a.yaml"


def test_the_tree_is_that_which_git_itself_would_write(tmp_path: Path) -> None:
    # Git orders folders as if their names ended in a slash.
    files: dict[str, Content] = {"r/a.yaml": "1", "r/a/b.yaml": "2", "r/a-b.yaml": "3", "r/a0.yaml": "4"}
    upstream = an_upstream(tmp_path, files)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        commit = clone.commit(tip, {"r/a/b.yaml": b"5", "r/a.b": b"6", "r/b/c": b"7"}, "m", BOT)
        clone.push(commit, MAIN)
    upstream.person.commit({"r/a/b.yaml": "5", "r/a.b": "6", "r/b/c": "7"})

    assert upstream.bare.tip(f"{commit}^0") == commit
    assert upstream.bare.git("rev-parse", f"{commit}^{{tree}}") == upstream.person.git("rev-parse", "HEAD^{tree}")


def test_a_commit_of_nothing_has_the_tree_of_its_parent(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        commit = clone.commit(clone.fetch(), {}, "nothing", BOT)
        clone.push(commit, MAIN)

    assert upstream.bare.git("diff-tree", f"{commit}^", commit) == ""


HOSTILE = """
[user]
    name = Somebody Else
    signingKey = x
[commit]
    gpgSign = true
[gpg]
    program = {evil}
[core]
    hooksPath = {hooks}
    autocrlf = true
[i18n]
    commitEncoding = latin1
[url "ext::{evil} "]
    insteadOf = /
"""
COMMIT = """
import sys, pathlib, datetime
from reconciler.domain.commit import Signature
from reconciler.repository.clone import opened_clone
from reconciler.repository.remote import Remote
at = datetime.datetime(2026, 11, 22, 3, 31, 7, 500, tzinfo=datetime.UTC)
with opened_clone(pathlib.Path(sys.argv[1]), Remote(url=sys.argv[2]), "main") as clone:
    tip = clone.fetch()
    author = Signature(name="Ré Conciler", email="bot@example.com", at=at)
    files = {"rollouts.d/a.yaml": b"tier: 0\\n", "b": b"x"}
    print(clone.commit(tip, files, "R\\u00f6ll back \\n\\nwhy: \\u00bd\\n", author))
"""


def test_two_machines_make_the_same_commit(tmp_path: Path, home: Path) -> None:
    upstream = an_upstream(tmp_path, TREE)
    canary = tmp_path / "canary"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {canary}\n")
    evil.chmod(0o755)
    configuration = HOSTILE.format(evil=evil, hooks=tmp_path)
    (home / ".gitconfig").write_text(configuration)
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/config").write_text(configuration)
    machines = [
        {"TZ": "UTC", "LC_ALL": "C", "umask": "022"},
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8", "umask": "000"},
        {"TZ": "America/St_Johns", "GIT_AUTHOR_NAME": "X", "GIT_COMMITTER_DATE": "1 +0100", "umask": "077"},
        {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere", "GIT_CONFIG_PARAMETERS": "'commit.gpgSign'='true'"},
    ]

    made = set()
    for number, variables in enumerate(machines):
        umask = int(variables.pop("umask", "022"), 8)
        done = subprocess.run(
            [sys.executable, "-c", COMMIT, tmp_path / f"clone{number}", upstream.bare.path],
            env={**os.environ, **variables},
            umask=umask,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        made.add(done.stdout)

    assert len(made) == 1
    assert not canary.exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        pytest.param(
            "rollouts.d/team/link.yaml", "is no plain file, so nothing is committed there", id="a symlink"
        ),
        pytest.param("rollouts.d/vendor", "is no plain file, so nothing is committed there", id="a submodule"),
        pytest.param("rollouts.d/team", "is no plain file, so nothing is committed there", id="a folder"),
        pytest.param("rollouts.d/a.yaml/b", "is no folder, so nothing is committed there", id="below a file"),
        pytest.param("rollouts.d/vendor/x", "is no folder, so nothing is committed there", id="in a submodule"),
        pytest.param("../x", "leads out of the repository", id="outside"),
        pytest.param("/etc/passwd", "leads out of the repository", id="absolute"),
        pytest.param("a/.git/config", "can't be the path of a file", id=".git"),
        pytest.param("a/.GIT/hooks/x", "can't be the path of a file", id=".GIT"),
        pytest.param("a//b", "can't be the path of a file", id="doubled slash"),
        pytest.param("./a", "can't be the path of a file", id="dot"),
        pytest.param("", "can't be the path of a file", id="empty"),
        pytest.param("a\0b", "leads out of the repository", id="NUL"),
    ],
)
def test_writes_only_where_a_plain_file_may_lie(tmp_path: Path, path: str, said: str) -> None:
    upstream = an_upstream(tmp_path, TREE)

    with upstream.opened(tmp_path / "clone") as clone, pytest.raises(RepositoryError, match=said):
        clone.commit(clone.fetch(), {path: b"x"}, "m", BOT)


def test_a_path_is_no_file_and_folder_at_once(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone, pytest.raises(RepositoryError, match="a file and a folder"):
        clone.commit(clone.fetch(), {"a": b"x", "a/b": b"y"}, "m", BOT)


@pytest.mark.parametrize(
    "author",
    [
        pytest.param(replace(BOT, name=""), id="no name"),
        pytest.param(replace(BOT, name=" .,<>"), id="a name of which git keeps nothing"),
        pytest.param(replace(BOT, name="x\nauthor y"), id="a line break"),
        pytest.param(replace(BOT, name="x <a@b> 1 +0000"), id="brackets"),
        pytest.param(replace(BOT, email="a>b"), id="bracket in the email"),
        pytest.param(replace(BOT, email="a\0b"), id="NUL"),
        pytest.param(replace(BOT, name="\udcff"), id="half a sign"),
    ],
)
def test_an_author_is_a_plain_name(tmp_path: Path, author: Signature) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        with pytest.raises(UsageError, match=r"of the author, .* can't stand in a commit"):
            clone.commit(tip, {"a": b"x"}, "m", author)


@pytest.mark.parametrize("message", ["", " \n", "a\0b", "\udcff"])
def test_a_message_says_something(tmp_path: Path, message: str) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        with pytest.raises(UsageError, match="the message of the commit is empty, or has signs"):
            clone.commit(tip, {"a": b"x"}, message, BOT)


@pytest.mark.parametrize(
    "at", [datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)]
)
def test_any_time_is_kept(tmp_path: Path, at: datetime) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        commit = clone.commit(clone.fetch(), {"a": b"x"}, "m", replace(BOT, at=at))

        assert clone.repository.describe(commit).committed_at == at


def test_needs_a_parent_that_is_there(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)

    with upstream.opened(tmp_path / "clone") as clone:
        clone.fetch()
        with pytest.raises(RepositoryError):
            clone.commit("1" * 40, {"a": b"x"}, "m", BOT)
        for parent in ("HEAD", "main", "-x", "--help", "1" * 39):
            with pytest.raises(UsageError, match="is no full commit id"):
                clone.commit(parent, {"a": b"x"}, "m", BOT)
