"""Writes a new definition into the working tree, after the loader has found it sound beside all others."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath

from reconciler.definitions.load import load
from reconciler.definitions.source import Entry, EntryKind
from reconciler.definitions.template import new_definition
from reconciler.errors import UsageError
from reconciler.reconcile.observe import Files
from reconciler.repository.git import GitRepository
from reconciler.settings import normal_root
from reconciler.wiring.files import uncommitted_or_none

_SCHEMA = "schemas/rollout.schema.json"
_OWN_SCHEMA = ".rollout.schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a person says of a new rollout; `folder` lies below the root."""

    feature: str
    owner: str = ""
    description: str = ""
    folder: str = ""


def write(repository: GitRepository, root: str, draft: Draft) -> tuple[str, ...]:
    """Write a draft and return the paths written, the definition first."""
    folder = PurePosixPath(root, _folder_below(draft.folder))
    path = str(folder / f"{draft.feature}.yaml")
    there = uncommitted_or_none(repository, root)
    _refuse_taken(there, draft.feature)
    schema = _SCHEMA if (repository.top / _SCHEMA).is_file() else f"{root}/{_OWN_SCHEMA}"
    content = new_definition(
        draft.feature, draft.owner, draft.description, os.path.relpath(schema, folder).replace(os.sep, "/")
    ).encode()
    _refuse_unsound(there, path, content, draft.feature)
    _create(repository.top / path, content)
    if (repository.top / schema).exists():
        return (path,)
    _create(repository.top / schema, (files("reconciler") / _SCHEMA).read_bytes())
    return (path, schema)


def _folder_below(folder: str) -> str:
    if folder.startswith("/") or "\\" in folder or ".." in folder.split("/") or not (folder + "x").isprintable():
        raise UsageError(f"team {folder!r} is no folder below the root; write a plain name, such as payments")
    return normal_root(folder)


def _refuse_taken(there: Files, feature: str) -> None:
    for entry in there.entries:
        if PurePosixPath(entry.path).stem == feature and entry.path.endswith((".yaml", ".yml")):
            raise UsageError(
                f"feature {feature} has a definition already, {entry.path}; edit that, or name another"
            )


def _refuse_unsound(there: Files, path: str, content: bytes, feature: str) -> None:
    """Raise with the first fault of the new file beside what is there; the faults of others are theirs."""
    entry = Entry(path=path, kind=EntryKind.FILE, id="new")

    def read(wanted: Sequence[Entry]) -> Iterator[bytes]:
        others = iter(there.read([each for each in wanted if each is not entry]))
        return (content if each is entry else next(others) for each in wanted)

    desired = load([*there.entries, entry], read, there.root)
    for problem in desired.problems:
        if problem.path == path or (feature in problem.features and problem.rule != "policy"):
            raise UsageError(f"{feature} would be no sound definition: {problem.message}; {problem.remedy}")


def _create(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already; it is never overwritten") from error
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error
