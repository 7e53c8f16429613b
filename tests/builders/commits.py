"""Commits as a test dictates them: the repository of the loop for histories that would be slow to act out with git.

    commits = Commits()
    first = commits.commit({"rollouts.d/checkout.yaml": "feature: checkout\\ntier: 1\\n"})
    prospect = prepare(store, commits, Request(root="rollouts.d", local_now=now))

Every commit holds all files of its tree. Real git is read in `tests/integration/repository`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1

from reconciler.definitions.source import Entry, EntryKind
from reconciler.domain.plan import RememberedRollback
from reconciler.domain.revision import Relation


@dataclass(frozen=True, kw_only=True)
class Commit:
    """One commit: its parent, its whole tree, and what its trailers say."""

    id: str
    parent: str | None
    files: Mapping[str, str]
    rollbacks: Mapping[str, int] = field(default_factory=dict)
    trailers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Commits:
    """A history; `main` is the branch that is applied, and a shallow clone hides what is older than `cut_at`."""

    main: str = ""
    cut_at: str | None = None
    by_id: dict[str, Commit] = field(default_factory=dict)
    blobs: dict[str, str] = field(default_factory=dict)

    def commit(
        self,
        files: Mapping[str, str],
        *,
        parent: str | None = None,
        rollbacks: Mapping[str, int] | None = None,
        trailers: Mapping[str, str] | None = None,
        to_main: bool = True,
    ) -> str:
        """Commit a tree on top of `parent` (of main when not named), and move main there."""
        identity = f"{len(self.by_id) + 1:040x}"
        self.by_id[identity] = Commit(
            id=identity,
            parent=parent or self.main or None,
            files=dict(files),
            rollbacks=dict(rollbacks or {}),
            trailers=dict(trailers or {}),
        )
        if to_main:
            self.main = identity
        return identity

    def ancestors(self, identity: str) -> list[str]:
        """Return a commit and all before it, newest first."""
        line = []
        current: str | None = identity
        while current is not None:
            line.append(current)
            current = self.by_id[current].parent
        return line

    def tip(self) -> str:
        """Return the id of the newest commit of main."""
        return self.main

    def resolve(self, revision: str) -> str:
        """Return the id, which is all that a test writes."""
        return self.by_id[revision].id

    def entries(self, revision: str, root: str) -> tuple[Entry, ...] | None:
        """Return the files below the root, None when there are none."""
        files = self.by_id[revision].files.items()
        below = tuple(self._entry(path, text) for path, text in sorted(files) if path.startswith(f"{root}/"))
        return below or None

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes]:
        """Return the contents of entries, in their order."""
        return iter([self.blobs[entry.id].encode() for entry in entries])

    def relation(self, applied: str, candidate: str) -> Relation:
        """Say how the candidate stands to the commit in force."""
        if applied == candidate:
            return Relation.SAME
        if applied in self.ancestors(candidate):
            return Relation.AHEAD
        return Relation.BEHIND if candidate in self.ancestors(applied) else Relation.DIVERGED

    def is_on_branch(self, candidate: str) -> bool | None:
        """Tell whether main contains the candidate."""
        return candidate in self.ancestors(self.main)

    def is_complete(self) -> bool:
        """Tell whether nothing is cut off."""
        return self.cut_at is None

    def remembered_rollbacks(
        self, since: str | None, until: str, environment: str
    ) -> Mapping[str, RememberedRollback]:
        """Return, by feature, the highest attempt that a commit of since..until ended, at its first mention."""
        told: dict[str, RememberedRollback] = {}
        before = set() if since is None else set(self.ancestors(since))
        for identity in self.ancestors(until):
            if identity in before:
                break
            if identity == self.cut_at:
                return told
            for feature, attempt in self.by_id[identity].rollbacks.items():
                if feature not in told or attempt >= told[feature].attempt:
                    told[feature] = RememberedRollback(attempt=attempt, revision=identity)
        return told

    def trailer(self, revision: str, name: str) -> str | None:
        """Return the value of a trailer of a commit."""
        return self.by_id[revision].trailers.get(name)

    def _entry(self, path: str, text: str) -> Entry:
        content = text.encode()
        blob = sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()
        self.blobs[blob] = text
        return Entry(path=path, kind=EntryKind.FILE, id=blob)
