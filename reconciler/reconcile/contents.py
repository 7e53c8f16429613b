"""What many commits say of features: one listing, the differences from each to the next, contents in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import chain, pairwise

from reconciler.definitions.load import load, source_key
from reconciler.definitions.said import said_by
from reconciler.definitions.source import Entry, EntryKind
from reconciler.definitions.tree import POLICY_FILE, likeness, survey
from reconciler.domain.against_git import FileAt, Saying
from reconciler.domain.definition import Definition
from reconciler.domain.problem import Problem
from reconciler.errors import EditRefusedError
from reconciler.reconcile.ports import Archive

_AT_ONCE = 256  # files whose contents are held together; each may have 1 MiB
_READABLE = frozenset({EntryKind.FILE, EntryKind.EXECUTABLE})

Wanted = Mapping[str, AbstractSet[str]]
"""The features that matter, by commit; commits that stand near each other in history come one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """The entries of a commit that bear on the features wanted of it."""

    commit: str
    features: AbstractSet[str]
    entries: Sequence[Entry]


def keys_at(archive: Archive, root: str, wanted: Wanted) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield, commit by commit, the source keys of the wanted features that have a file; no content is read."""
    for page in _pages(archive, root, wanted):
        yield page.commit, {name: key for name, key in _keys(page, root).items() if name in page.features}


def files_at(archive: Archive, root: str, wanted: Wanted) -> Iterator[tuple[str, Mapping[str, FileAt]]]:
    """Yield, commit by commit, what it says of each wanted feature, read as an apply reads it."""
    reader = _Reader(archive=archive, root=root)
    batch: list[_Page] = []
    for page in _pages(archive, root, wanted):
        batch.append(page)
        if sum(len(each.entries) for each in batch) >= _AT_ONCE:
            yield from reader.read(batch)
            batch = []
    yield from reader.read(batch)


def _pages(archive: Archive, root: str, wanted: Wanted) -> Iterator[_Page]:
    commits = list(wanted)
    if not commits:
        return
    listing = _Listing(prefix=f"{root}/")
    listing.take((entry.path, entry) for entry in archive.entries(commits[0], root) or ())
    differences = archive.changes([(after, before) for before, after in pairwise(commits)], root)
    for commit, changes in zip(commits, chain([()], differences), strict=True):
        listing.take(changes)
        features = wanted[commit]
        yield _Page(commit=commit, features=features, entries=listing.near(features))


@dataclass(slots=True, kw_only=True)
class _Listing:
    """What stands below the root, by what nobody tells apart in names."""

    prefix: str
    _groups: dict[str, dict[str, Entry]] = field(default_factory=dict)

    def take(self, changes: Iterable[tuple[str, Entry | None]]) -> None:
        for path, entry in changes:
            if not path.startswith(self.prefix):
                continue  # a link or a file in the root's own place
            group = self._groups.setdefault(likeness(path), {})
            if entry is None:
                group.pop(path, None)
            else:
                group[path] = entry

    def near(self, features: Iterable[str]) -> list[Entry]:
        names = {likeness(f"{name}.yaml") for name in features} | {likeness(POLICY_FILE)}
        return [entry for name in sorted(names) for entry in self._groups.get(name, {}).values()]


def _keys(page: _Page, root: str) -> dict[str, str]:
    tree = survey(page.entries, root)
    return {feature: source_key(entry, tree.policy) for feature, entry in tree.files.items()}


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Loads pages; a definition that was read at one commit isn't read again at another with the same files."""

    archive: Archive
    root: str
    _known: dict[tuple[str, str], Definition] = field(default_factory=dict)

    def read(self, pages: Sequence[_Page]) -> Iterator[tuple[str, Mapping[str, FileAt]]]:
        readable = {entry.id: entry for page in pages for entry in page.entries if entry.kind in _READABLE}
        entries = list(readable.values())
        contents = dict(zip((entry.id for entry in entries), self.archive.read(entries), strict=True))
        for page in pages:
            yield page.commit, self._loaded(page, contents)

    def _loaded(self, page: _Page, contents: Mapping[str, bytes]) -> Mapping[str, FileAt]:
        keys = _keys(page, self.root)
        applied = {name: key for name, key in keys.items() if (name, key) in self._known}
        desired = load(page.entries, lambda wanted: [contents[entry.id] for entry in wanted], self.root, applied)
        self._known |= {(name, keys[name]): each for name, each in desired.definitions.items()}
        known = {name: self._known[name, keys[name]] for name in desired.unchanged if name in keys}
        definitions = known | dict(desired.definitions)
        return {
            name: _file(page, name, definitions.get(name), keys.get(name), desired.problems, contents)
            for name in page.features
        }


def _file(
    page: _Page,
    feature: str,
    definition: Definition | None,
    key: str | None,
    problems: Sequence[Problem],
    contents: Mapping[str, bytes],
) -> FileAt:
    if definition is not None:
        saying = Saying(tier=int(definition.tier), attempt=definition.attempt, rolled_back=definition.rolled_back)
        return FileAt(commit=page.commit, definition=definition, key=key, saying=saying)
    problem = next((str(each) for each in problems if feature in each.features), None)
    return FileAt(commit=page.commit, problem=problem, key=key, saying=_saying(page, feature, contents))


def _saying(page: _Page, feature: str, contents: Mapping[str, bytes]) -> Saying | None:
    """Return what can be read of a file that is no sound definition, as a write-back reads it."""
    entries = [entry for entry in page.entries if entry.path.endswith(f"/{feature}.yaml")]
    if len(entries) != 1 or entries[0].id not in contents:
        return None
    try:
        said = said_by(contents[entries[0].id], entries[0].path)
    except EditRefusedError:
        return None
    return Saying(tier=said.tier, attempt=said.attempt, rolled_back=said.rolled_back)
