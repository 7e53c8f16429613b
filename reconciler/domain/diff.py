"""What git asks against what the database holds: one plan for a whole root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from reconciler.domain.analysis import NO_EVIDENCE, Evidence
from reconciler.domain.decision import Case, Decision
from reconciler.domain.desired import Desired
from reconciler.domain.plan import (
    Change,
    Create,
    Demote,
    Plan,
    Promote,
    RaisesHeld,
    RememberedRollback,
    Restart,
    Retire,
    Rollback,
    Update,
)
from reconciler.domain.promotion import Gatekeeper
from reconciler.domain.rollback import remember
from reconciler.domain.rules import decide
from reconciler.domain.state import State
from reconciler.domain.transition import succeed

_SAFEST_FIRST = (Rollback, Demote, Retire, Update, Create, Restart, Promote)
_PREDICTED = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The database at one moment of its own clock: the rows that matter and the evidence about them."""

    now: datetime
    states: Mapping[str, State] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What else decides: the revision, why raises are held, rollbacks that git's history tells of, adoption."""

    revision: str
    raises_held: RaisesHeld | None = None
    remembered: Mapping[str, RememberedRollback] = field(default_factory=dict)
    adopt: bool = False


def diff(desired: Desired, observed: Observed, circumstances: Circumstances) -> Plan:
    """Return the plan that brings every observed rollout to what git asks, as far as the rules allow now."""
    features = sorted((desired.definitions.keys() | observed.states.keys()) - desired.unchanged)
    decisions = [_decision(_case(feature, desired, observed, circumstances), circumstances) for feature in features]
    changes = [change for decision in decisions for change in decision.changes]
    return Plan(
        revision=circumstances.revision,
        observed_at=observed.now,
        changes=tuple(sorted(changes, key=_safety)),
        holds=tuple(hold for decision in decisions for hold in decision.holds),
        refusals=tuple(refusal for decision in decisions for refusal in decision.refusals),
        problems=desired.problems,
        in_sync=len(desired.unchanged) + sum(1 for decision in decisions if decision.is_in_sync),
    )


def _case(feature: str, desired: Desired, observed: Observed, circumstances: Circumstances) -> Case:
    return Case(
        feature=feature,
        revision=circumstances.revision,
        definition=desired.definitions.get(feature),
        state=observed.states.get(feature),
        problems=desired.problems,
        evidence=observed.evidence.get(feature, NO_EVIDENCE),
        keeper=Gatekeeper(policy=desired.policy, now=observed.now, raises_held=circumstances.raises_held),
        adopt=circumstances.adopt,
    )


def _decision(case: Case, circumstances: Circumstances) -> Decision:
    lost = remember(case, circumstances.remembered.get(case.feature), circumstances.revision)
    if lost is None:
        return decide(case)
    # The rules go on from the state that the import leaves, so that applying once is as good as twice.
    after = succeed(lost, at=case.keeper.now, revision=circumstances.revision, transition=_PREDICTED)
    following = decide(case.following(after))
    return Decision(changes=(lost, *following.changes), holds=following.holds, refusals=following.refusals)


def _safety(change: Change) -> int:
    return _SAFEST_FIRST.index(type(change))
