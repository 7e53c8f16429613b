"""What a file held before and after each commit that changed it, newest first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.repository.memory import held
from reconciler.repository.paths import LARGEST
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.process import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """A commit with the contents of one file in it and in its first parent; None where that can't be told."""

    commit: str
    before: bytes | None
    after: bytes | None


def rewrites(git: Plumbing, until: str, path: str, *, most: int) -> Iterator[Rewrite]:
    """Yield the newest commits up to `until` that changed the file at this path."""
    listing = git.run("rev-list", f"--max-count={most}", "--end-of-options", until, "--", path).output
    commits = listing.decode().split()
    if not commits or "\n" in path:
        return
    asked = "".join(f"{commit}:{path}\n{commit}^:{path}\n" for commit in commits)
    with (
        held(os.fsencode(asked)) as names,
        git.start("cat-file", "--batch", "--buffer", stdin=names) as process,
    ):
        for commit in commits:
            after, before = _content(process), _content(process)
            yield Rewrite(commit=commit, before=before, after=after)


def _content(process: Process) -> bytes | None:
    header = process.line().split(b" ")
    if len(header) != 3 or not header[2].isdigit():  # "... missing", with a path that may hold blanks
        return None
    size = int(header[2])
    content = process.exactly(min(size, LARGEST + 1))
    process.skip(size - len(content) + 1)
    return content if header[1] == b"blob" else None
