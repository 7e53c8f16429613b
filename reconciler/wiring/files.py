"""The repository of the settings, and what stands below the root in a commit or in the working tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.definitions.source import Entry
from reconciler.domain.plan import RememberedRollback
from reconciler.errors import UsageError
from reconciler.reconcile.observe import Files, recalled
from reconciler.repository.git import GitRepository
from reconciler.repository.worktree import read_worktree, worktree_entries
from reconciler.settings import Settings, normal_root

WORKTREE = "worktree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """Files together with the commit they stand in; `worktree` for what is not committed."""

    revision: str
    files: Files


def open_repository(settings: Settings, *, needs_commit: bool = True) -> GitRepository:
    """Open the repository that contains the settings' folder; what looks at no commit needs none."""
    return GitRepository.open(settings.repository, branch=settings.branch, needs_commit=needs_commit)


def committed(repository: GitRepository, root: str, revision: str | None) -> Checkout:
    """Return the files of a commit, of the tip of the branch for None."""
    commit = repository.tip() if revision is None else repository.resolve(revision)
    entries = repository.entries(commit, root)
    if entries is None:
        raise UsageError(
            f"root {root}: there is no such folder at {commit[:10]}; "
            "write a first definition with `reconciler new`, or name another folder with --root"
        )
    return Checkout(revision=commit, files=Files(root=root, entries=entries, read=repository.read))


def uncommitted(repository: GitRepository, root: str) -> Checkout:
    """Return the files of the working tree; there is none in a bare repository."""
    if repository.is_bare:
        raise UsageError(f"{repository.top} is bare and has no working tree; leave --worktree out")
    entries = _entries(repository, root)
    if entries is None:
        raise UsageError(
            f"root {root}: there is no such folder in the working tree; "
            "write a first definition with `reconciler new`, or name another folder with --root"
        )

    def read(wanted: Sequence[Entry]) -> Iterator[bytes]:
        return read_worktree(repository.top, wanted, object_format=repository.object_format)

    def recall() -> Mapping[str, RememberedRollback] | None:
        return recalled(repository, repository.tip(), root) if repository.has_commits else {}

    return Checkout(revision=WORKTREE, files=Files(root=root, entries=entries, read=read, recall=recall))


def uncommitted_or_none(repository: GitRepository, root: str) -> Files:
    """Return the files of the working tree, none when the folder is not there yet."""
    if _entries(repository, root) is None:
        return Files(root=root, entries=(), read=lambda _wanted: ())
    return uncommitted(repository, root).files


def root_of(settings: Settings) -> str:
    """Return the root as paths of the repository begin with it."""
    return normal_root(settings.root)


def _entries(repository: GitRepository, root: str) -> tuple[Entry, ...] | None:
    return worktree_entries(repository.top, root, object_format=repository.object_format)
