"""Refuses a whole plan that looks like an accident: an empty root, or too many rollouts lowered at once."""

from __future__ import annotations

from dataclasses import replace

from reconciler.domain.desired import Desired
from reconciler.domain.plan import Change, Demote, Plan, Retire, Rollback


def guard(plan: Plan, desired: Desired, *, live: int, allowed: str | None = None) -> Plan:
    """Mark a plan as unsafe; `live` counts the rollouts not retired, `allowed` is the reason of an override."""
    danger = _danger(plan, desired, live)
    if danger is None:
        return plan
    return replace(plan, unsafe=danger, unsafe_allowed=allowed)


def permitted(plan: Plan) -> tuple[Change, ...]:
    """Return the changes that may be carried out: all of a safe plan, the rollbacks alone of an unsafe one."""
    if not plan.is_blocked:
        return plan.changes
    return tuple(change for change in plan.changes if isinstance(change, Rollback))


def _danger(plan: Plan, desired: Desired, live: int) -> str | None:
    if not (desired.definitions or desired.unchanged or desired.problems):
        return "the root holds no definition at all"
    limits = desired.policy.guard
    lowered = sum(1 for change in plan.changes if _ends_exposure(change))
    # A quotient, as 0.29 * 100 is less than 29 in floating point.
    if lowered and live >= limits.min_rollouts and lowered / live > limits.max_lowered:
        share = f"{100 * limits.max_lowered:.3g}%"
        return f"{lowered} of {live} rollouts would be lowered or retired at once, more than {share}"
    return None


def _ends_exposure(change: Change) -> bool:
    # A retired rollout whose file comes back lower isn't one of the live ones.
    return isinstance(change, Retire) or (
        isinstance(change, Demote) and change.before is not None and not change.before.standing.retired
    )
