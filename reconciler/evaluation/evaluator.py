"""Does this customer have this feature, and why: the first of six reasons that fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from reconciler.evaluation.bucketing import bucket_behind
from reconciler.evaluation.snapshot import Rollout


class Reason(StrEnum):
    """Why a customer has a feature or not, in the order in which the reasons are looked for."""

    UNKNOWN_FEATURE = "unknown_feature"
    BLACKLISTED = "blacklisted"
    ROLLED_BACK = "rolled_back"
    WHITELISTED = "whitelisted"
    BUCKET_INSIDE = "bucket_inside"
    BUCKET_OUTSIDE = "bucket_outside"


class Evaluation(NamedTuple):
    """An answer with its reason; `rollout` is None for an unknown feature, `bucket` where none was asked for.

    A tuple, as it is made for each request: a frozen dataclass costs four times as much.
    """

    is_enabled: bool
    reason: Reason
    bucket: int | None = None
    rollout: Rollout | None = None


def is_enabled(rollouts: Mapping[str, Rollout], feature: str, customer: str, default: bool = False) -> bool:
    """Tell whether a customer has a feature; `default` where nobody knows the feature."""
    rollout = rollouts.get(feature)
    return default if rollout is None else has(rollout, customer)


def has(rollout: Rollout, customer: str) -> bool:
    """Tell whether a customer has the feature of a rollout."""
    # Deny wins over allow: support must be able to shield one customer.
    if customer in rollout.blacklist or rollout.is_rolled_back:
        return False
    # The bucket first: a long whitelist is out of the processor's cache, and most customers are on none.
    return bucket_behind(rollout.prefix, customer) < rollout.exposure or customer in rollout.whitelist


def explain(rollouts: Mapping[str, Rollout], feature: str, customer: str, *, default: bool = False) -> Evaluation:
    """Return the same answer with its reason."""
    rollout = rollouts.get(feature)
    if rollout is None:
        return Evaluation(default, Reason.UNKNOWN_FEATURE)
    if customer in rollout.blacklist:
        return _because((False, _BLACKLISTED, None, rollout))
    if rollout.is_rolled_back:
        return _because((False, _ROLLED_BACK, None, rollout))
    if customer in rollout.whitelist:
        return _because((True, _WHITELISTED, None, rollout))
    place = bucket_behind(rollout.prefix, customer)
    if place < rollout.exposure:
        return _because((True, _INSIDE, place, rollout))
    return _because((False, _OUTSIDE, place, rollout))


# Python 3.11 takes longer to find a member of an enumeration, and to call a NamedTuple, than to do all the rest.
_BLACKLISTED, _ROLLED_BACK, _WHITELISTED = Reason.BLACKLISTED, Reason.ROLLED_BACK, Reason.WHITELISTED
_INSIDE, _OUTSIDE = Reason.BUCKET_INSIDE, Reason.BUCKET_OUTSIDE
_because: Callable[[tuple[bool, Reason, int | None, Rollout]], Evaluation] = partial(tuple.__new__, Evaluation)
