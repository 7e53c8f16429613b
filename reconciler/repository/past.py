"""The past as a whole: which commits there are, and what each of them changed, each in one run of git."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeAlias

from reconciler.definitions.source import Entry
from reconciler.domain.lineage import Lineage
from reconciler.errors import RepositoryError
from reconciler.repository.memory import held
from reconciler.repository.paths import normalized
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.process import Process
from reconciler.repository.revisions import is_full_id
from reconciler.repository.tree import kind_of

Pair: TypeAlias = tuple[str, str | None]
"""A commit, and the one it is compared with; None compares it with nothing at all."""

Change: TypeAlias = tuple[str, Entry | None]
"""A path, and what stands there; None when nothing does any more."""

_PIECE = 1 << 16


def existing(git: Plumbing, commits: Collection[str]) -> tuple[str, ...]:
    """Return those of these full ids that are commits of this repository; anything else is passed over."""
    asked = [commit for commit in dict.fromkeys(commits) if is_full_id(commit)]
    if not asked:
        return ()
    with held("".join(f"{commit}\n" for commit in asked).encode()) as ids:
        answer = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=ids).output
    found = (line.split(" ") for line in answer.decode(errors="replace").splitlines())
    return tuple(id_ for id_, kind in found if kind == "commit")


def lineage(git: Plumbing, tip: str, others: Collection[str], *, is_complete: bool) -> Lineage:
    """Return all commits that can be reached from the tip, or from those of the others that exist."""
    starts = dict.fromkeys((tip, *existing(git, others)))
    with held("".join(f"{commit}\n" for commit in starts).encode()) as ids:
        listing = git.run("rev-list", "--topo-order", "--reverse", "--parents", "--stdin", stdin=ids).output
    lines = (line.split() for line in listing.decode().splitlines())
    return Lineage(tip=tip, parents={commit: tuple(parents) for commit, *parents in lines}, is_complete=is_complete)


def changes(git: Plumbing, pairs: Sequence[Pair], root: str) -> Iterator[list[Change]]:
    """Yield, pair by pair, what differs below the root; None stands for a commit without anything."""
    if not pairs:
        return
    lines = "".join(f"{commit}\n" if other is None else f"{commit} {other}\n" for commit, other in pairs)
    options = ("--stdin", "--always", "--root", "-r", "--raw", "-z", "--no-renames", "--no-abbrev")
    with (
        held(lines.encode()) as ids,
        git.start("diff-tree", *options, "--", normalized(root), stdin=ids) as process,
    ):
        yield from _by_pair(_words(process), len(pairs))
        if process.finish():
            raise RepositoryError(f"git diff-tree failed: {process.complaint}; run `git fsck`, or clone again")


def _by_pair(words: Iterable[str], count: int) -> Iterator[list[Change]]:
    found: list[Change] | None = None
    done = 0
    coming = iter(words)
    for word in coming:
        if word.startswith(":"):
            if found is not None:
                found.append(_change(word, next(coming, "")))
        else:
            if found is not None:
                done += 1
                yield found
            found = []
    if found is not None:
        done += 1
        yield found
    if done != count:
        raise RepositoryError("git diff-tree left out some commits; run `git fsck`, or clone again")


def _change(facts: str, path: str) -> Change:
    _, mode, _, id_, status = facts.split(" ")
    return path, None if status == "D" else Entry(path=path, kind=kind_of(mode), id=id_)


def _words(process: Process) -> Iterator[str]:
    """Yield what stands between NULs, as it comes: a commit may have changed everything."""
    rest = b""
    while piece := process.exactly(_PIECE):
        *words, rest = (rest + piece).split(b"\0")
        for word in words:
            yield word.decode(errors="surrogateescape")
