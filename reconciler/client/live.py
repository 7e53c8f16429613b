"""The rollouts that a client answers by, each with the customers it has told of since its epoch began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.evaluation.snapshot import Rollout
from reconciler.store.rollouts import Mark, MarkedRollout

LONGEST_INTERVAL = 900.0  # seconds; an exposure is told of once in it
_MOST_SEEN = 200_000  # customers, over all rollouts: some 30 MB


class Live:
    """One rollout as it is answered by; `on` and `off` hold the customers told of, None when none is told of.

    Its sets belong to one epoch: a new one begins with nobody seen, else a restart would look unexposed.
    """

    __slots__ = ("interval", "mark", "off", "on", "renewed_at", "rollout")

    def __init__(self, marked: MarkedRollout, *, is_telling: bool, now: float) -> None:
        self.mark: Mark = marked.mark
        self.rollout: Rollout = marked.rollout
        # Shorter than the window, so that whoever still has the feature is always in it.
        self.interval = min(LONGEST_INTERVAL, marked.window / 4)
        self.on: set[str] | None = set() if is_telling else None
        self.off: set[str] | None = set() if is_telling else None
        self.renewed_at = now

    def continues(self, before: Live) -> None:
        """Take over whom an earlier row of the same epoch has told of."""
        same = (before.mark.chain, before.rollout.epoch) == (self.mark.chain, self.rollout.epoch)
        if same and before.rollout.attempt == self.rollout.attempt:
            self.on, self.off, self.renewed_at = before.on, before.off, before.renewed_at

    def renew(self, now: float) -> None:
        """Begin to tell of everybody again when the interval is over."""
        if now - self.renewed_at >= self.interval:
            self.forget(now)

    def forget(self, now: float) -> None:
        """Begin to tell of everybody again."""
        self.renewed_at = now
        if self.on is not None:
            self.on, self.off = set(), set()

    def seen(self) -> int:
        """Return how many customers are remembered."""
        return len(self.on or ()) + len(self.off or ())


def renew(lives: Iterable[Live], now: float) -> None:
    """Begin anew where an interval is over, and everywhere when too many customers are remembered."""
    total = 0
    for live in lives:
        live.renew(now)
        total += live.seen()
        if total > _MOST_SEEN:
            live.forget(now)


def differing(known: Mapping[str, Live], marks: Mapping[str, Mark]) -> list[str]:
    """Return the features whose row is not the known one, new ones and those that are gone."""
    changed = [feature for feature, mark in marks.items() if feature not in known or known[feature].mark != mark]
    return sorted([*changed, *(known.keys() - marks.keys())])
