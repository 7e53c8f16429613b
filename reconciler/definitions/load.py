"""From the entries of a tree to what git asks: one pass over the names, one read, every problem of every file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from types import MappingProxyType

from reconciler.definitions.check import Checked, check_policy, check_rollout
from reconciler.definitions.fault import Fault, shown_path
from reconciler.definitions.places import Document
from reconciler.definitions.policy import policy_of
from reconciler.definitions.rollout import definition_of
from reconciler.definitions.source import Entry, ReadContents
from reconciler.definitions.tree import POLICY_FILE, Suspect, Tree, survey
from reconciler.domain.definition import Definition, Source
from reconciler.domain.desired import Desired
from reconciler.domain.policy import Policy
from reconciler.domain.problem import Problem

RULES_VERSION = "1"
"""Changes with the schemas and with what a file means, so that every file is read again."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


def load(
    entries: Sequence[Entry],
    read: ReadContents,
    root: str,
    applied: Mapping[str, str] = _NOTHING,
    *,
    with_policy: bool = False,
) -> Desired:
    """Read what a root asks for; `applied` holds the source keys in force, and what has its key is not read again.

    The policy is read whenever a definition is, a feature of `applied` has lost its file, or somebody asks for it
    with `with_policy`; else nothing could be held or refused by it and the default stands in its place. One file's
    fault stops no other file, but a broken policy leaves no definition: every feature keeps its state.
    """
    tree = survey(entries, root)
    due: dict[str, str] = {}
    for feature, entry in tree.files.items():
        key = source_key(entry, tree.policy)
        if applied.get(feature) != key:
            due[feature] = key
    unchanged = frozenset(tree.files.keys() - due.keys())
    if unchanged and not due and not tree.suspects and applied.keys() <= unchanged and not with_policy:
        return Desired(definitions={}, unchanged=unchanged)
    return _read(tree, read, root, due, unchanged)


def source_key(file: Entry, policy: Entry | None) -> str:
    """Return the key of a definition: equal for equal rules, file content and policy content."""
    covered = f"{RULES_VERSION} {file.id} {'-' if policy is None else policy.id}"
    return sha256(covered.encode()).hexdigest()[:40]


def _read(tree: Tree, read: ReadContents, root: str, due: Mapping[str, str], unchanged: frozenset[str]) -> Desired:
    readable = [suspect for suspect in tree.suspects if suspect.is_readable]
    policies = [] if tree.policy is None else [tree.policy]
    files = [tree.files[feature] for feature in due]
    contents = iter(read([*policies, *files, *(suspect.entry for suspect in readable)]))

    policy, problems = _policy(tree, contents, root)
    min_dwell = timedelta() if policy is None else policy.min_dwell
    definitions: dict[str, Definition] = {}
    for (feature, key), entry in zip(due.items(), files, strict=True):
        checked = check_rollout(next(contents), feature, min_dwell)
        if checked.document is None:
            problems += _problems(entry, checked.faults, {feature, *_claim(checked, tree)})
        elif policy is not None:
            source = _source(entry.path, key, checked.document)
            definitions[feature] = definition_of(checked.document.data, source, policy.defaults)
    for suspect in tree.suspects:
        content = next(contents) if suspect.is_readable else None
        problems += _suspect_problems(suspect, content, tree, min_dwell)
    return Desired(
        definitions=definitions,
        policy=policy or Policy(),
        unchanged=unchanged if policy is not None else frozenset(),
        problems=tuple(sorted(problems, key=lambda each: (each.path, each.line, each.column))),
    )


def _policy(tree: Tree, contents: Iterator[bytes], root: str) -> tuple[Policy | None, list[Problem]]:
    if tree.policy is not None:
        checked = check_policy(next(contents))
        if checked.document is not None and not tree.policy_is_suspect:
            return policy_of(checked.document.data), []
        if checked.faults:
            return None, _problems_of_policy(tree.policy, checked.faults, frozenset(tree.files))
    elif not tree.policy_is_suspect:
        return Policy(), []
    path = POLICY_FILE if root in {"", "."} else f"{root}/{POLICY_FILE}"
    return None, [_no_policy(path, frozenset(tree.files))]


def _problems_of_policy(entry: Entry, faults: Sequence[Fault], features: frozenset[str]) -> list[Problem]:
    # One of them speaks for every rollout: all would repeat thousands of names.
    first, *others = _problems(entry, faults, ())
    remedy = f"{first.remedy} (until then every rollout keeps its state)"
    return [replace(first, remedy=remedy, features=features, is_of_policy=True), *others]


def _no_policy(path: str, features: frozenset[str]) -> Problem:
    return Problem(
        path=shown_path(path),
        line=1,
        column=1,
        rule="policy",
        message="the policy can't be read, so every rollout keeps its state",
        remedy="mend the policy first",
        features=features,
        is_of_policy=True,
    )


def _suspect_problems(suspect: Suspect, content: bytes | None, tree: Tree, min_dwell: timedelta) -> list[Problem]:
    own = set() if suspect.feature is None else {suspect.feature}
    if content is None:
        return _problems(suspect.entry, suspect.faults, own)
    checked = check_rollout(content, suspect.feature, min_dwell)
    faults = suspect.faults if suspect.is_reserved else (*suspect.faults, *checked.faults)
    return _problems(suspect.entry, faults, {*own, *_claim(checked, tree)})


def _claim(checked: Checked, tree: Tree) -> Iterator[str]:
    # A misnamed file still speaks for its feature, unless that has a file of its own.
    if checked.feature is not None and checked.feature not in tree.files:
        yield checked.feature


def _problems(entry: Entry, faults: Sequence[Fault], features: Iterable[str]) -> list[Problem]:
    path, concerned = shown_path(entry.path), frozenset(features)
    return [fault.in_file(path, concerned) for fault in faults]


def _source(path: str, key: str, document: Document) -> Source:
    mark = document.value_spot("tier").start_mark
    return Source(path=path, key=key, line=mark.line + 1, column=mark.column + 1)
