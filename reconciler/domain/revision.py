"""Which commit may be applied, and may it raise: the fence against stale, foreign and rewritten history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from reconciler.domain.duration import format_duration
from reconciler.domain.plan import RaisesHeld, WaitsFor

CLOCK_TOLERANCE = timedelta(seconds=30)


class Relation(StrEnum):
    """How a candidate commit stands to the one in force."""

    SAME = "same"
    AHEAD = "ahead"
    BEHIND = "behind"
    DIVERGED = "diverged"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A commit about to be applied; `in_force` and `relation` are None before the first apply."""

    revision: str
    tip: str
    on_branch: bool | None
    in_force: str | None = None
    relation: Relation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Nothing may be applied when `refusal` is set; nothing needs to be when `is_stale`.

    `is_foreign` says that the commit is refused for not being merged yet: a plan of it is still worth its answer.
    """

    refusal: str | None = None
    is_stale: bool = False
    is_foreign: bool = False


PERMITTED = Permission()


def examine(candidate: Candidate) -> Permission:
    """Say whether the candidate may be applied at all."""
    if candidate.relation is Relation.BEHIND:
        return Permission(is_stale=True)
    refusals = {
        _foreign(candidate): candidate.on_branch is False,
        _cut_off(candidate.revision): candidate.relation is Relation.UNKNOWN or candidate.on_branch is None,
        _rewritten(candidate): candidate.relation is Relation.DIVERGED,
    }
    refusal = next((refusal for refusal, applies in refusals.items() if applies), None)
    return Permission(refusal=refusal, is_foreign=candidate.on_branch is False)


def shallow(permission: Permission, revision: str) -> Permission:
    """Return the permission of a commit whose past can't be read whole."""
    if permission.is_stale or permission.refusal is not None:
        return permission
    return Permission(refusal=_cut_off(revision))


def holds_raises(candidate: Candidate, clock_skew: timedelta) -> RaisesHeld | None:
    """Say why this commit, at this moment, may do everything but raise.

    A commit that isn't on the branch at all is planned as if it were merged; applying it is refused by `examine`.
    """
    if candidate.on_branch is not False and candidate.revision != candidate.tip:
        return RaisesHeld(
            waits_for=WaitsFor.TIP,
            reason=f"{candidate.revision[:10]} is not the tip of the branch, {candidate.tip[:10]} is",
            remedy="apply the tip",
        )
    if abs(clock_skew) > CLOCK_TOLERANCE:
        apart = format_duration(abs(clock_skew))
        return RaisesHeld(
            waits_for=WaitsFor.CLOCK,
            reason=f"the clocks of the database and of this machine are {apart} apart, more than 30s",
            remedy="set the clocks right",
        )
    return None


def _foreign(candidate: Candidate) -> str:
    if candidate.relation is Relation.DIVERGED:
        return (
            f"{candidate.revision[:10]} is not merged and does not contain {(candidate.in_force or '')[:10]}, "
            "which is in force: merge or rebase onto it, or what others changed since looks undone"
        )
    return f"{candidate.revision[:10]} is not on the applied branch; merge it, or name another with --branch"


def _cut_off(revision: str) -> str:
    return (
        f"this clone is shallow and can't tell whether {revision[:10]} is newer than what is in force, "
        "or what was rolled back before; run `git fetch --unshallow` (in CI: fetch-depth: 0)"
    )


def _rewritten(candidate: Candidate) -> str:
    return (
        f"{candidate.revision[:10]} does not contain {(candidate.in_force or '')[:10]}, which is in force: "
        "pull first; only when the branch was rewritten on purpose, "
        "run `reconciler db reanchor --reason TEXT`"
    )
