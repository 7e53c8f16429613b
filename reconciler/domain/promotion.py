"""Dwell and verdict gates: what holds this rollout back from one rung more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.domain.analysis import Evidence, Verdict
from reconciler.domain.definition import Definition
from reconciler.domain.duration import format_duration
from reconciler.domain.gates import Gates, loosened, stricter
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
    return general + tuple(_earned(definition, state, evidence, keeper.now))


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


def _earned(definition: Definition, state: State, evidence: Evidence, now: datetime) -> Iterator[Hold]:
    gates = gates_of(state, definition)
    tier = int(state.standing.tier)
    dwell = gates.dwell.at(state.standing.tier)
    due = due_at(state, definition)
    if now < due:
        served = format_duration(max(now - state.epoch_started_at, timedelta()))  # the clock may have been set back
        reason = f"at tier {tier} for {served} of {format_duration(dwell)}"
        yield _hold(definition, state, WaitsFor.DWELL, reason, _patience(state, definition), due)
    if evidence.verdict is Verdict.UNHEALTHY:
        reason = f"{evidence.failing} of {evidence.exposed} exposed customers have an error"
        yield _hold(definition, state, WaitsFor.HEALTH, reason, "mend the feature, or set a lower `tier`")
    if evidence.verdict is Verdict.INSUFFICIENT and gates.thresholds.min_exposed > 0:
        reason = f"{evidence.exposed} exposed customers seen, {gates.thresholds.min_exposed} needed"
        remedy = _settle_first(
            state, definition, "wait for events, or settle `thresholds.min_exposed: 0` to promote without evidence"
        )
        yield _hold(definition, state, WaitsFor.EVIDENCE, reason, remedy)


def _patience(state: State, definition: Definition) -> str:
    return _settle_first(state, definition, "nothing to do: the first apply after that raises it")


def _settle_first(state: State, definition: Definition, otherwise: str) -> str:
    names = loosened(state.standing.settled, definition.gates)
    if not names:
        return otherwise
    listed = ", ".join(f"`{name}`" for name in names)
    return (
        f"this raise can't loosen its own gates ({listed}): "
        f"set `tier: {int(state.standing.tier)}` back with the new values first, or wait"
    )


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
