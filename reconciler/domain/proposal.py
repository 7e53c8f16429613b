"""Proposals: a branch that asks for one rung more, the facts it rests on, and what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

from reconciler.domain.analysis import NO_EVIDENCE, Evidence
from reconciler.domain.gates import Gates
from reconciler.domain.ladder import Tier
from reconciler.domain.state import State

_PREFIX = "refs/heads/propose"
_PLAIN = "-_.+@="  # beside letters and digits


class ProposalStatus(StrEnum):
    """How far a proposal is, or how it ended for the epoch that it is about."""

    OPENING = "opening"
    OPEN = "open"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    TOUCHED = "touched"
    MERGED = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file as it lies in a commit: its path, and the git id of its content."""

    path: str
    blob: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What was asked for a feature last: `tier`, in an epoch of an attempt, by a commit on `base`.

    `base`, `place`, `message` and `at` make the same commit everywhere. `commits` are all that we ever meant to lie
    on the branch, the newest last: whatever else lies there is a person's. `version` counts the writes of the row,
    0 for none; `is_settled` says that the branch needs no look any more. `waits_until` is when to try again.
    """

    feature: str
    branch: str
    attempt: int
    epoch: int
    tier: Tier
    base: str
    place: Place
    at: datetime
    message: str
    commits: tuple[str, ...]
    status: ProposalStatus = ProposalStatus.OPENING
    is_settled: bool = False
    refusals: int = 0
    note: str = ""
    version: int = 0
    waits_until: datetime | None = None

    @property
    def commit(self) -> str:
        """The commit that is meant to lie on the branch."""
        return self.commits[-1]

    @property
    def is_under_way(self) -> bool:
        """Whether it asks for something still."""
        return self.status in (ProposalStatus.OPENING, ProposalStatus.OPEN)

    def is_about(self, state: State) -> bool:
        """Tell whether it is about the epoch that a feature is in."""
        return (self.attempt, self.epoch) == (state.standing.attempt, state.epoch)

    def is_merged(self, state: State, said: Tier | None) -> bool:
        """Tell whether the tip, whose file says this tier, asks for what it asked for."""
        return said is not None and said >= self.tier and self.attempt == state.standing.attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why no raise is asked for now, until when, and what a person can do.

    A proposal that `ends` because of it is withdrawn, others stay. After evidence that turned nothing is asked for
    until it is old.
    """

    why: str
    remedy: str = ""
    until: datetime | None = None
    ends: bool = False
    is_evidence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A feature as database and tip have it: what the file says, where, and what is in the way of a rung more.

    `gates` are those of a raise, and `evidence` is what they judge.
    """

    feature: str
    state: State
    said: Tier | None = None
    place: Place | None = None
    gates: Gates = Gates()
    evidence: Evidence = NO_EVIDENCE
    obstacle: Obstacle | None = None

    @property
    def asked(self) -> Tier:
        """The tier that would be asked for."""
        return Tier(min(self.state.standing.tier + 1, Tier.FULL))


class Became(StrEnum):
    """What became of a feature in one pass."""

    OPENED = "opened"
    RENEWED = "renewed"
    KEPT = "kept"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"
    DECLINED = "declined"
    TOUCHED = "touched"
    REFUSED = "refused"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One feature after a pass: `branch` and `commit` where something is asked for, else `why` nothing is."""

    outlook: Outlook
    became: Became
    branch: str | None = None
    commit: str | None = None
    why: str = ""
    remedy: str = ""
    until: datetime | None = None


def folder_of(root: str) -> str:
    """Return how the full names of all branches of a root's proposals begin; no two roots share one."""
    return f"{_PREFIX}/{as_ref(root)}/"


def as_ref(root: str) -> str:
    """Return a root as a part of a branch's name, whatever characters it has; no two roots share one."""
    return "/".join(_component(part) for part in root.split("/"))


def branch_of(root: str, feature: str) -> str:
    """Return the full name of the branch of a feature's proposal."""
    return f"{folder_of(root)}{feature}"


def _component(part: str) -> str:
    # Git wants no component that begins with a dot or ends with one or with .lock, and no two dots in a row.
    text = quote(part, safe=_PLAIN).replace("~", "%7E").replace("..", ".%2E")
    text = f"%2E{text[1:]}" if text.startswith(".") else text
    for end in (".lock", "."):
        text = f"{text.removesuffix(end)}%2E{end[1:]}" if text.endswith(end) else text
    return text
