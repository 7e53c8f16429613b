"""Checks all that a database says, against itself and against git, in both directions; it changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from reconciler.domain.against_git import (
    FileAt,
    content_faults,
    import_faults,
    source_faults,
    stray_source,
    telling_faults,
)
from reconciler.domain.against_history import Whereabouts, told_of_unknown, told_twice
from reconciler.domain.audit import record_faults
from reconciler.domain.lineage import Lineage
from reconciler.domain.record import (
    Finding,
    Link,
    Outgoing,
    Records,
    Telling,
    Unchecked,
    Verification,
)
from reconciler.domain.write_back import WriteBackStatus
from reconciler.errors import RepositoryError
from reconciler.reconcile.contents import files_at, keys_at
from reconciler.reconcile.ports import Archive

Value = TypeVar("Value")
Report: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Checks records; `branch` is how people call the branch that is applied, `report` is told of progress."""

    archive: Archive
    root: str
    branch: str
    report: Report = lambda _done, _total: None

    def run(self, records: Records) -> Verification:
        """Return everything that does not fit, and everything that could not be checked."""
        lineage = self.archive.lineage(_named(records))
        whereabouts = Whereabouts(records=records, lineage=lineage, branch=self.branch)
        tellings = [
            telling
            for telling in self.archive.tellings(lineage.tip, self.root)
            if telling.feature in records.chains
        ]
        found: list[Finding | Unchecked] = [*record_faults(records), *whereabouts.log(), *whereabouts.rollbacks()]
        found += [*whereabouts.order(), *told_of_unknown(records, tellings, _imported(records))]
        check = _Check(records=records, lineage=lineage, tellings=tellings)
        found += self._contents(check)
        return Verification(
            root=self.root,
            tip=lineage.tip,
            in_force=records.scope.revision,
            counts=_counts(records, tellings),
            findings=tuple(sorted((each for each in found if isinstance(each, Finding)), key=_by_feature)),
            unchecked=tuple(each for each in found if isinstance(each, Unchecked)),
        )

    def _contents(self, check: _Check) -> list[Finding | Unchecked]:
        found: list[Finding | Unchecked] = []
        try:
            found += self._files(check)
            found += self._sources(check)
        except RepositoryError as error:
            if check.lineage.is_complete:
                raise
            remedy = "run `git fetch --unshallow`, or clone again without --depth and --filter, then verify again"
            found.append(Unchecked(what=f"not all contents can be read in this clone: {error}", remedy=remedy))
        return found

    def _files(self, check: _Check) -> Iterator[Finding]:
        wanted = check.wanted()
        for count, (commit, files) in enumerate(files_at(self.archive, self.root, wanted), start=1):
            yield from check.at(commit, files)
            self.report(count, len(wanted))
        merges = {commit for commit, parents in check.lineage.parents.items() if len(parents) > 1}
        single = [telling for telling in check.tellings if telling.commit not in merges]
        yield from told_twice(single, check.lineage, check.said_before)

    def _sources(self, check: _Check) -> Iterator[Finding]:
        """Check remembered keys: none may stand for a file that is not in force whole, or never was in force."""
        current = check.current_sources()
        heads = check.heads()
        keys = dict(keys_at(self.archive, self.root, {commit: current.keys() for commit in heads}))
        # What the last row's own commit says was compared with that row already.
        doubtful = {
            commit: {name for name, key in keys[commit].items() if current[name] == key != check.keys.get(name)}
            for commit in heads
        }
        files = dict(files_at(self.archive, self.root, doubtful))
        for name in sorted(current):
            at = [files[commit][name] for commit in heads if name in files[commit]]
            yield from source_faults(check.records.sources[name], check.last(name), at)
        yield from self._strays(check, current, keys.values())

    def _strays(
        self, check: _Check, current: Mapping[str, str], keys: Iterable[Mapping[str, str]]
    ) -> Iterator[Finding]:
        open_ends = {name for name, key in current.items() if key != check.keys.get(name)}
        open_ends -= {name for known in keys for name, key in known.items() if current[name] == key}
        revisions = list(dict.fromkeys(row.revision for row in check.records.taken))
        if not open_ends or not all(check.lineage.has(revision) for revision in revisions):
            return
        for _, known in keys_at(self.archive, self.root, dict.fromkeys(revisions, open_ends)):
            open_ends -= {name for name, key in known.items() if current[name] == key}
        for name in sorted(open_ends):
            yield stray_source(check.last(name))


