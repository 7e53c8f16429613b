"""The reviewed definition of one feature, with the policy's defaults and floors already in it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.domain.gates import Gates
from reconciler.domain.ladder import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a definition was read: the path inside the repository and the place of its `tier`.

    `key` is equal for equal meaning: it covers the file's content, the policy's content and the version of the
    rules, so that what was applied under the same key need not be read again.
    """

    path: str
    key: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What git asks for one feature; valid in itself (`tier` <= `target`, attempt and rollback agree)."""

    feature: str
    tier: Tier
    source: Source
    description: str = ""
    owner: str = ""
    target: Tier = Tier.FULL
    attempt: int = 1
    rolled_back: int = 0
    paused: bool = False
    whitelist: frozenset[str] = frozenset()
    blacklist: frozenset[str] = frozenset()
    gates: Gates = Gates()

    @property
    def is_rolled_back(self) -> bool:
        """Whether git says that the attempt under way was rolled back."""
        return self.rolled_back == self.attempt
