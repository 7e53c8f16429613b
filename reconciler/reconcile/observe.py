"""Reads git and the database, as little as the change needs, and makes the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.definitions.load import load
from reconciler.definitions.source import Entry, ReadContents
from reconciler.domain.analysis import Evidence, Tallies, Verdict, judge
from reconciler.domain.desired import Desired
from reconciler.domain.diff import Circumstances, Observed, diff
from reconciler.domain.guard import guard
from reconciler.domain.ladder import Tier
from reconciler.domain.ledger import Index, Scope
from reconciler.domain.plan import Plan, RememberedRollback
from reconciler.domain.promotion import gates_of
from reconciler.domain.revision import PERMITTED, Candidate, Permission, Relation, examine, holds_raises, shallow
from reconciler.domain.state import State
from reconciler.errors import UNANSWERED, UsageError
from reconciler.reconcile.ports import Repository, Store

UNSAFE_TRAILER = "Allow-Unsafe-Plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person or a job asks to have planned; `revision` None means the tip of the branch.

    `with_policy` has the policy read even if no definition is: to tell when something could be raised.
    """

    root: str
    local_now: datetime
    revision: str | None = None
    adopt: bool = False
    allow_unsafe: str | None = None
    with_policy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What stands below a root, in a commit or in the working tree.

    `recall` tells of every rollback in the whole history, None where a part of it is missing; it is asked only for
    features that the database has never seen, so that an attempt which was rolled back can't begin anew in an
    empty database.
    """

    root: str
    entries: Sequence[Entry]
    read: ReadContents
    recall: Callable[[], Mapping[str, RememberedRollback] | None] = dict
    with_policy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """A plan with all it was made of; `permission` says whether its revision may be applied."""

    plan: Plan
    root: str
    desired: Desired
    states: Mapping[str, State]
    scope: Scope
    permission: Permission = PERMITTED


def prepare(store: Store, repository: Repository, request: Request) -> Prospect:
    """Plan a commit against the database."""
    scope = store.scope()
    candidate = _candidate(repository, scope, request)
    circumstances = Circumstances(
        revision=candidate.revision,
        raises_held=holds_raises(candidate, scope.now - request.local_now),
        remembered=_remembered(repository, scope, candidate, request.root),
        adopt=request.adopt,
    )
    entries = repository.entries(candidate.revision, request.root)
    allowed = request.allow_unsafe or repository.trailer(candidate.revision, UNSAFE_TRAILER)
    files = Files(
        root=request.root,
        entries=entries or (),
        read=repository.read,
        recall=lambda: recalled(repository, candidate.revision, request.root),
        with_policy=request.with_policy,
    )
    return compare(store, scope, files, circumstances, allowed=allowed, permission=examine(candidate))


def recalled(repository: Repository, revision: str, root: str) -> Mapping[str, RememberedRollback] | None:
    """Return every rollback that the history up to a commit tells of, None when a part of it is missing."""
    return repository.remembered_rollbacks(None, revision, root) if repository.is_complete() else None


def compare(
    store: Store,
    scope: Scope,
    files: Files,
    circumstances: Circumstances,
    *,
    allowed: str | None = None,
    permission: Permission = PERMITTED,
) -> Prospect:
    """Plan files against the database, reading only what isn't known to be in force."""
    check_root(scope, files.root)
    index = store.index()
    known = _known(index, circumstances)
    desired = load(files.entries, files.read, files.root, known, with_policy=files.with_policy)
    if not (index.features or desired.definitions or desired.problems):
        raise UsageError(
            f"root {files.root}: there is no definition yet; write a first one with `reconciler new`, "
            "or name another folder with --root"
        )
    if unknown := desired.definitions.keys() - index.features:
        told = files.recall()
        permission = permission if told is not None else shallow(permission, circumstances.revision)
        circumstances = _recalled(told or {}, unknown, circumstances)
    states = store.states(_undecided(desired, index, circumstances))
    observed = Observed(now=scope.now, states=states, evidence=gathered(store, desired, states))
    plan = diff(desired, observed, circumstances)
    live = len(index.features - index.retired)
    plan = guard(plan, desired, live=live, exposed=len(index.exposed), allowed=allowed)
    return Prospect(plan=plan, root=files.root, desired=desired, states=states, scope=scope, permission=permission)


