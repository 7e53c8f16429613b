"""What stands in the way of one rung more: the rules themselves are asked, as if each file said so already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.definitions.load import load
from reconciler.domain.analysis import NO_EVIDENCE, Evidence
from reconciler.domain.definition import Definition
from reconciler.domain.desired import Desired
from reconciler.domain.diff import Circumstances, Observed, diff
from reconciler.domain.ladder import Tier
from reconciler.domain.ledger import Scope
from reconciler.domain.plan import Hold, RaisesHeld, Refusal, WaitsFor
from reconciler.domain.promotion import gates_of
from reconciler.domain.proposal import Obstacle, Outlook, Place
from reconciler.domain.revision import Candidate, holds_raises
from reconciler.domain.rollback import begins_again
from reconciler.domain.state import State
from reconciler.reconcile.observe import check_root, gathered
from reconciler.reconcile.ports import Repository, Store

_THE_TIP = Candidate(revision="", tip="", on_branch=True)
_NO_COMMIT = ""  # the one that would ask for the raise has raised nothing before
_PASSING = frozenset({WaitsFor.FREEZE, WaitsFor.CLOCK, WaitsFor.TIP})  # what is asked for may stay meanwhile
_EVIDENCE = frozenset({WaitsFor.HEALTH, WaitsFor.EVIDENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found of the named features at one moment of the database's clock."""

    scope: Scope
    outlooks: Mapping[str, Outlook] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the rules answer to a rung more, by feature: none of the stops means that it would be carried out."""

    stops: Mapping[str, Sequence[Hold | Refusal]]
    evidence: Mapping[str, Evidence]


def survey(
    store: Store, repository: Repository, root: str, tip: str, features: Collection[str], local_now: datetime
) -> Survey:
    """Look at the named features at the tip; what is not in the database is left out."""
    scope = store.scope()
    check_root(scope, root)
    states = store.states(sorted(features))
    if not states:
        return Survey(scope=scope)
    entries = repository.entries(tip, root) or ()
    others = {feature: key for feature, key in store.index().keys.items() if feature not in states}
    desired = load(entries, repository.read, root, others, with_policy=True)
    held = holds_raises(_THE_TIP, scope.now - local_now)
    asked = _asked(store, desired, states, scope.now, held)
    blobs = {entry.path: entry.id for entry in entries}
    outlooks = {feature: _outlook(state, desired, asked, blobs) for feature, state in states.items()}
    return Survey(scope=scope, outlooks=outlooks)


def _asked(
    store: Store, desired: Desired, states: Mapping[str, State], now: datetime, held: RaisesHeld | None
) -> _Asked:
    raised = replace(desired, definitions=_raised(desired, states), unchanged=frozenset(), problems=())
    asking = {feature: states[feature] for feature in raised.definitions}
    evidence = gathered(store, raised, asking)
    observed = Observed(now=now, states=asking, evidence=evidence)
    plan = diff(raised, observed, Circumstances(revision=_NO_COMMIT, raises_held=held))
    stops: dict[str, list[Hold | Refusal]] = {feature: [] for feature in asking}
    found: list[Hold | Refusal] = [*plan.holds, *plan.refusals]
    for stop in found:
        stops[stop.feature].append(stop)
    return _Asked(stops=stops, evidence=evidence)


def _raised(desired: Desired, states: Mapping[str, State]) -> Mapping[str, Definition]:
    """Return the definitions that may ask for a rung more, as they would read then."""
    return {
        feature: replace(definition, tier=Tier(definition.tier + 1))
        for feature, definition in desired.definitions.items()
        if feature in states and _is_in_step(definition, states[feature])
    }


def _is_in_step(definition: Definition, state: State) -> bool:
    standing = state.standing
    if standing.rolled_back or standing.retired:
        return False
    agrees = (definition.tier, definition.attempt) == (standing.tier, standing.attempt)
    return agrees and Tier.DISABLED < definition.tier < definition.target


def _outlook(state: State, desired: Desired, asked: _Asked, blobs: Mapping[str, str]) -> Outlook:
    feature = state.feature
    definition = desired.definitions.get(feature)
    evidence = asked.evidence.get(feature, NO_EVIDENCE)
    if feature in asked.stops:
        obstacle = _held(asked.stops[feature], evidence)
    else:
        obstacle = _out_of_step(state, definition, desired)
    if definition is None:
        return Outlook(feature=feature, state=state, obstacle=obstacle)
    path = definition.source.path
    return Outlook(
        feature=feature,
        state=state,
        said=definition.tier,
        place=Place(path=path, blob=blobs[path]),
        gates=gates_of(state, definition),
        evidence=evidence,
        obstacle=obstacle,
    )


def _held(stops: Sequence[Hold | Refusal], evidence: Evidence) -> Obstacle | None:
    """Return what holds a rung more back, None for nothing; a failing query says nothing of the evidence."""
    if not stops:
        return None
    known = frozenset() if evidence.unreadable else _EVIDENCE
    holds = [stop for stop in stops if isinstance(stop, Hold)]
    # What a hold of the dwell advises is about a raise that was asked for.
    dwelling = [hold for hold in holds if hold.waits_for is WaitsFor.DWELL]
    waits = {hold.waits_for for hold in holds}
    return Obstacle(
        why="; ".join(stop.reason for stop in stops),
        remedy="; ".join(stop.remedy for stop in stops if stop not in dwelling),
        until=max((hold.until for hold in holds if hold.until is not None), default=None),
        ends=not waits <= _PASSING | (_EVIDENCE - known) or len(holds) < len(stops),
        is_evidence=bool(waits & known),
    )


def _out_of_step(state: State, definition: Definition | None, desired: Desired) -> Obstacle:
    standing = state.standing
    if standing.rolled_back:
        reason = "" if state.rollback is None else f": {state.rollback.reason}"
        remedy = f"to start again set {begins_again(state)}"
        return Obstacle(why=f"attempt {standing.attempt} was rolled back{reason}", remedy=remedy, ends=True)
    if standing.retired:
        return Obstacle(why="it is retired: its file is gone", ends=True)
    if definition is None:
        return _unread(state, desired)
    if definition.attempt != standing.attempt or definition.tier != standing.tier:
        says = f"its file says tier {int(definition.tier)}, attempt {definition.attempt}"
        stands = f"it stands at tier {int(standing.tier)}, attempt {standing.attempt}"
        return Obstacle(why=f"{says}; {stands}", remedy="`reconciler plan` says what that waits for", ends=True)
    if definition.tier >= definition.target:
        return Obstacle(why=f"its target, tier {int(definition.target)}, is reached", ends=True)
    # Rule 10 asks for no evidence here: that strangers see it for the first time is for a person to want.
    return Obstacle(why="the first strangers are for a person to ask for", remedy="set `tier: 1`", ends=True)


def _unread(state: State, desired: Desired) -> Obstacle:
    for problem in desired.problems:
        if state.feature in problem.features or problem.hides_files:
            return Obstacle(why=str(problem))
    return Obstacle(why="its file is gone", remedy="restore it, or finish the rollout", ends=True)
