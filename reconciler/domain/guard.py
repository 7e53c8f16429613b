"""Refuses a whole plan that looks like an accident: an empty root, or too many rollouts lowered at once."""

from __future__ import annotations

from dataclasses import replace

from reconciler.domain.desired import Desired
from reconciler.domain.plan import Change, Demote, Plan, Retire, Rollback
from reconciler.domain.policy import GuardLimits


def guard(plan: Plan, desired: Desired, *, live: int, exposed: int, allowed: str | None = None) -> Plan:
    """Mark a plan as unsafe.

    `live` counts the rollouts not retired and `exposed` those of them above tier 0, so that many at tier 0 don't
    hide that all the others are switched off; `allowed` is the reason of an override.
    """
    danger = _danger(plan, desired, live, exposed)
    if danger is None:
        return plan
    return replace(plan, unsafe=danger, unsafe_allowed=allowed)


def permitted(plan: Plan) -> tuple[Change, ...]:
    """Return the changes that may be carried out: all of a safe plan, the rollbacks alone of an unsafe one."""
    if not plan.is_blocked:
        return plan.changes
    return tuple(change for change in plan.changes if isinstance(change, Rollback))


def _danger(plan: Plan, desired: Desired, live: int, exposed: int) -> str | None:
    if not (desired.definitions or desired.unchanged or desired.problems):
        return "the root holds no definition at all"
    limits = desired.policy.guard
    lowered = [change for change in plan.changes if _ends_exposure(change)]
    demoted = sum(1 for change in lowered if isinstance(change, Demote))
    share = f"{100 * limits.max_lowered:.3g}%"
    if _too_many(len(lowered), live, limits):
        return f"{len(lowered)} of {live} rollouts would be lowered or retired at once, more than {share}"
    if _too_many(demoted, exposed, limits):
        return f"{demoted} of {exposed} exposed rollouts would be lowered at once, more than {share}"
    return None


def _too_many(some: int, of: int, limits: GuardLimits) -> bool:
    # A quotient, as 0.29 * 100 is less than 29 in floating point.
    return some > 0 and of >= limits.min_rollouts and some / of > limits.max_lowered


def _ends_exposure(change: Change) -> bool:
    # A retired rollout whose file comes back lower isn't one of the live ones.
    return isinstance(change, Retire) or (
        isinstance(change, Demote) and change.before is not None and not change.before.standing.retired
    )