def check_root(scope: Scope, root: str) -> None:
    """Raise UsageError when the database serves another root."""
    if scope.root not in (None, root):
        raise UsageError(
            f"this database serves the root {scope.root}, not {root}; name that with --root, or give "
            f"{root} a database of its own with --dsn or --data-folder"
        )


def gathered(store: Store, desired: Desired, states: Mapping[str, State]) -> Mapping[str, Evidence]:
    """Return the evidence about every feature that its file wants higher, judged by what gates its raise."""
    asking = {
        feature: gates_of(states[feature], definition).thresholds
        for feature, definition in desired.definitions.items()
        if feature in states and Tier.DISABLED < states[feature].standing.tier < definition.tier
    }
    if not asking:
        return {}
    try:
        tallies = store.tallies(sorted(asking))
    except UNANSWERED as error:
        # A failing query is not zero errors: nothing climbs on it, and everything else goes on.
        return dict.fromkeys(asking, Evidence(verdict=Verdict.INSUFFICIENT, unreadable=str(error)))
    found = {feature: tallies.get(feature, Tallies()) for feature in asking}
    return {
        feature: judge(thresholds, found[feature].window.exposed, found[feature].epoch.exposed)
        for feature, thresholds in asking.items()
    }


def _candidate(repository: Repository, scope: Scope, request: Request) -> Candidate:
    tip = repository.tip()
    revision = tip if request.revision is None else repository.resolve(request.revision)
    return Candidate(
        revision=revision,
        tip=tip,
        on_branch=revision == tip or repository.is_on_branch(revision),
        in_force=scope.revision,
        relation=_relation(repository, scope, revision),
    )


def _relation(repository: Repository, scope: Scope, revision: str) -> Relation | None:
    # What is read from the whole history may lie in the part that is cut off.
    if (scope.revision is None or scope.looks_back) and not repository.is_complete():
        return Relation.UNKNOWN
    return None if scope.revision is None else repository.relation(scope.revision, revision)


def _remembered(
    repository: Repository, scope: Scope, candidate: Candidate, environment: str
) -> Mapping[str, RememberedRollback]:
    # Up to the tip: a rollback that git tells of above an older revision holds for that as well.
    until = candidate.tip if candidate.on_branch else candidate.revision
    if scope.looks_back:
        return repository.remembered_rollbacks(None, until, environment)
    if candidate.in_force is None or candidate.relation not in (Relation.AHEAD, Relation.SAME):
        return {}
    if until == candidate.in_force:
        return {}
    return repository.remembered_rollbacks(candidate.in_force, until, environment)


def _known(index: Index, circumstances: Circumstances) -> Mapping[str, str]:
    # Every feature that a plan may touch is named, those without a key too: the loader sees who lost a file.
    live = index.features - index.retired
    return {feature: "" if feature in circumstances.remembered else index.keys.get(feature, "") for feature in live}


def _recalled(
    told: Mapping[str, RememberedRollback], unknown: AbstractSet[str], circumstances: Circumstances
) -> Circumstances:
    of_unknown = {feature: memory for feature, memory in told.items() if feature in unknown}
    return replace(circumstances, remembered={**circumstances.remembered, **of_unknown})


def _undecided(desired: Desired, index: Index, circumstances: Circumstances) -> list[str]:
    unreadable = frozenset(feature for problem in desired.problems for feature in problem.features)
    without_file = index.features - index.retired - desired.unchanged - desired.definitions.keys() - unreadable
    told_of = index.features & circumstances.remembered.keys()
    return sorted(without_file | told_of | (index.features & desired.definitions.keys()))
