"""The branch of a ring as data, read plainly with git's own words, and a person who does to it whatever people do.

Files are written one `name: JSON` a line, so that a merge by lines is a merge of fields, and reading needs no YAML.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from tests.builders.git import GitSandbox
from tests.builders.ring import Ring
from tests.builders.scene import ROOT, path_of, yaml_of
from tests.builders.trees import Fields, Tree

BEGUN: Mapping[str, Any] = {"tier": 0, "dwell": "1h", "thresholds": {"min_exposed": 0}}
POLICY = f"{ROOT}/_policy.yaml"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the trailers of a write-back say."""

    id: str
    feature: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Node:
    """A commit: its parents, and the rollback that it tells of."""

    parents: tuple[str, ...]
    told: Told | None


@dataclass
class Branch:
    """Every commit that the branch ever had, also those that were forced away."""

    remote: GitSandbox
    tip: str = ""
    nodes: dict[str, Node] = field(default_factory=dict)
    _trees: dict[str, Tree] = field(default_factory=dict)

    def read(self) -> str:
        """Read what is new, and return the tip."""
        known = [f"^{self.tip}"] if self.tip else []
        found = self.remote.git("log", "-z", "--format=%H%n%P%n%B", "main", *known)
        for entry in filter(None, found.split("\0")):
            commit, parents, message = entry.split("\n", 2)
            self.nodes[commit] = Node(parents=tuple(parents.split()), told=_told(message))
        self.tip = self.remote.tip("main")
        return self.tip

    def ancestors(self, commit: str) -> set[str]:
        """Return a commit and all before it."""
        found: set[str] = set()
        waiting = [commit]
        while waiting:
            if (commit := waiting.pop()) not in found:
                found.add(commit)
                waiting += self.nodes[commit].parents
        return found

    def trunk(self) -> list[str]:
        """Return the tip and its first parents, newest first."""
        line = [self.tip]
        while parents := self.nodes[line[-1]].parents:
            line.append(parents[0])
        return line

    def relation(self, applied: str, candidate: str) -> str:
        """Say how a commit stands to the one in force, in the words of the oracle."""
        if applied == candidate:
            return "same"
        if applied in self.ancestors(candidate):
            return "ahead"
        return "behind" if candidate in self.ancestors(applied) else "diverged"

    def rollbacks(self, since: str | None, until: str) -> list[Told]:
        """Return what the commits of `since..until` tell of."""
        between = self.ancestors(until) - (self.ancestors(since) if since else set())
        return [told for commit in between if (told := self.nodes[commit].told) is not None]

    def attempts(self, since: str | None, until: str) -> dict[str, int]:
        """Return, by feature, the highest attempt that the commits of `since..until` say was ended."""
        ended: dict[str, int] = {}
        for told in self.rollbacks(since, until):
            ended[told.feature] = max(told.attempt, ended.get(told.feature, 0))
        return ended

    def tree(self, commit: str) -> Tree:
        """Return what the files of a commit mean."""
        if commit not in self._trees:
            self._trees[commit] = self._read_tree(commit)
        return self._trees[commit]

    def _read_tree(self, commit: str) -> Tree:
        packed = os.fsencode(self.remote.git("archive", commit, "--", ROOT))
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            files = {each.name: archive.extractfile(each) for each in archive.getmembers()}
            texts = {path: file.read().decode() for path, file in files.items() if file is not None}
        tree = Tree(policy=_fields(texts.pop(POLICY)))
        for path, text in sorted(texts.items()):
            tree = _with(tree, PurePosixPath(path), text)
        return tree


