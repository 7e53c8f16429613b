"""One feature's case and what the rules answer: the values that every rule takes and returns."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.domain.analysis import NO_EVIDENCE, Evidence
from reconciler.domain.definition import Definition
from reconciler.domain.describe import edits
from reconciler.domain.plan import Change, Hold, Refusal, Update
from reconciler.domain.problem import Problem
from reconciler.domain.promotion import Gatekeeper
from reconciler.domain.state import Standing, State
from reconciler.domain.transition import settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One feature: its file (None without one), its last row (None without one) and what bears on it."""

    feature: str
    keeper: Gatekeeper
    revision: str
    definition: Definition | None = None
    state: State | None = None
    problems: tuple[Problem, ...] = ()
    evidence: Evidence = NO_EVIDENCE
    adopt: bool = False

    def following(self, state: State) -> Case:
        """Return the same case after a change that left `state`."""
        return replace(self, state=state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the rules say of one feature."""

    changes: tuple[Change, ...] = ()
    holds: tuple[Hold, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    is_kept: bool = False

    @property
    def is_in_sync(self) -> bool:
        """Whether a readable file asks for nothing that isn't so."""
        return not (self.is_kept or self.changes or self.holds or self.refusals)


def refuse(case: Case, definition: Definition, rule: str, reason: str, remedy: str) -> Decision:
    """Return the refusal of what a file asks, at the place of its `tier`."""
    refusal = Refusal(
        feature=case.feature,
        owner=definition.owner,
        before=case.state,
        tier=definition.tier,
        rule=rule,
        reason=reason,
        remedy=remedy,
        where=str(definition.source),
    )
    return Decision(refusals=(refusal,))


def refuse_repeat(case: Case, definition: Definition, state: State) -> Decision | None:
    """Return the refusal of a raise by a commit that has raised this feature before: branches can be set back."""
    if case.revision not in state.raised_by:
        return None
    return refuse(
        case,
        definition,
        "raised-before",
        f"{case.revision[:10]} has raised it once, and it was lowered since",
        "ask for the raise with a new commit",
    )


def update(case: Case, definition: Definition, state: State) -> Decision:
    """Rule 9: bring the whole definition up to date; the epoch, and with it the dwell, goes on."""
    return Decision(changes=bring_to(case, state, settled(definition), is_settled=True))


def bring_to(case: Case, state: State, after: Standing, *, is_settled: bool) -> tuple[Change, ...]:
    """Return the update that brings a state to `after`, none when it is there."""
    if after == state.standing:
        return ()
    reason = edits(state.standing, after)
    return (Update(feature=case.feature, before=state, after=after, reason=reason, is_settled=is_settled),)
