"""A repository as the loop sees it: revisions, their files and their place in history; it only reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from reconciler.definitions.source import Entry
from reconciler.domain.lineage import Lineage
from reconciler.domain.plan import RememberedRollback
from reconciler.domain.record import Telling
from reconciler.domain.revision import Relation
from reconciler.errors import RepositoryError
from reconciler.repository import history, past, revisions
from reconciler.repository.discovery import Place, find_place
from reconciler.repository.history import CommitFacts
from reconciler.repository.plumbing import DEFAULT_TIMEOUT, Plumbing
from reconciler.repository.text import one_line
from reconciler.repository.tree import read_blobs, tree_entries
from reconciler.repository.worktree import worktree_entries

_DEFINITIONS = (".yaml", ".yml")


class GitRepository:
    """Reads one repository; its working tree, index, references and configuration are never written."""

    def __init__(self, place: Place, git: Plumbing, branch: str | None) -> None:
        self._place = place
        self._git = git
        self._branch = branch

    @classmethod
    def open(
        cls,
        start: Path,
        *,
        branch: str | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        needs_commit: bool = True,
    ) -> GitRepository:
        """Open the repository that contains `start`; `branch` is a local one, a remote-tracking one or a full ref.

        `timeout` is how long each run of git may keep us waiting; a repository that begins has no commit yet.
        """
        place = find_place(start, timeout=timeout)
        git = Plumbing(place.top, git_dir=place.git_dir, timeout=timeout)
        found = revisions.current_branch(git) if branch is None else revisions.find_branch(git, branch)
        repository = cls(place, git, found)
        if needs_commit:
            repository.tip()
        return repository

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop whatever git still does for an unfinished `read`."""
        self._git.close()

    @property
    def top(self) -> Path:
        """The top of the working tree; of a bare repository, its own folder."""
        return self._place.top

    @property
    def is_bare(self) -> bool:
        """Whether there is no working tree."""
        return self._place.is_bare

    @property
    def branch(self) -> str | None:
        """The full name of the branch, `refs/heads/main`; None when HEAD is detached and itself the tip."""
        return self._branch

    @property
    def object_format(self) -> str:
        """The hash of object ids: `sha1` or `sha256`."""
        return self._place.object_format

    @property
    def has_commits(self) -> bool:
        """Whether the branch has a commit yet."""
        return revisions.commit_at(self._git, self._branch or "HEAD") is not None

    def tip(self) -> str:
        """Return the full id of the branch's commit as it is now."""
        commit = revisions.commit_at(self._git, self._branch or "HEAD")
        if commit is None:
            raise RepositoryError(
                f"{one_line(self._branch or 'HEAD')} has no commit yet in {one_line(self.top)}; "
                "commit the definitions first or name another branch"
            )
        return commit

    def resolve(self, revision: str) -> str:
        """Return the full commit id of a revision in any of git's spellings."""
        return revisions.resolve(self._git, revision)

    def entries(self, revision: str, root: str) -> tuple[Entry, ...] | None:
        """Return every file below `root` at this revision, by full path; None when there is no such folder."""
        return tree_entries(self._git, self._commit(revision), root)

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Yield the contents in the order of `entries`; of an oversize one only the first 1 MiB and one byte."""
        return read_blobs(self._git, entries)

    def relation(self, applied: str, candidate: str) -> Relation:
        """Return how `candidate` stands to the commit that was applied last."""
        # What was applied may be gone, so its id is taken as it is.
        known = applied if revisions.is_full_id(applied) else self.resolve(applied)
        return history.relation(self._git, known, self.resolve(candidate))

    def is_on_branch(self, candidate: str) -> bool | None:
        """Whether the branch contains this commit; None when a shallow or partial clone can't tell."""
        return history.contains(self._git, self.tip(), self.resolve(candidate))

    def unpublished_against(self) -> str | None:
        """Return the remote's branch that lacks commits of this local one; None when a remote has them all."""
        tracking = [] if self._branch is None else revisions.tracking_branches(self._git, self._branch)
        tip = self.tip()
        if any(history.contains(self._git, self.resolve(ref), tip) is not False for ref in tracking):
            return None
        return next((ref.removeprefix("refs/remotes/") for ref in tracking), None)

    def is_complete(self) -> bool:
        """Whether this clone holds the whole history: it is neither shallow nor partial."""
        return not history.is_incomplete(self._git)

    def remembered_rollbacks(
        self, since: str | None, until: str, environment: str
    ) -> Mapping[str, RememberedRollback]:
        """Return, by feature, the highest attempt that write-backs in `since..until` say was rolled back."""
        first = None if since is None else self._commit(since)
        return history.remembered_rollbacks(self._git, first, self._commit(until), environment)

    def rollback_commits(self, since: str | None, until: str, environment: str) -> Mapping[UUID, str]:
        """Return, by the id of the rollback, the commit of `since..until` that says it tells of that."""
        return history.rollback_commits(self._git, since, self._commit(until), environment)

    def last_change(self, revision: str, path: str) -> str | None:
        """Return the newest commit up to `revision` that changed this file; None when none did."""
        return history.last_change(self._git, self._commit(revision), path)

    def trailer(self, revision: str, name: str) -> str | None:
        """Return the value of this trailer of the commit on one line, safe to print; None without one."""
        return history.trailer(self._git, self._commit(revision), name)

    def describe(self, revision: str) -> CommitFacts:
        """Return what is shown of this commit."""
        return history.describe(self._git, self._commit(revision))

    def described(self, commits: Collection[str]) -> Mapping[str, CommitFacts]:
        """Return what is shown of commits, by full id; those that aren't here are left out."""
        return history.described(self._git, commits)

    def lineage(self, commits: Collection[str]) -> Lineage:
        """Return every commit of the branch, and those that can be reached from these, given by full id."""
        return past.lineage(self._git, self.tip(), commits, is_complete=self.is_complete())

    def changes(self, pairs: Sequence[past.Pair], root: str) -> Iterator[list[past.Change]]:
        """Yield, for each commit and the one it is compared with, paths below `root` and what stands there now."""
        return past.changes(self._git, pairs, root)

    def tellings(self, until: str, environment: str) -> tuple[Telling, ...]:
        """Return every commit up to `until` whose trailers tell of a rollback here, newest first."""
        return history.tellings(self._git, self._commit(until), environment)

    def is_dirty(self, root: str) -> bool:
        """Whether definitions in the working tree differ from HEAD; a hint that ignores git's index and filters."""
        if self.is_bare:
            return False
        try:
            committed = self.entries("HEAD", root)
            here = worktree_entries(self.top, root, object_format=self.object_format)
        except RepositoryError:  # no commit yet, a link in the root's place, a closed folder: a hint stops nothing
            return True
        return _definitions(here) != _definitions(committed)

    def _commit(self, revision: str) -> str:
        return revision if revisions.is_full_id(revision) else self.resolve(revision)


def _definitions(entries: Sequence[Entry] | None) -> frozenset[Entry]:
    return frozenset(entry for entry in entries or () if entry.path.endswith(_DEFINITIONS))
