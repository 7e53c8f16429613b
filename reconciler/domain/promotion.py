"""Dwell and verdict gates: what holds this rollout back from one rung more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.domain.analysis import Evidence, Verdict
from reconciler.domain.breach import Breach, percent, with_an_error
from reconciler.domain.definition import Definition
from reconciler.domain.duration import format_duration
from reconciler.domain.gates import Gates, Thresholds, stricter
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Hold, RaisesHeld, WaitsFor
from reconciler.domain.policy import Policy, frozen_at
from reconciler.domain.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Gatekeeper:
    """What holds raises at one moment, apart from the rollout itself."""

    policy: Policy
    now: datetime
    raises_held: RaisesHeld | None = None


def holds_on_raise(definition: Definition, state: State | None, keeper: Gatekeeper) -> tuple[Hold, ...]:
    """Return what holds any raise: the revision or clock, a pause, a freeze."""
    return tuple(_general(definition, state, keeper))


def holds_on_adoption(definition: Definition, keeper: Gatekeeper) -> tuple[Hold, ...]:
    """Return what holds taking over a feature that is live already: the revision or the clock alone."""
    return tuple(_of_any_plan(definition, None, keeper))


def holds_on_promotion(
    definition: Definition, state: State, evidence: Evidence, keeper: Gatekeeper
) -> tuple[Hold, ...]:
    """Return everything that holds one rung up now; empty means: promote."""
    general = tuple(_general(definition, state, keeper))
    if state.standing.tier is Tier.DISABLED:
        return general
    unproven = tuple(_unproven(definition, state, evidence))
    unserved = _unserved(definition, state, keeper.now, is_last=not (general or unproven))
    return (*general, *unserved, *unproven)


def gates_of(state: State, definition: Definition) -> Gates:
    """Return the gates of a raise: the stricter of what is settled and what the file that asks for it says."""
    return stricter(state.standing.settled, definition.gates)


def due_at(state: State, definition: Definition) -> datetime:
    """Return the moment at which the dwell of the epoch is served."""
    return state.epoch_started_at + gates_of(state, definition).dwell.at(state.standing.tier)


def _general(definition: Definition, state: State | None, keeper: Gatekeeper) -> Iterator[Hold]:
    yield from _of_any_plan(definition, state, keeper)
    if definition.paused:
        yield _hold(definition, state, WaitsFor.RESUME, "the rollout is paused", "set `paused: false`")
    frozen = frozen_at(keeper.policy, keeper.now)
    if frozen is not None:
        remedy = "wait, or have the policy changed by its owners"
        yield _hold(definition, state, WaitsFor.FREEZE, f"raises are frozen: {frozen.reason}", remedy, frozen.until)


def _of_any_plan(definition: Definition, state: State | None, keeper: Gatekeeper) -> Iterator[Hold]:
    held = keeper.raises_held
    if held is not None:
        yield _hold(definition, state, held.waits_for, held.reason, held.remedy)


def _unserved(definition: Definition, state: State, now: datetime, *, is_last: bool) -> Iterator[Hold]:
    due = due_at(state, definition)
    if now >= due:
        return
    tier = state.standing.tier
    dwell = gates_of(state, definition).dwell.at(tier)
    served = format_duration(max(now - state.epoch_started_at, timedelta()))  # the clock may have been set back
    patience = "the first apply after that raises it" if is_last else "it passes by itself"
    gate = None
    if definition.gates.dwell.at(tier) < dwell:
        gate = f"`dwell.{int(tier)}` stays {format_duration(dwell)}"
    remedy = _settle_first(state, gate, f"nothing to do: {patience}")
    reason = f"at tier {int(tier)} for {served} of {format_duration(dwell)}"
    yield _hold(definition, state, WaitsFor.DWELL, reason, remedy, due)


def _unproven(definition: Definition, state: State, evidence: Evidence) -> Iterator[Hold]:
    gates = gates_of(state, definition).thresholds
    if evidence.unreadable:
        reason = f"the events can't be read: {evidence.unreadable}"
        yield _hold(definition, state, WaitsFor.EVIDENCE, reason, "mend the database; nothing is raised unseen")
    elif evidence.verdict is Verdict.UNHEALTHY:
        reason = _ailing(gates, evidence, int(state.standing.tier))
        yield _hold(definition, state, WaitsFor.HEALTH, reason, "mend the feature, or set a lower `tier`")
    elif evidence.verdict is Verdict.INSUFFICIENT and gates.min_exposed > 0:
        reason = f"{evidence.epoch.customers} exposed customers seen, {gates.min_exposed} needed"
        is_looser = definition.gates.thresholds.min_exposed < gates.min_exposed
        gate = f"`thresholds.min_exposed` stays {gates.min_exposed}" if is_looser else None
        yield _hold(definition, state, WaitsFor.EVIDENCE, reason, _settle_first(state, gate, _without(state)))


def _ailing(gates: Thresholds, evidence: Evidence, tier: int) -> str:
    if evidence.is_tripped:
        return str(Breach(cohort=evidence.window, thresholds=gates))
    return f"{with_an_error(evidence.epoch)} since tier {tier} began, {percent(gates.success_rate)} must have none"


def _without(state: State) -> str:
    tier = int(state.standing.tier)
    return f"wait for events, or apply `thresholds.min_exposed: 0` with `tier: {tier}` to promote without evidence"


def _settle_first(state: State, gate: str | None, otherwise: str) -> str:
    if gate is None:
        return otherwise
    tier = int(state.standing.tier)
    return f"a raise can't loosen its own gate, {gate}: set `tier: {tier}` back with the new value first, or wait"


def _hold(
    definition: Definition,
    state: State | None,
    waits_for: WaitsFor,
    reason: str,
    remedy: str,
    until: datetime | None = None,
) -> Hold:
    return Hold(
        feature=definition.feature,
        owner=definition.owner,
        before=state,
        tier=definition.tier,
        waits_for=waits_for,
        reason=reason,
        remedy=remedy,
        until=until,
    )
