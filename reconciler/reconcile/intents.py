"""What a person wants of a definition: the edit that says so, why there is none to make, or why it may not be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.definitions.edit import Edit
from reconciler.domain.definition import Definition
from reconciler.domain.ladder import Tier
from reconciler.domain.state import State
from reconciler.domain.write_back import climb
from reconciler.errors import EditRefusedError, UsageError


class Roster(StrEnum):
    """A list of customers in a definition."""

    WHITELIST = "whitelist"
    BLACKLIST = "blacklist"

    @property
    def other(self) -> Roster:
        """The list that a customer on this one can't be on."""
        return Roster.BLACKLIST if self is Roster.WHITELIST else Roster.WHITELIST


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An edit, and what is so already when it changes nothing."""

    edit: Edit
    idle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The earliest moment at which a tier can be reached; `stood` says that the attempt before stood there."""

    tier: Tier
    at: datetime
    stood: bool = False


def advance(definition: Definition, to: Tier | None = None) -> Intent:
    """Raise by one tier; `to` names that tier, for scripts that must not raise twice."""
    tier, feature = definition.tier, definition.feature
    if definition.is_rolled_back:
        raise EditRefusedError(
            f"{definition.source}: attempt {definition.attempt} was rolled back; "
            f"`reconciler restart {feature}` begins attempt {definition.attempt + 1}"
        )
    if to is None:
        return _next_tier(definition)
    if to < tier:
        raise UsageError(
            f"{definition.source}: {feature} is at tier {int(tier)}, and advance only raises; to lower it write "
            f"`tier: {int(to)}`, or take it from everybody with `reconciler rollback {feature}`"
        )
    if to > tier + 1:
        raise EditRefusedError(
            f"{definition.source}: tier {int(tier)} -> {int(to)} skips tier {int(tier) + 1}; "
            f"advance to tier {int(tier) + 1} now, and further when its dwell is served [no-skip]"
        )
    return Intent(edit=Edit(tier=int(to)), idle=f"{feature} asks for tier {int(to)} already")


def restart(definition: Definition, tier: Tier = Tier.INTERNAL, known: State | None = None) -> Intent:
    """Begin the next attempt at tier 0 or 1; `known` is what a database says, if there is one at hand."""
    if not definition.is_rolled_back:
        raise EditRefusedError(f"{definition.source}: {_why_no_restart(definition, known)}")
    attempt = definition.attempt + 1
    return Intent(edit=Edit(tier=int(tier), attempt=attempt), idle=f"attempt {attempt} has begun already")


def pause(definition: Definition) -> Intent:
    """Stop raises; who has the feature keeps it, and errors are watched."""
    return Intent(edit=Edit(paused=True), idle=f"{definition.feature} is paused already")


def resume(definition: Definition) -> Intent:
    """Let raises go on."""
    return Intent(edit=Edit(paused=False), idle=f"{definition.feature} is not paused")


def enlist(definition: Definition, roster: Roster, customers: Sequence[str]) -> Intent:
    """Put customers on a list, and take them off the other."""
    idle = f"{definition.feature} has {_counted(customers)} on its {roster} already"
    if roster is Roster.WHITELIST:
        return Intent(edit=Edit(whitelist_add=tuple(customers), blacklist_remove=tuple(customers)), idle=idle)
    return Intent(edit=Edit(blacklist_add=tuple(customers), whitelist_remove=tuple(customers)), idle=idle)


def strike(definition: Definition, roster: Roster, customers: Sequence[str]) -> Intent:
    """Take customers off a list; the other stays as it is."""
    idle = f"{definition.feature} has {_counted(customers, none=True)} on its {roster}"
    if roster is Roster.WHITELIST:
        return Intent(edit=Edit(whitelist_remove=tuple(customers)), idle=idle)
    return Intent(edit=Edit(blacklist_remove=tuple(customers)), idle=idle)


def reaches(before: Definition, after: Definition, now: datetime, stood: Tier | None) -> tuple[Reach, ...]:
    """Return when, applied now, a raise can lead to the tier that stood before a rollback, and to the target."""
    return tuple(_reaches(before, after, now, stood))


def _reaches(before: Definition, after: Definition, now: datetime, stood: Tier | None) -> Iterator[Reach]:
    dwell = after.gates.dwell
    if after.attempt > before.attempt and stood is not None and Tier.INTERNAL < stood <= after.target:
        yield Reach(tier=stood, at=now + climb(dwell, stood), stood=True)
    is_raised = after.attempt > before.attempt or after.tier > before.tier
    if is_raised and after.target > max(after.tier, Tier.INTERNAL) and after.target != stood:
        yield Reach(tier=after.target, at=now + climb(dwell, after.target) - climb(dwell, after.tier))


def _next_tier(definition: Definition) -> Intent:
    if definition.tier < definition.target:
        return Intent(edit=Edit(tier=int(definition.tier) + 1), idle="")
    beyond = "" if definition.target is Tier.FULL else "; a higher `target` would let it go on"
    idle = f"{definition.feature} asks for its target already, tier {int(definition.target)}{beyond}"
    return Intent(edit=Edit(), idle=idle)


def _why_no_restart(definition: Definition, known: State | None) -> str:
    attempt = definition.attempt
    record = known.rollback if known is not None and known.standing.rolled_back else None
    if record is None or known is None or known.standing.attempt < attempt:
        return f"git does not know of a rollback of attempt {attempt}; wait for the rollback commit, or pull"
    told = "git is not told of it yet" if record.in_git is None else f"commit {record.in_git[:10]} tells git of it"
    remedy = "wait for the rollback commit" if record.in_git is None else "pull"
    return (
        f"this file does not know of a rollback, and the database does: attempt {known.standing.attempt} was "
        f"rolled back ({record.reason}), {told}; {remedy}, then try again"
    )


def _counted(customers: Sequence[str], *, none: bool = False) -> str:
    if len(set(customers)) == 1:
        return "no such customer" if none else "this customer"
    return "none of these customers" if none else "all of these customers"
