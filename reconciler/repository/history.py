"""Where commits stand to one another, and what their messages say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from uuid import UUID

from reconciler.domain.plan import RememberedRollback
from reconciler.domain.record import Telling
from reconciler.domain.revision import Relation
from reconciler.errors import RepositoryError
from reconciler.repository.memory import held
from reconciler.repository.past import existing
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.revisions import commit_exists
from reconciler.repository.text import one_line

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = 253_402_300_799  # the end of the year 9999
_TRAILERS = ("Rollback-Id", "Rollout-Feature", "Rollout-Attempt", "Environment")
_FEATURE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_ATTEMPT = re.compile(r"[1-9][0-9]{0,5}")  # as the schema: the next attempt has to be a legal one
_BETWEEN_VALUES = "\x1f"
_FACTS = ("%H", "%h", "%s", "%an", "%ct")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFacts:
    """What is shown of a commit; `subject` and `author` are safe to print."""

    id: str
    short: str
    subject: str
    author: str
    committed_at: datetime


def relation(git: Plumbing, applied: str, candidate: str) -> Relation:
    """Return how `candidate` stands to `applied`, both full ids; never a "no" that missing history made up."""
    if applied == candidate:
        return Relation.SAME
    if not commit_exists(git, applied):
        return Relation.UNKNOWN if is_incomplete(git) else Relation.DIVERGED
    apart = _commits_apart(git, applied, candidate)
    if apart is None:
        return Relation.UNKNOWN
    only_applied, only_candidate = apart
    if only_applied == 0:
        # Behind a cut there may be commits, and what they say, that nobody would ever look at again.
        return Relation.UNKNOWN if _is_cut_between(git, applied, candidate) else Relation.AHEAD
    if only_candidate == 0:
        return Relation.BEHIND
    return Relation.UNKNOWN if is_incomplete(git) else Relation.DIVERGED


def contains(git: Plumbing, tip: str, commit: str) -> bool | None:
    """Whether `commit` is `tip` or an ancestor of it; None when a shallow or partial clone can't tell."""
    match relation(git, commit, tip):
        case Relation.SAME | Relation.AHEAD:
            return True
        case Relation.BEHIND | Relation.DIVERGED:
            return False
        case Relation.UNKNOWN:
            return None


def is_incomplete(git: Plumbing) -> bool:
    """Whether this clone holds only a part of the history: shallow, or fetching objects as they are needed."""
    if git.run("rev-parse", "--is-shallow-repository").output.strip() != b"false":
        return True
    promised = git.run(
        "config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$", accept=(0, 1)
    )
    return promised.code == 0


def _is_cut_between(git: Plumbing, applied: str, candidate: str) -> bool:
    if not is_incomplete(git):
        return False
    cut = git.run("rev-parse", "--git-path", "shallow").output.decode("utf-8", "surrogateescape").strip()
    file = git.folder / cut
    if not file.exists():
        return False
    between = git.run("rev-list", "--end-of-options", candidate, f"^{applied}").output.split()
    return not set(between).isdisjoint(file.read_bytes().split())


def remembered_rollbacks(
    git: Plumbing, since: str | None, until: str, environment: str
) -> Mapping[str, RememberedRollback]:
    """Return, by feature, the highest attempt that commits of `since..until` say was rolled back here."""
    remembered: dict[str, RememberedRollback] = {}
    for told in _tellings(git, since, until, environment):
        # Newest first: of several commits for one attempt, the oldest is the one that caused it.
        if told.feature not in remembered or told.attempt >= remembered[told.feature].attempt:
            remembered[told.feature] = RememberedRollback(attempt=told.attempt, revision=told.commit)
    return remembered


def rollback_commits(git: Plumbing, since: str | None, until: str, environment: str) -> Mapping[UUID, str]:
    """Return, by the id of the rollback, the oldest commit of `since..until` that says it tells of that here."""
    known = since is not None and commit_exists(git, since)
    tellings = _tellings(git, since if known else None, until, environment)
    return {told.rollback_id: told.commit for told in tellings}


def tellings(git: Plumbing, until: str, environment: str) -> tuple[Telling, ...]:
    """Return every commit up to `until` that says it tells of a rollback here, newest first."""
    return tuple(_tellings(git, None, until, environment))


def last_change(git: Plumbing, until: str, path: str) -> str | None:
    """Return the newest commit up to `until` that changed this file; None when none did."""
    found = git.run("rev-list", "-1", "--end-of-options", until, "--", path).output.decode().split()
    return found[0] if found else None


