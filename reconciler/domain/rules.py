"""The eleven rules for one feature, first match wins; the numbers are those of the design, section 4."""

from __future__ import annotations

from dataclasses import replace

from reconciler.domain.decision import Case, Decision, bring_to, refuse, refuse_repeat, update
from reconciler.domain.definition import Definition
from reconciler.domain.describe import lowered, promoted
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Create, Demote, Hold, Promote, Refusal, Retire, WaitsFor
from reconciler.domain.promotion import due_at, gates_of, holds_on_adoption, holds_on_promotion, holds_on_raise
from reconciler.domain.rollback import after_rollback
from reconciler.domain.state import Standing, State
from reconciler.domain.transition import held_back, settled

_KEPT = Decision(is_kept=True)


def decide(case: Case) -> Decision:
    """Return the decision of the first rule that matches."""
    state, definition = case.state, case.definition
    if definition is None:
        return _KEPT if state is None or _is_unreadable(case) else _absent(case, state)
    if state is None:
        return _new(case, definition)
    if definition.attempt < state.standing.attempt:
        return refuse(
            case,
            definition,
            "stale-attempt",
            f"attempt {definition.attempt} is stale, attempt {state.standing.attempt} is under way",
            f"set `attempt: {state.standing.attempt}` and `rolled_back: {state.standing.attempt - 1}`",
        )
    if state.standing.retired and definition.tier > state.standing.tier:
        return refuse(
            case,
            definition,
            "returned-too-high",
            f"the rollout was retired at tier {int(state.standing.tier)} and returns at {int(definition.tier)}",
            f"set {_returns(state)} first, then climb",
        )
    if state.standing.rolled_back:
        return after_rollback(case, definition, state)
    return _climb(case, definition, state)


def _returns(state: State) -> str:
    if state.standing.rolled_back:
        return f"`attempt: {state.standing.attempt + 1}`, `rolled_back: {state.standing.attempt}`, `tier: 0`"
    return f"`tier: {int(state.standing.tier)}`"


def _is_unreadable(case: Case) -> bool:
    # Rule 1: a file that can't be read is never taken for a deletion.
    return any(case.feature in problem.features for problem in case.problems)


def _absent(case: Case, state: State) -> Decision:
    # Rule 3: a finished, rolled back or disabled rollout is retired with its file; a live one is not.
    standing = state.standing
    if standing.retired:
        return _KEPT
    if any(problem.hides_files for problem in case.problems):
        return Decision(holds=(_unsure_of_absence(case, state),))
    if standing.rolled_back or standing.tier in (Tier.DISABLED, standing.target):
        after = replace(standing, retired=True)
        return Decision(
            changes=(Retire(feature=case.feature, before=state, after=after, reason="its file is gone"),)
        )
    refusal = Refusal(
        feature=case.feature,
        owner=standing.owner,
        before=state,
        tier=standing.tier,
        rule="live-without-file",
        reason=f"its file is gone while it is live at {standing.tier.exposure} %",
        remedy=f"restore the file (`git log -- '*/{case.feature}.yaml'` finds it) and set `tier: 0`, "
        "or finish the rollout, before removing it",
    )
    return Decision(refusals=(refusal,))


def _unsure_of_absence(case: Case, state: State) -> Hold:
    return Hold(
        feature=case.feature,
        owner=state.standing.owner,
        before=state,
        tier=state.standing.tier,
        waits_for=WaitsFor.READABLE_FILES,
        reason="its file is gone, but part of the folder can't be read and may hold it",
        remedy="mend the problems named above; then it is retired",
    )


def _new(case: Case, definition: Definition) -> Decision:
    # Rule 2: a new rollout begins at 0 or 1; adoption takes over what git says, at the tip only.
    standing = settled(definition)
    if case.adopt and definition.tier:
        return _adopt(case, definition, standing)
    if definition.tier > Tier.INTERNAL:
        return refuse(
            case,
            definition,
            "starts-too-high",
            f"a new rollout begins at tier 0 or 1, not {int(definition.tier)}",
            "set `tier: 1`, or take over a feature that is live already with `reconciler apply --adopt`",
        )
    holds = holds_on_raise(definition, None, case.keeper) if definition.tier else ()
    if holds:
        standing = replace(standing, tier=Tier.DISABLED)
    change = Create(
        feature=case.feature, before=None, after=standing, reason=_beginning(definition), is_settled=not holds
    )
    return Decision(changes=(change,), holds=holds)


def _beginning(definition: Definition) -> str:
    if definition.is_rolled_back:
        return f"a new rollout, attempt {definition.attempt} was rolled back"
    return "a new rollout" if definition.attempt == 1 else f"a new rollout, at attempt {definition.attempt}"


def _adopt(case: Case, definition: Definition, standing: Standing) -> Decision:
    # Whoever is taken over is exposed already: neither a pause nor a freeze may switch them off.
    holds = holds_on_adoption(definition, case.keeper)
    if holds:
        return Decision(holds=holds)
    reason = f"taken over at tier {int(definition.tier)}, dwell begins now"
    change = Create(feature=case.feature, before=None, after=standing, reason=reason, adopted=True)
    return Decision(changes=(change,))


def _climb(case: Case, definition: Definition, state: State) -> Decision:
    tier, observed = definition.tier, state.standing.tier
    if tier < observed:
        after = settled(definition)
        change = Demote(feature=case.feature, before=state, after=after, reason=lowered(state.standing, after))
        return Decision(changes=(change,))
    if tier == observed:
        return update(case, definition, state)
    if tier > observed + 1:
        return _skip(case, definition, state)
    return _promote(case, definition, state)


def _promote(case: Case, definition: Definition, state: State) -> Decision:
    # Rule 10: while the raise is held, everything that is not looser is in force at once.
    if (repeat := refuse_repeat(case, definition, state)) is not None:
        return repeat
    holds = holds_on_promotion(definition, state, case.evidence, case.keeper)
    if holds:
        after = held_back(definition, state.standing)
        return Decision(changes=bring_to(case, state, after, is_settled=False), holds=holds)
    after = settled(definition)
    change = Promote(
        feature=case.feature,
        before=state,
        after=after,
        reason=promoted(state, after, case.evidence, case.keeper.now),
        dwell=gates_of(state, definition).dwell.at(state.standing.tier),
        verdict=case.evidence.verdict,
    )
    return Decision(changes=(change,))


def _skip(case: Case, definition: Definition, state: State) -> Decision:
    # Rule 11: no tier is skipped.
    observed = int(state.standing.tier)
    decision = refuse(
        case,
        definition,
        "no-skip",
        f"tier {observed} -> {int(definition.tier)} skips tier {observed + 1}",
        f"set `tier: {observed + 1}` now, and `tier: {observed + 2}` when its dwell is served",
    )
    allowed_from = max(case.keeper.now, due_at(state, definition))
    return Decision(refusals=(replace(decision.refusals[0], allowed_from=allowed_from),))