@dataclass(slots=True, kw_only=True)
class _Check:
    """Which commit has to be read for which row, and what came of it; `keys` are those of the last rows' files."""

    records: Records
    lineage: Lineage
    tellings: Sequence[Telling]
    keys: dict[str, str | None] = field(default_factory=dict)
    _rows: dict[str, list[tuple[Link | None, Link]]] = field(default_factory=dict)
    _outgoing: dict[str, list[tuple[Outgoing, Link]]] = field(default_factory=dict)
    _told: dict[str, list[Telling]] = field(default_factory=dict)
    _repeated: dict[str, set[str]] = field(default_factory=dict)
    _said: dict[tuple[str, str], int] = field(default_factory=dict)

    def wanted(self) -> dict[str, set[str]]:
        """Return the features that have to be read, by commit, in the order of history."""
        self._sort_out()
        wanted: dict[str, set[str]] = defaultdict(set)
        for commit, rows in self._rows.items():
            wanted[commit] |= {link.feature for _, link in rows}
        for commit, outgoing in self._outgoing.items():
            wanted[commit] |= {link.feature for _, link in outgoing}
        for commit, features in self._repeated.items():
            wanted[commit] |= features
        return {commit: wanted[commit] for commit in sorted(wanted, key=self.lineage.place)}

    def _sort_out(self) -> None:
        for before, link in self._links():
            commits = {link.rollback_commit, None if link.kind == "rollback" else link.revision}
            for commit in commits:
                self._want(self._rows, commit, (before, link))
        links = {link.id: link for _, link in self._links()}
        for row in self.records.outbox:
            if row.status is WriteBackStatus.WRITTEN and row.rollback_id in links:
                self._want(self._outgoing, row.revision, (row, links[row.rollback_id]))
        for telling in self.tellings:
            self._want(self._told, telling.commit, telling)
        self._repeated = _repeated(self.tellings, self.lineage)

    def at(self, commit: str, files: Mapping[str, FileAt]) -> Iterator[Finding]:
        """Check every row that names this commit; `files` are what it says of the features wanted of it."""
        told = self._told.get(commit, [])
        for before, link in self._rows.get(commit, []):
            file = files[link.feature]
            if link.revision == commit:
                if link is self.last(link.feature) and link.is_settled:
                    self.keys[link.feature] = file.key
                yield from content_faults(link, before, file)
            if link.rollback_commit == commit:
                yield from import_faults(link, file, told)
        for row, link in self._outgoing.get(commit, []):
            yield from telling_faults(row, link, files[link.feature], told)
        for feature in self._repeated.get(commit, ()):
            saying = files[feature].saying
            self._said[commit, feature] = 0 if saying is None else saying.rolled_back

    def said_before(self, telling: Telling) -> bool:
        """Tell whether the commit before this one said so already."""
        parent = next(iter(self.lineage.parents[telling.commit]), "")
        return self._said.get((parent, telling.feature), 0) >= telling.attempt

    def last(self, feature: str) -> Link:
        """Return the last row of a feature."""
        return self.records.chains[feature][-1]

    def heads(self) -> list[str]:
        """Return the commit in force and the tip, so far as they are here."""
        heads = dict.fromkeys((self.records.scope.revision or "", self.lineage.tip))
        return sorted((commit for commit in heads if self.lineage.has(commit)), key=self.lineage.place)

    def current_sources(self) -> dict[str, str]:
        """Return the remembered keys that keep a file from being read: those at the version of the last row."""
        chains = self.records.chains
        return {
            name: source.key
            for name, source in self.records.sources.items()
            if name in chains and chains[name][-1].version == source.version
        }

    def _links(self) -> Iterator[tuple[Link | None, Link]]:
        for chain in self.records.chains.values():
            yield from zip((None, *chain), chain, strict=False)

    def _want(self, by_commit: dict[str, list[Value]], commit: str | None, value: Value) -> None:
        if commit is not None and self.lineage.has(commit):
            by_commit.setdefault(commit, []).append(value)


def _repeated(tellings: Sequence[Telling], lineage: Lineage) -> dict[str, set[str]]:
    """Return the commits before those that tell of a rollback more than once, and the features it is about."""
    count: dict[object, int] = defaultdict(int)
    for telling in tellings:
        count[telling.rollback_id] += 1
    wanted: dict[str, set[str]] = defaultdict(set)
    for telling in tellings:
        parents = [parent for parent in lineage.parents[telling.commit] if lineage.has(parent)]
        if count[telling.rollback_id] > 1 and parents:
            wanted[parents[0]].add(telling.feature)
    return wanted


def _named(records: Records) -> set[str]:
    links = [link for chain in records.chains.values() for link in chain]
    named = {commit for link in links for commit in (link.revision, link.rollback_commit)}
    named |= {row.revision for row in records.taken} | {row.revision for row in records.outbox}
    return {commit for commit in named if commit is not None}


def _imported(records: Records) -> Mapping[str, set[str]]:
    imported: dict[str, set[str]] = defaultdict(set)
    for chain in records.chains.values():
        for link in chain:
            if link.rollback_commit is not None:
                imported[link.rollback_commit].add(link.feature)
    return imported


def _counts(records: Records, tellings: Sequence[Telling]) -> Mapping[str, int]:
    return {
        "rollouts": len(records.chains),
        "transitions": sum(len(chain) for chain in records.chains.values()),
        "revisions": len(records.taken),
        "write_backs": len(records.outbox),
        "telling_commits": len(tellings),
    }


def _by_feature(finding: Finding) -> tuple[str, int]:
    return finding.feature, finding.version or 0
