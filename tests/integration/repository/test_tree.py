"""The files of a revision: what is listed, what is read, and what stops the reading."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.definitions.source import Entry, EntryKind
from reconciler.errors import RepositoryError
from reconciler.repository.git import GitRepository
from tests.builders.git import Executable, GitSandbox, Submodule, Symlink, a_repository

MIB = 1 << 20


def listed(sandbox: GitSandbox, root: str = "rollouts.d") -> tuple[Entry, ...] | None:
    with GitRepository.open(sandbox.path) as repository:
        return repository.entries("HEAD", root)


def contents(sandbox: GitSandbox, root: str = "rollouts.d") -> dict[str, bytes]:
    with GitRepository.open(sandbox.path) as repository:
        entries = repository.entries("HEAD", root) or ()
        return {entry.path: content for entry, content in zip(entries, repository.read(entries), strict=True)}


def test_lists_every_kind_of_entry_by_its_full_path(tmp_path: Path) -> None:
    submodule = "1" * 40
    sandbox = a_repository(
        tmp_path,
        {
            "README.md": "outside",
            "rollouts.d.yaml": "beside",
            "rollouts.d/a.yaml": "a",
            "rollouts.d/run.yaml": Executable("run"),
            "rollouts.d/link.yaml": Symlink("../README.md"),
            "rollouts.d/folder": Symlink("team"),
            "rollouts.d/team/b.yaml": "b",
            "rollouts.d/vendor": Submodule(submodule),
        },
    )

    def entry(path: str, kind: EntryKind) -> Entry:
        return Entry(path=path, kind=kind, id=sandbox.git("rev-parse", f"HEAD:{path}"))

    assert listed(sandbox) == (
        entry("rollouts.d/a.yaml", EntryKind.FILE),
        entry("rollouts.d/folder", EntryKind.SYMLINK),
        entry("rollouts.d/link.yaml", EntryKind.SYMLINK),
        entry("rollouts.d/run.yaml", EntryKind.EXECUTABLE),
        entry("rollouts.d/team/b.yaml", EntryKind.FILE),
        Entry(path="rollouts.d/vendor", kind=EntryKind.SUBMODULE, id=submodule),
    )


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("rollouts.d/new\nline\t\x1b.yaml", id="control characters"),
        pytest.param(os.fsdecode(b"rollouts.d/\xff\xfe.yaml"), id="not UTF-8"),
        pytest.param("rollouts.d/prüfung 🚀.yaml", id="not ASCII"),
        pytest.param('rollouts.d/"quoted".yaml', id="quotes"),
        pytest.param("rollouts.d/--option.yaml", id="like an option"),
        pytest.param("rollouts.d/:(top)*.yaml", id="like a pathspec"),
    ],
)
def test_keeps_any_path_that_git_keeps(tmp_path: Path, path: str) -> None:
    sandbox = a_repository(tmp_path, {path: "content"})

    assert contents(sandbox) == {path: b"content"}


@pytest.mark.parametrize("root", ["*", ":(top)", "--all", "-r", "a b", "r[ab]", "~", "\\"])
def test_takes_the_root_literally(tmp_path: Path, root: str) -> None:
    sandbox = a_repository(tmp_path, {f"{root}/a.yaml": "a", "rab/b.yaml": "b", "ra/c.yaml": "c"})

    assert contents(sandbox, root) == {f"{root}/a.yaml": b"a"}


@pytest.mark.parametrize("root", ["deep/er", "deep/er/", "./deep//er"])
def test_finds_a_root_in_a_folder(tmp_path: Path, root: str) -> None:
    sandbox = a_repository(tmp_path, {"deep/er/a.yaml": "a", "deep/b.yaml": "b"})

    assert contents(sandbox, root) == {"deep/er/a.yaml": b"a"}


@pytest.mark.parametrize("root", [".", ""])
def test_the_top_can_be_the_root(tmp_path: Path, root: str) -> None:
    sandbox = a_repository(tmp_path, {"a.yaml": "a", "b/c.yaml": "c"})

    assert contents(sandbox, root) == {"a.yaml": b"a", "b/c.yaml": b"c"}


@pytest.mark.parametrize("root", ["rollouts", "rollouts.d/none", "Rollouts.d", "rollouts.d/a.yaml/b"])
def test_a_missing_root_is_none(tmp_path: Path, root: str) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a"})

    assert listed(sandbox, root) is None


def test_an_empty_folder_is_no_missing_one(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    empty = sandbox.git("mktree")
    tree = sandbox.git("mktree", stdin=f"040000 tree {empty}\trollouts.d\n")
    sandbox.reset(sandbox.git("commit-tree", "-m", "empty", tree))

    assert listed(sandbox) == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("a file", "is a file at", id="file"),
        pytest.param(Symlink("elsewhere"), "is a symlink at", id="symlink"),
        pytest.param(Submodule(), "is a submodule at", id="submodule"),
    ],
)
def test_refuses_a_root_that_is_no_folder(tmp_path: Path, content: str | Symlink | Submodule, said: str) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d": content, "elsewhere/a.yaml": "a"})

    with pytest.raises(RepositoryError, match=f"root 'rollouts.d' {said} .*put the definitions into a real folder"):
        listed(sandbox)


def test_reads_the_revision_and_not_the_working_tree_or_index(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "committed", "rollouts.d/b.yaml": "kept"})
    sandbox.write({"rollouts.d/a.yaml": "staged", "rollouts.d/c.yaml": "staged"})
    sandbox.git("add", ".")
    sandbox.write({"rollouts.d/a.yaml": "dirty"})
    (sandbox.path / "rollouts.d/b.yaml").unlink()
    (sandbox.path / ".git/index.lock").touch()

    assert contents(sandbox) == {"rollouts.d/a.yaml": b"committed", "rollouts.d/b.yaml": b"kept"}


def test_reads_bytes_as_they_are(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        ".gitattributes": "*.yaml text eol=crlf ident working-tree-encoding=UTF-16\n",
        "rollouts.d/a.yaml": b"\xff\x00\r\n$Id$\n\n",
        "rollouts.d/b.yaml": b"",
        "rollouts.d/c.yaml": b"no newline",
    }
    sandbox = a_repository(tmp_path, {path: files[path] for path in files if path != ".gitattributes"})
    sandbox.commit({".gitattributes": files[".gitattributes"]})

    assert list(contents(sandbox).values()) == [files[path] for path in sorted(files) if path != ".gitattributes"]


def test_reads_a_link_as_its_text(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/passwd.yaml": Symlink("/etc/passwd")})

    assert contents(sandbox) == {"rollouts.d/passwd.yaml": b"/etc/passwd"}


@pytest.mark.parametrize(
    ("size", "handed_out"),
    [
        pytest.param(MIB, MIB, id="1 MiB"),
        pytest.param(MIB + 1, MIB + 1, id="one byte more"),
        pytest.param(3 * MIB, MIB + 1, id="3 MiB"),
    ],
)
def test_hands_out_one_byte_more_than_the_limit_of_an_oversize_file(
    tmp_path: Path, size: int, handed_out: int
) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": b"x" * size, "rollouts.d/b.yaml": "after"})

    assert [len(content) for content in contents(sandbox).values()] == [handed_out, 5]


def test_reads_many_files_in_the_order_asked_for(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {f"rollouts.d/{n:03}.yaml": f"{n}\n" * n for n in range(300)})

    with GitRepository.open(sandbox.path) as repository:
        entries = (repository.entries("HEAD", "rollouts.d") or ())[::-1]

        assert list(repository.read(entries)) == [(f"{n}\n" * n).encode() for n in reversed(range(300))]


def test_a_reader_may_stop_half_way(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {f"rollouts.d/{n}.yaml": "x" * 200_000 for n in range(20)})

    with GitRepository.open(sandbox.path) as repository:
        reading = repository.read(repository.entries("HEAD", "rollouts.d") or ())
        next(reading)

    with pytest.raises(RepositoryError, match=r"ends too early|can't be read"):
        list(reading)


def test_nothing_asked_is_nothing_read(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})

    with GitRepository.open(sandbox.path) as repository:
        assert list(repository.read(())) == []


def loose_object(sandbox: GitSandbox, path: str) -> Path:
    id_ = sandbox.git("rev-parse", f"HEAD:{path}")
    return sandbox.path / ".git/objects" / id_[:2] / id_[2:]


def test_names_the_file_whose_object_is_missing(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a", "rollouts.d/b.yaml": "b"})
    loose_object(sandbox, "rollouts.d/b.yaml").unlink()

    with pytest.raises(RepositoryError, match=r"^rollouts\.d/b\.yaml: its object \w{12} is missing; fetch it"):
        contents(sandbox)


def test_names_the_file_whose_object_is_corrupt(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a", "rollouts.d/b.yaml": "b"})
    corrupt = loose_object(sandbox, "rollouts.d/b.yaml")
    corrupt.chmod(0o644)
    corrupt.write_bytes(b"garbage")

    with pytest.raises(RepositoryError, match=r"^rollouts\.d/b\.yaml: its object \w{12} can't be read.*git fsck"):
        contents(sandbox)


def test_says_that_a_pack_is_corrupt(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {f"rollouts.d/{n}.yaml": os.urandom(3000) for n in range(20)})
    sandbox.git("repack", "-a", "-d", "--quiet")
    [pack] = (sandbox.path / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    whole = pack.read_bytes()
    pack.write_bytes(whole[:5000] + bytes(50_000) + whole[55_000:])

    with pytest.raises(RepositoryError):
        contents(sandbox)


def test_a_submodule_has_no_content(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/vendor.yaml": Submodule()})

    with pytest.raises(RepositoryError, match=r"^rollouts\.d/vendor\.yaml: its object 111111111111 is missing"):
        contents(sandbox)


def test_refuses_a_revision_that_is_gone(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})

    with GitRepository.open(sandbox.path) as repository, pytest.raises(RepositoryError, match="not a tree object"):
        repository.entries("1" * 40, "rollouts.d")


def test_refuses_a_commit_of_a_few_kilobytes_that_names_millions_of_files(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {"rollouts.d/a.yaml": "a"})
    kind, tree = "blob", sandbox.git("rev-parse", "HEAD:rollouts.d/a.yaml")
    for _ in range(6):
        mode = "100644" if kind == "blob" else "040000"
        lines = "".join(f"{mode} {kind} {tree}\t{number}.yaml\n" for number in range(10))
        kind, tree = "tree", sandbox.git("mktree", stdin=lines)
    top = sandbox.git("mktree", stdin=f"040000 tree {tree}\trollouts.d\n")
    bomb = sandbox.git("commit-tree", "-m", "bomb", top)

    with (
        GitRepository.open(sandbox.path) as repository,
        pytest.raises(RepositoryError, match=r"git ls-tree answers with more than 16 MiB; .*--root"),
    ):
        repository.entries(bomb, "rollouts.d")