def trailer(git: Plumbing, commit: str, name: str) -> str | None:
    """Return the first value of the trailer `name` of this commit, safe to print; None without one."""
    [(_, values)] = _read(git, "--no-walk", fields=("%H", _trailer_field(name)), commits=(commit,))
    return next((shown for value in values.split(_BETWEEN_VALUES) if (shown := one_line(value))), None)


def describe(git: Plumbing, commit: str) -> CommitFacts:
    """Return what is shown of this commit."""
    [values] = _read(git, "--no-walk", fields=_FACTS, commits=(commit,))
    return _facts(*values)


def described(git: Plumbing, commits: Collection[str]) -> Mapping[str, CommitFacts]:
    """Return what is shown of these commits, given by full id; those that aren't here are left out."""
    there = existing(git, commits)
    if not there:
        return {}
    with held("".join(f"{commit}\n" for commit in there).encode()) as ids:
        found = _read(git, "--no-walk=unsorted", "--stdin", fields=_FACTS, commits=(), stdin=ids)
        return {values[0]: _facts(*values) for values in found}


def _facts(id_: str, short: str, subject: str, author: str, seconds: str) -> CommitFacts:
    return CommitFacts(
        id=id_, short=short, subject=one_line(subject), author=one_line(author), committed_at=_moment(seconds)
    )


def _commits_apart(git: Plumbing, left: str, right: str) -> tuple[int, int] | None:
    # Unlike `merge-base --is-ancestor`, this says so when a parent can't be read, instead of answering "no".
    arguments = ("rev-list", "--left-right", "--count", f"{left}...{right}", "--")
    answer = git.run(*arguments, accept=(0, 128))
    if answer.code == 0:
        only_left, only_right = answer.output.split()
        return int(only_left), int(only_right)
    if is_incomplete(git):
        return None
    raise RepositoryError(
        f"{one_line(git.folder)}: the history between {left[:12]} and {right[:12]} can't be read: "
        f"{answer.complaint}; run `git fsck`, or clone again"
    )


def _trailers(git: Plumbing, since: str | None, until: str) -> Iterator[tuple[str, ...]]:
    fields = ("%H", *(_trailer_field(name) for name in _TRAILERS))
    # The search only saves work; what counts is what git takes for a trailer.
    search = ("--regexp-ignore-case", "--fixed-strings", f"--grep={_TRAILERS[0]}")
    commits = (until,) if since is None else (until, f"^{since}")
    return _read(git, *search, fields=fields, commits=commits)


def _tellings(git: Plumbing, since: str | None, until: str, environment: str) -> Iterator[Telling]:
    for commit, *fields in _trailers(git, since, until):
        # Commits that were squashed into one tell of several.
        blocks = [field.split(_BETWEEN_VALUES) for field in fields]
        if len({len(values) for values in blocks}) == 1:
            yield from (
                told for values in zip(*blocks, strict=True) if (told := _telling(commit, values, environment))
            )


def _telling(commit: str, values: tuple[str, ...], environment: str) -> Telling | None:
    identity, feature, attempt, where = values
    is_ours = where == environment and _is_uuid(identity)
    if is_ours and _FEATURE.fullmatch(feature) and _ATTEMPT.fullmatch(attempt):
        return Telling(commit=commit, rollback_id=UUID(identity), feature=feature, attempt=int(attempt))
    return None


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _trailer_field(name: str) -> str:
    return f"%(trailers:key={name},valueonly,unfold,separator=%x1f)"


def _read(
    git: Plumbing,
    *options: str,
    fields: tuple[str, ...],
    commits: tuple[str, ...],
    stdin: BinaryIO | None = None,
) -> Iterator[tuple[str, ...]]:
    layout = "".join(f"{field}%x00" for field in fields)
    options = ("--no-commit-header", "--encoding=UTF-8", *options, f"--format={layout}")
    ids = () if stdin is not None else ("--end-of-options", *commits, "--")
    output = git.run("rev-list", *options, *ids, stdin=stdin).output
    *values, _ = output.decode(errors="replace").split("\0")
    for start in range(0, len(values), len(fields)):
        first, *others = values[start : start + len(fields)]
        yield first.lstrip("\n"), *others


def _moment(seconds: str) -> datetime:
    # A commit may claim any time at all; git answers with nothing for one that it can't read.
    return _EPOCH + timedelta(seconds=min(max(int(seconds or 0), 0), _LAST_SECOND))
