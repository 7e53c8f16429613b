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
from reconciler.errors import RepositoryError, UsageError
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
    if repository.is_bare:
        raise UsageError(f"{repository.top} is bare and has no working tree; write definitions in a clone of it")
    folder = PurePosixPath(root, _folder_below(draft.folder))
    path = str(folder / f"{draft.feature}.yaml")
    there = uncommitted_or_none(repository, root)
    _refuse_taken(there, draft.feature)
    schema = _SCHEMA if (repository.top / _SCHEMA).is_file() else f"{root}/{_OWN_SCHEMA}"
    reference = os.path.relpath(schema, folder).replace(os.sep, "/")
    content = _encoded(new_definition(draft.feature, draft.owner, draft.description, reference))
    _refuse_unsound(there, path, content, draft.feature)
    _refuse_links(repository.top, folder)
    _create(repository.top / path, content)
    if (repository.top / schema).exists():
        return (path,)
    _create(repository.top / schema, (files("reconciler") / _SCHEMA).read_bytes())
    return (path, schema)


def _folder_below(folder: str) -> str:
    parts = folder.split("/")
    is_hidden = any(part.startswith(".") for part in parts)  # nothing in such a folder is read; `..` leads out
    if folder.startswith("/") or "\\" in folder or is_hidden or not (folder + "x").isprintable():
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


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"owner or description holds {error.object[error.start]!a}, no character; retype it"
        ) from error


def _refuse_links(top: Path, folder: PurePosixPath) -> None:
    for parent in (folder, *folder.parents):
        if (top / parent).is_symlink():
            raise UsageError(f"{parent} is a symlink, which the reconciler never follows; name a folder")


def _create(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already; it is never overwritten") from error
    except OSError as error:
        raise RepositoryError(
            f"{path} can't be written ({error.strerror}); check its folder and the disk"
        ) from error
