"""Where a repository lies: its top, its git folder and what kind it is, found from any folder inside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.text import one_line

_FACTS = ("--absolute-git-dir", "--is-bare-repository", "--show-object-format")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository on disk; `top` is its working tree, or its own folder when it is bare."""

    top: Path
    git_dir: Path
    is_bare: bool
    object_format: str


def find_place(start: Path, *, timeout: timedelta) -> Place:
    """Find the repository that contains the file or folder `start`."""
    folder = _folder(start)
    answer = Plumbing(folder, timeout=timeout).run("rev-parse", *_FACTS, accept=(0, 128))
    if answer.code != 0:
        raise _not_found(folder, answer.complaint)
    git_dir, bare, object_format = os.fsdecode(answer.output).removesuffix("\n").rsplit("\n", 2)
    is_bare = bare == "true"
    top = None if is_bare else _top(folder, Path(git_dir))
    return Place(top=top or Path(git_dir), git_dir=Path(git_dir), is_bare=top is None, object_format=object_format)


def _folder(start: Path) -> Path:
    try:
        found = start.resolve(strict=True)
    except OSError as error:
        raise RepositoryError(
            f"{one_line(start)}: can't be opened ({error.strerror}); name a folder inside a git repository"
        ) from error
    return found if found.is_dir() else found.parent


def _top(start: Path, git_dir: Path) -> Path | None:
    # Not `--show-toplevel`: `core.worktree`, which a repository's configuration may set, could name any folder.
    return next((folder for folder in (start, *start.parents) if _leads_to(folder / ".git", git_dir)), None)


def _leads_to(pointer: Path, git_dir: Path) -> bool:
    if pointer.is_dir():
        return pointer.samefile(git_dir)
    if not pointer.is_file():
        return False
    target = os.fsdecode(pointer.read_bytes()).removeprefix("gitdir:").strip()
    named = pointer.parent / target
    return named.exists() and named.samefile(git_dir)


def _not_found(folder: Path, complaint: str) -> RepositoryError:
    if "not a git repository" in complaint:
        return RepositoryError(f"{one_line(folder)} is not inside a git repository; run it inside a clone")
    return RepositoryError(f"{one_line(folder)}: git can't open the repository: {complaint}")
