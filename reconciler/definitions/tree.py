"""What the names of a tree say before a file is read: which file is whose, and what can't be a definition."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.definitions.fault import Fault, shown, shown_path
from reconciler.definitions.source import Entry, EntryKind

POLICY_FILE = "_policy.yaml"
"""The name of the policy, directly in the root."""

_FEATURE = r"[a-z][a-z0-9_-]{0,62}"
_LEGAL = re.compile(_FEATURE)
_FOLDERS = r"(?:[^./][^/]*/)*"
_NAMED = 3  # so many others are named
_READABLE = frozenset({EntryKind.FILE, EntryKind.EXECUTABLE})
_HOW = {
    EntryKind.SYMLINK: ("a symlink, which is never followed", "commit the file itself"),
    EntryKind.SUBMODULE: ("a submodule, which is never read", "commit the files themselves"),
    EntryKind.OTHER: ("no regular file", "commit a file"),
    EntryKind.UNREADABLE: ("a file that this user may not read", "run `chmod u+r` on it"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An entry that is no sound definition, whatever it holds; `feature` is its stem where that is a legal name."""

    entry: Entry
    feature: str | None
    faults: tuple[Fault, ...]

    @property
    def is_readable(self) -> bool:
        """Whether it has a content in which to look for a feature and further faults."""
        return self.entry.kind in _READABLE

    @property
    def is_reserved(self) -> bool:
        """Whether its name says that it is no rollout, so that its content can't be a faulty one."""
        return any(fault.rule == "reserved-name" for fault in self.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The entries of a root, sorted out; `policy_is_suspect` when something stands where the policy should."""

    files: Mapping[str, Entry]
    suspects: tuple[Suspect, ...] = ()
    policy: Entry | None = None
    policy_is_suspect: bool = False


@dataclass(slots=True)
class _Group:
    """Entries whose names nobody tells apart, shared by all of them: there may be thousands."""

    entries: list[Entry]
    stems: Counter[str]

    @classmethod
    def of(cls, stem: str, entry: Entry) -> _Group:
        return cls([entry], Counter([stem]))

    def add(self, stem: str, entry: Entry) -> None:
        self.entries.append(entry)
        self.stems[stem] += 1


def survey(entries: Iterable[Entry], root: str) -> Tree:
    """Sort out the entries of a root; hidden ones and those that are no YAML by name are passed over."""
    prefix = "" if root in {"", "."} else f"{root}/"
    sound, rest = _by_name(entries, prefix)
    policy = next((entry for entry in rest if _is_policy(entry, prefix)), None)
    odd = [(entry, fault) for entry in rest if (fault := _oddity(entry, prefix)) is not None]
    clashes = _clashes([*sound, *((_stem(entry), entry) for entry, _ in odd if _is_yaml(entry))])
    suspects = [_suspect(entry, clashes.get(entry.path), own=fault) for entry, fault in odd]
    suspects += [_suspect(entry, clashes[entry.path]) for _, entry in sound if entry.path in clashes]
    return Tree(
        files={stem: entry for stem, entry in sound if entry.path not in clashes} if clashes else dict(sound),
        suspects=tuple(suspects),
        policy=policy,
        policy_is_suspect=any(_stands_for_policy(entry, prefix) for entry, _ in odd),
    )


def is_feature(name: str) -> bool:
    """Tell whether a name may be a feature's."""
    return _LEGAL.fullmatch(name) is not None


def likeness(path: str) -> str:
    """Return what names have in common that nobody tells apart: files that differ in it never clash."""
    return _alike(_stem_of(path))


def _by_name(entries: Iterable[Entry], prefix: str) -> tuple[list[tuple[str, Entry]], list[Entry]]:
    sound, rest = [], []
    match = re.compile(rf"{re.escape(prefix)}{_FOLDERS}({_FEATURE})\.yaml").fullmatch
    for entry in entries:
        name = match(entry.path) if entry.kind is EntryKind.FILE and entry.path.isprintable() else None
        if name is None:
            rest.append(entry)
        else:
            sound.append((name[1], entry))
    return sound, rest


def _oddity(entry: Entry, prefix: str) -> Fault | None:
    inside = entry.path.removeprefix(prefix)
    name = inside.rpartition("/")[2]
    if _is_policy(entry, prefix) or inside.startswith(".") or "/." in inside:
        return None
    if not entry.path.isprintable():
        return _fault("path", "the path holds characters that don't print", "rename it in plain letters")
    if entry.kind in _HOW:
        is_what, remedy = _HOW[entry.kind]
        return _fault("kind", f"this is {is_what}", remedy)
    return _name_oddity(entry, name) if _is_yaml(entry) else None


def _name_oddity(entry: Entry, name: str) -> Fault:
    stem = _stem(entry)
    if name.startswith("_"):
        message = f"names that begin with _ are kept for {POLICY_FILE}, directly in the root"
        return _fault("reserved-name", message, "move or rename the file")
    if entry.kind is EntryKind.EXECUTABLE:
        return _fault("kind", "the file is marked executable", "run `git update-index --chmod=-x` on it")
    if is_feature(stem):
        return _fault("extension", "only files that end in .yaml are read", f"rename it to {stem}.yaml")
    message = f"{shown(stem)} is no feature name: a lower-case letter, then at most 62 of a-z, 0-9, - and _"
    return _fault("name", message, "choose such a name, for the file and the feature in it")


def _clashes(claims: Iterable[tuple[str, Entry]]) -> dict[str, _Group]:
    first: dict[str, tuple[str, Entry]] = {}
    groups: dict[str, _Group] = {}
    for stem, entry in claims:
        alike = _alike(stem)
        other = first.setdefault(alike, (stem, entry))
        if other[1] is not entry:
            groups.setdefault(alike, _Group.of(*other)).add(stem, entry)
    return {entry.path: group for group in groups.values() for entry in group.entries}


def _suspect(entry: Entry, group: _Group | None, own: Fault | None = None) -> Suspect:
    stem = _stem(entry) if _is_yaml(entry) else ""
    clash = () if group is None else (_clash_fault(stem, entry, group),)
    # Beside its twin a file has to go, not to be renamed.
    is_twin = group is not None and own is not None and own.rule == "extension"
    return Suspect(
        entry=entry,
        feature=stem if is_feature(stem) else None,
        faults=clash if own is None or is_twin else (own, *clash),
    )


def _clash_fault(stem: str, entry: Entry, group: _Group) -> Fault:
    others = [shown_path(other.path) for other in group.entries[: _NAMED + 1] if other is not entry][:_NAMED]
    more = len(group.entries) - 1 - len(others)
    named = ", ".join(others) + (f" and {more} more" if more else "")
    if group.stems[stem] > 1:
        return _fault(
            "two-files", f"a feature has one file; {shown(stem)[1:-1]} also has {named}", "delete all but one"
        )
    message = f"the name differs only by case, - or _ from {named}"
    return _fault("alike-names", message, "choose names that nobody confuses")


def _is_policy(entry: Entry, prefix: str) -> bool:
    return entry.kind is EntryKind.FILE and entry.path == prefix + POLICY_FILE


def _stands_for_policy(entry: Entry, prefix: str) -> bool:
    inside = entry.path.removeprefix(prefix)
    return "/" not in inside and _is_yaml(entry) and _stem(entry).casefold() == "_policy"


def _is_yaml(entry: Entry) -> bool:
    return _tidy_name(entry.path).casefold().endswith((".yaml", ".yml"))


def _alike(stem: str) -> str:
    return stem.casefold().replace("_", "-")


def _stem(entry: Entry) -> str:
    return _stem_of(entry.path)


def _stem_of(path: str) -> str:
    return _tidy_name(path).rpartition(".")[0]


def _tidy_name(path: str) -> str:
    # A space or dot at the end hides the extension from us and not from a person.
    return path.rpartition("/")[2].rstrip(" .")


def _fault(rule: str, message: str, remedy: str) -> Fault:
    return Fault(line=1, column=1, rule=rule, message=message, remedy=remedy)