@dataclass
class Person:
    """Somebody who changes, branches, merges, reverts and forces."""

    ring: Ring
    branches: list[str] = field(default_factory=list)
    _deleted: dict[str, str] = field(default_factory=dict)

    def change(self, paths: Mapping[str, str | None], message: str) -> None:
        """Write these files on the tip, None removes one, and push."""
        self.ring.pull()
        self._commit(paths, message)
        self._push()

    def branch(self, commit: str, paths: Mapping[str, str | None]) -> None:
        """Open a branch at a commit with one commit of its own, and push neither."""
        self.ring.person.git("checkout", "--quiet", "--detach", commit)
        self._commit(paths, "Change it on a branch")
        self.branches.append(self.ring.person.tip())
        self.ring.person.git("checkout", "--quiet", "main")

    def merge(self, commit: str, *options: str) -> bool:
        """Merge a commit into the tip and push; leave it when the files are in conflict."""
        self.ring.pull()
        return self._unless_in_conflict("merge", "--no-ff", "-m", "Merge a branch", *options, commit)

    def revert(self, commit: str) -> bool:
        """Revert a commit and push; leave it when the files are in conflict."""
        self.ring.pull()
        return self._unless_in_conflict("revert", "--no-edit", commit)

    def force(self, commit: str) -> None:
        """Make this commit the tip, whatever it is now."""
        self.ring.pull()
        self.ring.person.git("push", "--quiet", "--force", "origin", f"{commit}:refs/heads/main")

    def path(self, feature: str) -> str | None:
        """Return where a file is in what was pulled last."""
        root = self.ring.person.path / ROOT
        found = sorted(root.rglob(f"{feature}.yaml"))
        return str(found[0].relative_to(self.ring.person.path)) if found else None

    def edited(self, feature: str, fields: Mapping[str, Any]) -> dict[str, str | None]:
        """Return the file with these fields changed, each in its line; a missing or broken one begins anew."""
        path = self.path(feature)
        text = "" if path is None else (self.ring.person.path / path).read_text()
        lines = _lines(text) or {"feature": feature, **BEGUN}
        return {path or path_of(feature): yaml_of({**lines, **fields})}

    def lost(self, feature: str, kind: str) -> dict[str, str | None]:
        """Return what it takes to delete, bring back, move or break a file; nothing where it can't be done."""
        path = self.path(feature)
        if path is None:
            return {path_of(feature): self._deleted[feature]} if kind == "bring back" else {}
        text = (self.ring.person.path / path).read_text()
        if kind == "delete":
            self._deleted[feature] = text
        elsewhere = path_of(feature, "" if "/team/" in path else "team/")
        found: dict[str, dict[str, str | None]] = {
            "delete": {path: None},
            "bring back": {},
            "move": {path: None, elsewhere: text},
            "break": {path: "tier: [1\n"},
        }
        return found[kind]

    def can_bring_back(self, feature: str) -> bool:
        """Tell whether it was deleted."""
        return feature in self._deleted

    def _commit(self, paths: Mapping[str, str | None], message: str) -> None:
        gone = [path for path, text in paths.items() if text is None]
        self.ring.person.commit(
            {path: text for path, text in paths.items() if text is not None}, message=message, delete=gone
        )

    def _unless_in_conflict(self, command: str, *words: str) -> bool:
        self.ring.person._commits += 1  # it gives the commit its date
        try:
            self.ring.person.git(command, *words)
        except AssertionError:
            self.ring.person.git("reset", "--quiet", "--hard")
            return False
        self._push()
        return True

    def _push(self) -> None:
        self.ring.person.git("push", "--quiet", "origin", "HEAD:main")


def _told(message: str) -> Told | None:
    last = message.strip().rpartition("\n\n")[2]
    said = dict(line.partition(": ")[::2] for line in last.splitlines())
    if "Rollback-Id" not in said:
        return None
    return Told(id=said["Rollback-Id"], feature=said["Rollout-Feature"], attempt=int(said["Rollout-Attempt"]))


def _with(tree: Tree, path: PurePosixPath, text: str) -> Tree:
    feature = path.stem
    # Of two files for one feature nobody can tell which counts.
    if feature in tree.files or (fields := _fields(text, feature)) is None:
        return tree.with_broken(feature)
    return Tree(files={**tree.files, feature: fields}, policy=tree.policy)


def _fields(text: str, feature: str | None = None) -> Fields | None:
    """Return what a file says, in the words of the builders; None when it can't be read."""
    lines = _lines(text)
    if lines is None or lines.pop("feature", None) != feature:
        return None
    if "dwell" in lines:
        lines["hours"] = int(lines.pop("dwell").removesuffix("h"))
    return {**lines, **lines.pop("thresholds", {})}


def _lines(text: str) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for line in text.splitlines():
        name, _, value = line.partition(": ")
        try:
            said = json.loads(value)
        except ValueError:
            return None
        if name in found:
            return None
        found[name] = said
    return found
