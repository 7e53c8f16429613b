"""Rules 5 to 7: a rollback is remembered, stays, and ends only with the next attempt."""

from __future__ import annotations

from reconciler.domain.decision import Case, Decision, refuse, refuse_repeat, update
from reconciler.domain.definition import Definition
from reconciler.domain.ladder import Tier
from reconciler.domain.plan import Create, Hold, RememberedRollback, Restart, Rollback, WaitsFor
from reconciler.domain.promotion import holds_on_raise
from reconciler.domain.state import State
from reconciler.domain.transition import rolled_back, settled


def remember(case: Case, remembered: RememberedRollback | None, revision: str) -> Create | Rollback | None:
    """Rule 5: import a rollback that git tells of, in the file or in the history, and the database lost."""
    told = [remembered] if remembered is not None else []
    if case.definition is not None and case.definition.rolled_back:
        told.append(RememberedRollback(attempt=case.definition.rolled_back, revision=revision))
    lost = [memory for memory in told if memory.attempt > _known(case)]
    if not lost:
        return None
    latest = max(lost, key=lambda memory: memory.attempt)
    return _import(case, latest)


def _known(case: Case) -> int:
    # Without a row, a file that knows of its rollbacks is created with them: only the history can tell of more.
    if case.state is None:
        return 0 if case.definition is None else case.definition.rolled_back
    standing = case.state.standing
    return standing.attempt if standing.rolled_back else standing.attempt - 1


def _import(case: Case, latest: RememberedRollback) -> Create | Rollback | None:
    reason = f"git tells of the rollback of attempt {latest.attempt}, which the database did not know"
    if case.state is not None:
        return Rollback(
            feature=case.feature,
            before=case.state,
            after=rolled_back(case.state.standing, latest.attempt),
            reason=reason,
            is_settled=False,
            commit=latest.revision,
        )
    if case.definition is None:
        return None
    after = rolled_back(settled(case.definition), latest.attempt)
    return Create(
        feature=case.feature, before=None, after=after, reason=reason, is_settled=False, commit=latest.revision
    )


def after_rollback(case: Case, definition: Definition, state: State) -> Decision:
    """Rules 6 and 7: what a file may ask while the rollback of an attempt stands."""
    if definition.attempt > state.standing.attempt:
        return _restart(case, definition, state)
    if definition.is_rolled_back:
        return update(case, definition, state)
    # Rule 6: this attempt is over, whatever the file asks.
    record = state.rollback
    attempt = state.standing.attempt
    if record is None or record.in_git is None:
        return Decision(holds=(_write_back_pending(case, definition, state),))
    return refuse(
        case,
        definition,
        "rolled-back",
        f"attempt {attempt} was rolled back ({record.in_git[:10]}: {record.reason})",
        f"to restart set {begins_again(state)}",
    )


def begins_again(state: State) -> str:
    """Return the fields that begin the next attempt; one whose file was gone comes back at tier 0."""
    attempt = state.standing.attempt
    low = "`tier: 0`, and `tier: 1` once that is applied" if state.standing.retired else "`tier: 1`"
    return f"`attempt: {attempt + 1}`, `rolled_back: {attempt}`, {low}"


def _write_back_pending(case: Case, definition: Definition, state: State) -> Hold:
    reason = state.rollback.reason if state.rollback is not None else "no reason recorded"
    return Hold(
        feature=case.feature,
        owner=definition.owner,
        before=state,
        tier=definition.tier,
        waits_for=WaitsFor.WRITE_BACK,
        reason=f"attempt {state.standing.attempt} was rolled back ({reason}); its commit is on the way to git",
        remedy="wait for the rollback commit; to restart, build on it",
    )


def _restart(case: Case, definition: Definition, state: State) -> Decision:
    # Rule 7: the next attempt begins at 0 or 1. The file's own rule and rule 5 leave no larger attempt.
    if definition.tier > Tier.INTERNAL:
        return refuse(
            case,
            definition,
            "restarts-too-high",
            f"attempt {definition.attempt} begins at tier 0 or 1, not {int(definition.tier)}",
            "set `tier: 1`",
        )
    if (repeat := refuse_repeat(case, definition, state)) is not None:
        return repeat
    holds = holds_on_raise(definition, state, case.keeper)
    if holds:
        return Decision(holds=holds)
    reason = f"attempt {definition.attempt} begins after the rollback of attempt {state.standing.attempt}"
    change = Restart(feature=case.feature, before=state, after=settled(definition), reason=reason)
    return Decision(changes=(change,))
