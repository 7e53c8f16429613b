"""A rollout at one moment, laid out so that a question about a customer costs a few look-ups."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.evaluation.bucketing import prefix_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What decides about the customers of one feature, and where that comes from.

    `exposure` counts buckets, 0..100; `revision` is the commit of the last transition, None when evidence or a
    person caused it; `prefix` is what the hash of each customer begins with.
    """

    feature: str
    tier: int
    exposure: int
    attempt: int = 1
    epoch: int = 1
    is_rolled_back: bool = False
    whitelist: frozenset[str] = frozenset()
    blacklist: frozenset[str] = frozenset()
    revision: str | None = None
    prefix: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", prefix_of(self.feature))
