"""The working tree as git would store it: nothing followed, nothing opened that isn't a regular file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from reconciler.definitions.source import Entry, EntryKind
from reconciler.errors import RepositoryError
from reconciler.repository.git import GitRepository
from reconciler.repository.worktree import read_worktree, worktree_entries
from tests.builders.git import Content, Executable, Submodule, Symlink, a_repository

MIB = 1 << 20
FILES: dict[str, Content] = {
    "rollouts.d/a.yaml": "a",
    "rollouts.d/a/b.yaml": "b",
    "rollouts.d/a-b.yaml": "",
    "rollouts.d/run.yaml": Executable("run"),
    "rollouts.d/link.yaml": Symlink("/etc/passwd"),
    "rollouts.d/folder": Symlink("a"),
    "rollouts.d/new\nline.yaml": "n",
    os.fsdecode(b"rollouts.d/\xff.yaml"): "f",
    "rollouts.d/🚀.yaml": "r",
}


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_lists_a_clean_working_tree_as_git_lists_its_commit(tmp_path: Path, object_format: str) -> None:
    sandbox = a_repository(tmp_path, FILES, object_format=object_format)

    with GitRepository.open(sandbox.path) as repository:
        committed = repository.entries("HEAD", "rollouts.d") or ()
        entries = worktree_entries(sandbox.path, "rollouts.d", object_format=object_format) or ()
        contents = read_worktree(sandbox.path, entries, object_format=object_format)

        assert entries == committed
        assert list(contents) == list(repository.read(committed))


def test_reads_what_is_not_committed(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a", "rollouts.d/b.yaml": "b"})
    sandbox.write({"rollouts.d/a.yaml": "changed", "rollouts.d/c.yaml": "new"})
    (sandbox.path / "rollouts.d/b.yaml").unlink()

    entries = worktree_entries(sandbox.path, "rollouts.d") or ()

    assert [entry.path for entry in entries] == ["rollouts.d/a.yaml", "rollouts.d/c.yaml"]
    assert list(read_worktree(sandbox.path, entries)) == [b"changed", b"new"]


def test_opens_no_fifo_socket_or_submodule(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a"})
    root = sandbox.path / "rollouts.d"
    os.mkfifo(root / "fifo.yaml")
    (root / "vendor/.git").mkdir(parents=True)
    (root / "vendor/x.yaml").touch()
    (root / "empty").mkdir()
    before = Path.cwd()
    os.chdir(root)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("sock.yaml")
            entries = worktree_entries(sandbox.path, "rollouts.d")
    finally:
        os.chdir(before)

    assert entries is not None
    assert [(entry.path, entry.kind) for entry in entries] == [
        ("rollouts.d/a.yaml", EntryKind.FILE),
        ("rollouts.d/fifo.yaml", EntryKind.OTHER),
        ("rollouts.d/sock.yaml", EntryKind.OTHER),
        ("rollouts.d/vendor", EntryKind.SUBMODULE),
    ]


def test_the_top_can_be_the_root(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"a.yaml": "a", "b/c.yaml": "c"})

    entries = worktree_entries(sandbox.path, ".") or ()

    assert [entry.path for entry in entries] == ["a.yaml", "b/c.yaml"]
    assert list(read_worktree(sandbox.path, entries)) == [b"a", b"c"]


@pytest.mark.parametrize("root", ["rollouts.d", "a/none"])
def test_a_missing_root_is_none(tmp_path: Path, root: str) -> None:
    sandbox = a_repository(tmp_path, {"a/b.yaml": "b"})

    assert worktree_entries(sandbox.path, root) is None


@pytest.mark.parametrize("root", ["/etc", "../other", "a/../../b", "a\0b"])
def test_refuses_a_root_outside(tmp_path: Path, root: str) -> None:
    sandbox = a_repository(tmp_path, {"a/b.yaml": "b"})

    with pytest.raises(RepositoryError, match="leads out of the repository"):
        worktree_entries(sandbox.path, root)


@pytest.mark.parametrize(
    ("content", "root", "said"),
    [
        pytest.param("x", "rollouts.d", "a file", id="file"),
        pytest.param(Symlink("real"), "rollouts.d", "a symlink", id="symlink"),
        pytest.param(Symlink("real"), "rollouts.d/team", "a symlink", id="symlink on the way"),
        pytest.param(Submodule(), "rollouts.d", "a submodule", id="submodule"),
    ],
)
def test_refuses_a_root_that_is_no_folder(tmp_path: Path, content: Content, root: str, said: str) -> None:
    sandbox = a_repository(tmp_path, {"real/team/a.yaml": "a"})
    sandbox.write({"rollouts.d": content})
    if isinstance(content, Submodule):
        (sandbox.path / "rollouts.d/.git").write_text("gitdir: ../.git/modules/x\n")

    with pytest.raises(RepositoryError, match=f"is {said} in the working tree, not a folder"):
        worktree_entries(sandbox.path, root)


def test_hands_out_one_byte_more_than_the_limit_of_an_oversize_file(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    sandbox.write({"rollouts.d/a.yaml": b"x" * 3 * MIB, "rollouts.d/b.yaml": b"x" * MIB})

    entries = worktree_entries(sandbox.path, "rollouts.d") or ()

    assert [len(content) for content in read_worktree(sandbox.path, entries)] == [MIB + 1, MIB]


@pytest.mark.parametrize("change", ["content", "gone", "link", "folder", "linked folder", "fifo"])
def test_says_that_a_file_changed_since_it_was_listed(tmp_path: Path, change: str) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/team/a.yaml": "a", "other/a.yaml": "a"})
    entries = worktree_entries(sandbox.path, "rollouts.d") or ()
    file = sandbox.path / "rollouts.d/team/a.yaml"
    file.unlink()
    match change:
        case "content":
            file.write_text("b")
        case "link":
            file.symlink_to("../../other/a.yaml")
        case "folder":
            file.parent.rmdir()
        case "linked folder":
            file.parent.rmdir()
            file.parent.symlink_to("../other")
        case "fifo":
            os.mkfifo(file)
        case _:
            pass

    with pytest.raises(RepositoryError, match=r"changed while it was read|is a symlink in the working tree"):
        list(read_worktree(sandbox.path, entries))


def test_refuses_endless_folders(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"/".join("d" * 150) + "/a.yaml": "a"})

    with pytest.raises(RepositoryError, match="lies more than 100 folders deep; flatten it"):
        worktree_entries(sandbox.path, "d")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_listed_as_such(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a", "rollouts.d/b.yaml": "b"})
    (sandbox.path / "rollouts.d/a.yaml").chmod(0)

    entries = worktree_entries(sandbox.path, "rollouts.d")

    assert entries is not None
    assert [(entry.path, entry.kind) for entry in entries] == [
        ("rollouts.d/a.yaml", EntryKind.UNREADABLE),
        ("rollouts.d/b.yaml", EntryKind.FILE),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("closed", ["rollouts.d/team", "rollouts.d"])
def test_names_what_may_not_be_read(tmp_path: Path, closed: str) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a", "rollouts.d/team/b.yaml": "b"})
    (sandbox.path / closed).chmod(0)

    try:
        with pytest.raises(RepositoryError, match=f"^{closed}: can't be read .*check its permissions"):
            worktree_entries(sandbox.path, "rollouts.d")
    finally:
        (sandbox.path / closed).chmod(0o755)


@pytest.mark.parametrize(
    ("change", "is_dirty"),
    [
        pytest.param({}, False, id="clean"),
        pytest.param({"rollouts.d/a.yaml": "changed"}, True, id="changed"),
        pytest.param({"rollouts.d/new.yaml": "new"}, True, id="untracked"),
        pytest.param({"rollouts.d/a.yaml": Executable("a")}, True, id="mode"),
        pytest.param({"rollouts.d/notes.txt": "no definition"}, False, id="no definition"),
        pytest.param({"elsewhere.yaml": "x"}, False, id="outside the root"),
    ],
)
def test_tells_whether_definitions_are_uncommitted(
    tmp_path: Path, change: dict[str, Content], is_dirty: bool
) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a", "elsewhere.yaml": ""})
    index = (sandbox.path / ".git/index").stat().st_mtime_ns
    sandbox.write(change)

    with GitRepository.open(sandbox.path) as repository:
        assert repository.is_dirty("rollouts.d") is is_dirty
    assert (sandbox.path / ".git/index").stat().st_mtime_ns == index


def test_what_lies_beside_a_branch_without_commits_is_uncommitted(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a"})
    sandbox.git("checkout", "--quiet", "--orphan", "new")

    with GitRepository.open(sandbox.path, branch="main") as repository:
        assert repository.is_dirty("rollouts.d")


def test_a_root_replaced_in_the_working_tree_is_uncommitted(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a"})
    (sandbox.path / "rollouts.d").rename(sandbox.path / "moved")
    (sandbox.path / "rollouts.d").symlink_to("moved")

    with GitRepository.open(sandbox.path) as repository:
        assert repository.is_dirty("rollouts.d")


def test_lists_a_folder_that_is_in_no_repository(tmp_path: Path) -> None:
    (tmp_path / "rollouts.d").mkdir()
    (tmp_path / "rollouts.d/a.yaml").write_text("a")

    assert worktree_entries(tmp_path, "rollouts.d") == (
        Entry(path="rollouts.d/a.yaml", kind=EntryKind.FILE, id="2e65efe2a145dda7ee51d1741299f848e5bf752e"),
    )
