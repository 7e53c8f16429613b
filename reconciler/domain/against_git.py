"""What a database says, held against what commits say: rows, and rollbacks that git remembers or was told of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.domain.audit import differing
from reconciler.domain.definition import Definition
from reconciler.domain.describe import edits
from reconciler.domain.ladder import Tier
from reconciler.domain.links import written_by
from reconciler.domain.record import Finding, Link, Outgoing, Remembered, Telling
from reconciler.domain.state import Standing
from reconciler.domain.transition import held_back, rolled_back, settled

_TOLD_APART = ("tier", "attempt", "rolled_back", "retired")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What a file says of its rollback, whatever else is in it."""

    tier: int
    attempt: int
    rolled_back: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAt:
    """What a commit says of a feature: its definition, or the fault that keeps it from being read.

    `key` is that of its file, `saying` what can be read of it even so; all of them None without a file.
    """

    commit: str
    definition: Definition | None = None
    problem: str | None = None
    key: str | None = None
    saying: Saying | None = None

    @property
    def exists(self) -> bool:
        """Whether there is a file of the feature at all."""
        return self.definition is not None or self.problem is not None or self.key is not None


def content_faults(link: Link, before: Link | None, file: FileAt) -> Iterator[Finding]:
    """Yield what a row says otherwise than its commit; `file` is what that says of the feature."""
    if link.kind == "rollback":
        return  # no commit causes it; which one tells of it is another question
    if link.kind == "retire":
        if file.exists:
            yield _of_row(link, "retired_without_file", f"its file is there at {file.commit[:10]}")
        if before is not None and (changed := differing(replace(before.standing, retired=True), link.standing)):
            yield _of_row(link, "retired_without_file", f"a retirement changed {', '.join(changed)}")
        return
    if file.definition is None:
        fact = f"its file can't be read: {file.problem}" if file.exists else "there is no file of it"
        yield _of_row(link, "says_what_its_commit_says", f"at its commit {file.commit[:10]} {fact}")
        return
    expected = _expected(link, before, file.definition)
    if expected != link.standing:
        what = f"its commit {file.commit[:10]} says otherwise: {_difference(expected, link.standing)}"
        yield _of_row(link, "says_what_its_commit_says", what)


def import_faults(link: Link, file: FileAt, tellings: Sequence[Telling]) -> Iterator[Finding]:
    """Yield a row that says git remembers its rollback, where the commit that it names tells of none."""
    attempt = link.standing.attempt
    is_told = any((telling.feature, telling.attempt) == (link.feature, attempt) for telling in tellings)
    in_file = file.saying is not None and file.saying.rolled_back == attempt
    if not (is_told or in_file):
        what = f"git remembers no rollback of attempt {attempt} at {file.commit[:10]}, which it names"
        yield _of_row(link, "rollback_is_remembered", what)


def telling_faults(row: Outgoing, link: Link, file: FileAt, tellings: Sequence[Telling]) -> Iterator[Finding]:
    """Yield what the commit by which git is said to be told does not say; `tellings` are those of that commit."""
    own = [telling for telling in tellings if telling.rollback_id == row.rollback_id]
    wrong = [f"{each.feature} attempt {each.attempt}" for each in own if _names_another(each, row)]
    at = file.commit[:10]
    if wrong:
        yield _untold(link, f"the trailers of {at} name {wrong[0]}, not {row.feature} attempt {row.attempt}")
    saying = file.saying
    if saying is None:
        fact = f"can't be read: {file.problem}" if file.exists else "is not there"
        yield _untold(link, f"{at} is said to tell git of it, and the file {fact}")
    elif saying.rolled_back < row.attempt:
        yield _untold(
            link, f"{at} is said to tell git of it, and the file says `rolled_back: {saying.rolled_back}`"
        )
    elif saying.attempt == row.attempt and saying.tier:
        yield _untold(link, f"{at} is said to tell git of it, and the file says `tier: {saying.tier}`")


def source_faults(remembered: Remembered, last: Link, files: Sequence[FileAt]) -> Iterator[Finding]:
    """Yield a remembered key that keeps a file from being read whose content is not in force whole.

    `files` are what the commit in force, and the tip, say of the feature.
    """
    for file in files:
        if file.key != remembered.key or remembered.version != last.version:
            continue
        if file.definition is None:
            fact = "a file that can't be read"
        elif (expected := settled(file.definition)) != last.standing:
            fact = f"a file that says otherwise ({_difference(expected, last.standing)})"
        else:
            continue
        yield _unread(last, f"settled_sources keeps {file.commit[:10]} from being read: it knows the key of {fact}")
        return


def stray_source(last: Link) -> Finding:
    """Return the finding for a remembered key that no commit which was in force has."""
    return _unread(last, "settled_sources holds the key of a file that was never in force")


def _unread(last: Link, what: str) -> Finding:
    remedy = "a lowering may be missed: change its file (a comment will do), then `reconciler apply` reads it"
    return Finding(feature=last.feature, version=last.version, rule="settled_source", what=what, remedy=remedy)


def _names_another(telling: Telling, row: Outgoing) -> bool:
    return (telling.feature, telling.attempt) != (row.feature, row.attempt)


def _expected(link: Link, before: Link | None, definition: Definition) -> Standing:
    """Return what a row says that this definition caused."""
    if link.is_settled:
        return settled(definition)
    if before is not None:
        return held_back(definition, before.standing)
    if link.rollback_commit is not None:
        return rolled_back(settled(definition), link.standing.attempt)
    return replace(settled(definition), tier=Tier.DISABLED)


def _difference(expected: Standing, found: Standing) -> str:
    apart = [
        f"{name} {_plain(getattr(expected, name))}, not {_plain(getattr(found, name))}"
        for name in _TOLD_APART
        if getattr(expected, name) != getattr(found, name)
    ]
    others = edits(replace(expected, retired=False), replace(found, retired=False))
    return "; ".join([*apart, *([] if others == "nothing" else [others])])


def _plain(value: bool | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(int(value))


def _untold(link: Link, what: str) -> Finding:
    remedy = (
        f"see whether the branch says `rolled_back: {link.standing.attempt}` in its file, and write it there if not"
    )
    return Finding(feature=link.feature, version=link.version, rule="git_is_told", what=what, remedy=remedy)


def _of_row(link: Link, rule: str, what: str) -> Finding:
    remedy = f"{written_by(link)}: ask why; `reconciler apply` brings it to what its file says now"
    return Finding(feature=link.feature, version=link.version, rule=rule, what=what, remedy=remedy)
