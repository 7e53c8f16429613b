"""A private clone of a remote: fetched from it, read like any repository, made anew when it is broken.

Whether the remote or the clone is at fault when a fetch fails is found by asking both, never by what git says.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from reconciler.domain.commit import PushReport, Signature
from reconciler.errors import RepositoryError, UnreachableError, UsageError
from reconciler.failpoints import reach
from reconciler.repository import push, refs, write
from reconciler.repository.discovery import Place
from reconciler.repository.folder import Folder, locked
from reconciler.repository.git import GitRepository
from reconciler.repository.plumbing import DEFAULT_TIMEOUT, Plumbing
from reconciler.repository.process import TooLateError
from reconciler.repository.remote import Remote
from reconciler.repository.revisions import commit_at, commit_exists, is_full_id
from reconciler.repository.text import one_line
from reconciler.repository.transport import Deadline, Transport

_BRANCHES = "refs/heads/"
_FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-gc",
    "--no-recurse-submodules",
    "--no-show-forced-updates",
    "--update-shallow",  # a remote without all of its history is for `is_complete` to tell of
)
_WHOLE_HISTORY = 10  # times as long as a fetch of news it may take
_BETWEEN_REPAIRS = 3600.0  # seconds: a remote that breaks every fetch off must not have us clone without end


@contextmanager
def opened_clone(
    folder: Path, remote: Remote, branch: str, timeout: timedelta = DEFAULT_TIMEOUT
) -> Iterator[Clone]:
    """Open this process's clone of one branch, in `folder` or beside it when another process is there.

    The remote is not asked before the first `fetch`. `timeout` is for each call that asks it. For one thread.
    """
    ref = refs.full_branch(branch)
    with locked(folder.absolute()) as path:
        clone = Clone(Folder(path, what=remote.url, branch=ref), remote, ref, timeout)
        try:
            yield clone
        finally:
            clone.close()


class Clone:
    """Reads a branch of a remote, and commits and pushes to it; nothing of it is ever checked out."""

    def __init__(self, folder: Folder, remote: Remote, branch: str, timeout: timedelta) -> None:
        folder.settle()
        self._folder = folder
        self._branch = branch
        self._transport = Transport(remote, folder.path, timeout=timeout)
        self._git = Plumbing(folder.path, git_dir=folder.path, timeout=timeout, when_failed=self._doubt)
        self._is_doubtful = False
        self._repaired_at: float | None = None

    def interrupt(self) -> None:
        """End what is asked of the remote now, and ask it nothing more; for handlers of signals and other threads.

        A `fetch` that waits raises UnreachableError, a `push` is reported as not accepted.
        """
        self._transport.interrupt()

    def close(self) -> None:
        """Stop whatever git still does for an unfinished read."""
        self._git.close()

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder.path

    @property
    def branch(self) -> str:
        """The full name of the branch, here and at the remote."""
        return self._branch

    @property
    def repository(self) -> GitRepository:
        """What was fetched last, to be read; a later fetch shows in it."""
        object_format = self._folder.object_format
        if object_format is None:
            raise RepositoryError(f"{one_line(self.folder)}: nothing was fetched yet; fetch first")
        place = Place(top=self.folder, git_dir=self.folder, is_bare=True, object_format=object_format)
        return GitRepository(place, self._git, self._branch)

    def fetch(self) -> str:
        """Fetch the branch and return the full id of its tip, also when history was rewritten.

        UnreachableError when the remote can't be reached or does not answer in time; another RepositoryError when
        the branch is not there or the folder can't be written.
        """
        deadline = Deadline(self._transport.timeout)
        if self._folder.object_format is None or self._is_found_broken(deadline):
            deadline = self._make_anew(self._remote_tip(deadline))
        tip, complaint = self._try_to_fetch(deadline)
        if tip is None:
            deadline = self._repair(complaint, deadline)
            tip, complaint = self._try_to_fetch(deadline)
        if tip is None:
            raise self._not_fetched(complaint)
        self._tidy()
        return tip

    def commit(self, parent: str, files: Mapping[str, bytes], message: str, author: Signature) -> str:
        """Write a commit on `parent` that changes these files alone; the same arguments make the same commit."""
        return write.commit(self._git, _full_id(parent), files, message, author)

    def push(self, commit: str, ref: str, *, onto: str | None = None) -> PushReport:
        """Push without force, and with `onto`, which the commit descends from, only while the branch stands there.

        Whether it arrived is asked of the remote afterwards.
        """
        commit, full = _full_id(commit), refs.full_branch(ref)
        if onto is None:
            return push.push(self._transport, commit, full)
        if refs.not_contained(self._git, commit, [_full_id(onto)]):
            raise UsageError(f"{commit[:10]} does not descend from {onto[:10]}, over which it is to be pushed")
        return push.push_over(self._transport, commit, full, expected=onto)

    def push_over(self, commit: str | None, ref: str, *, expected: str | None) -> PushReport:
        """Set a branch of our own, or delete it for None, if it is at `expected` still; None: if it isn't there."""
        full = refs.full_branch(ref)
        if full == self._branch:
            raise UsageError(f"{one_line(full)} is the branch that is applied; it is never pushed over")
        commit, expected = (None if each is None else _full_id(each) for each in (commit, expected))
        return push.push_over(self._transport, commit, full, expected=expected)

    def remote_refs(self, prefix: str) -> Mapping[str, str]:
        """Return what the remote holds now: ids by full names that begin with `prefix`."""
        return self._transport.tips(prefix, deadline=Deadline(self._transport.timeout))

    def has_commit(self, commit: str) -> bool:
        """Whether this commit lies in the clone, on the branch or not."""
        return is_full_id(commit) and commit_exists(self._git, commit)

    def not_contained(self, tip: str, commits: Collection[str]) -> frozenset[str]:
        """Return those commits that are neither the tip nor before it; one that nobody knows is one of them."""
        return refs.not_contained(self._git, _full_id(tip), commits)

    def _doubt(self) -> None:
        self._is_doubtful = True

    def _is_found_broken(self, deadline: Deadline) -> bool:
        """Whether something could not be read or written since the last fetch, and the clone is to blame."""
        self._is_doubtful = self._is_doubtful and not self._is_sound(deadline)
        return self._is_doubtful

    def _is_sound(self, deadline: Deadline) -> bool:
        if self._repaired_at is not None and time.monotonic() - self._repaired_at < _BETWEEN_REPAIRS:
            return True
        git = Plumbing(self.folder, git_dir=self.folder, timeout=deadline.left)
        try:
            return git.run("fsck", "--no-dangling", "--no-progress", accept=range(-64, 256)).code == 0
        except TooLateError:
            return False

    def _make_anew(self, tip: str) -> Deadline:
        if self._folder.object_format is not None:
            self._repaired_at = time.monotonic()
        self._folder.make("sha256" if len(tip) == 64 else "sha1")
        self._is_doubtful = False
        return Deadline(self._transport.timeout * _WHOLE_HISTORY)

    def _try_to_fetch(self, deadline: Deadline) -> tuple[str | None, str]:
        """Return the tip, or None and what git said."""
        is_cut = (self.folder / "shallow").exists()
        options = (*_FETCH, *(["--unshallow"] if is_cut else []))
        refspec = f"+{self._branch}:{self._branch}"
        reach("clone.fetching")
        try:
            answer = self._transport.run(*options, "--", self._transport.remote.url, refspec, deadline=deadline)
        except UnreachableError:
            self._folder.sweep()
            raise
        reach("clone.fetched")
        if answer.code == 0:
            with suppress(RepositoryError):
                return commit_at(self._git, self._branch), answer.complaint
        self._folder.sweep()
        return None, answer.complaint

    def _repair(self, complaint: str, deadline: Deadline) -> Deadline:
        """Make the clone anew if it is to blame for a fetch that failed; else raise an error that says what is."""
        tip = self._remote_tip(deadline)
        if self._folder.why_not_writable() is not None:
            raise self._not_fetched(complaint)
        is_another_kind = {"sha1": 40, "sha256": 64}.get(self._folder.object_format or "") != len(tip)
        if not is_another_kind and self._is_sound(deadline):
            raise self._not_fetched(complaint)
        return self._make_anew(tip)

    def _remote_tip(self, deadline: Deadline) -> str:
        found = self._transport.tips(_BRANCHES, deadline=deadline)
        if self._branch not in found:
            raise RepositoryError(
                f"{self._transport.remote.shown}: has no branch {one_line(self._branch.removeprefix(_BRANCHES))}; "
                + _others(found)
            )
        return found[self._branch]

    def _not_fetched(self, complaint: str) -> RepositoryError:
        why = self._folder.why_not_writable()
        if why is None:
            return self._transport.unreachable(complaint)
        return RepositoryError(
            f"{one_line(self.folder)}: the clone can't be written ({why}); "
            "make room or give it its rights back, or name another folder"
        )

    def _tidy(self) -> None:
        if self._folder.is_crowded:
            reach("clone.packing")
            with suppress(RepositoryError):
                Plumbing(self.folder, git_dir=self.folder).write("repack", "-d", "-l", "-q")
            reach("clone.packed")


def _full_id(commit: str) -> str:
    if not is_full_id(commit):
        raise UsageError(f"{one_line(commit)!r} is no full commit id; write all of its digits")
    return commit


def _others(found: Mapping[str, str]) -> str:
    names = sorted(ref.removeprefix(_BRANCHES) for ref in found)
    if not names:
        return "it has no branch at all yet; push one first"
    more = f" and {len(names) - 5} others" if len(names) > 5 else ""
    return f"it has {one_line(', '.join(names[:5]))}{more}; name one of these"
