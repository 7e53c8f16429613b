"""Carries a plan out, one transaction a feature, and decides anew whatever somebody else changed first."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from reconciler import failpoints
from reconciler.domain.guard import permitted
from reconciler.domain.ledger import Cause, RevisionRecord
from reconciler.domain.plan import Change, Create, Plan, Rollback
from reconciler.domain.policy import raises_end
from reconciler.errors import (
    ConflictError,
    ReconcilerError,
    RevisionRefusedError,
    RuleViolatedError,
    StatementFailedError,
    SupersededError,
)
from reconciler.reconcile.observe import Prospect
from reconciler.reconcile.ports import Store

ROUNDS = 32  # each lost one means that somebody else got on: 24 writers at once lost 7 at worst

Report: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A change that the database refused; `rule` is the name of the constraint."""

    change: Change
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an apply did: the last plan it decided on, what it carried out, lost to others, and was refused.

    `is_stale` says that a newer revision is in force, so that there was nothing to do or to go on with; `failures`
    are what the database failed at, which the next apply finishes.
    """

    plan: Plan
    done: tuple[Change, ...] = ()
    conflicts: tuple[str, ...] = ()
    broken: tuple[Broken, ...] = ()
    is_stale: bool = False
    is_settled: bool = True
    failures: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Ledger:
    done: list[Change] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    broken: dict[str, Broken] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def leaves_out(self, changes: tuple[Change, ...]) -> bool:
        """Tell whether one of these was not carried out."""
        return any(change.feature in self.failed or change.feature in self.broken for change in changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applier:
    """Applies what `prepare` plans; `new_id` names each transition, `report` is told of progress (done, total)."""

    store: Store
    prepare: Callable[[], Prospect]
    new_id: Callable[[], UUID]
    actor: str
    report: Report = lambda _done, _total: None

    def run(self) -> Outcome:
        """Apply the plan; whatever is lost to another writer is decided anew, 32 rounds at most."""
        ledger = _Ledger()
        prospect: Prospect | None = None
        for _ in range(ROUNDS):
            try:
                prospect = self.prepare()
                if (outcome := self._attempt(prospect, ledger)) is not None:
                    return outcome
            except ConflictError as error:
                ledger.conflicts.append(str(error))
            except ReconcilerError as error:
                if prospect is None or not ledger.done:
                    raise
                ledger.failures.append(str(error))
                return _outcome(prospect, ledger)
        if prospect is None:
            raise ConflictError(
                f"others kept in the way of reading the database: {ledger.conflicts[-1]}; try again"
            )
        return _outcome(prospect, ledger, is_settled=False)

    def _attempt(self, prospect: Prospect, ledger: _Ledger) -> Outcome | None:
        if prospect.permission.is_stale:
            return _outcome(prospect, ledger, is_stale=True)
        if prospect.permission.refusal is not None:
            raise RevisionRefusedError(prospect.permission.refusal)
        return _outcome(prospect, ledger) if self._round(prospect, ledger) else None

    def _round(self, prospect: Prospect, ledger: _Ledger) -> bool:
        """Carry out a plan as far as it goes; tell whether nothing of it was lost to another writer."""
        ledger.broken.clear()
        plan = prospect.plan
        changes = permitted(plan)
        # Rollbacks first, before their commit is in force: a kill between leaves them to be told of again.
        imports = tuple(change for change in changes if isinstance(change, Rollback))
        before = len(ledger.done)
        lost = self._carry_out(imports, Cause(revision=None, actor=self.actor), ledger, of=len(changes))
        if plan.is_blocked:
            return not lost
        done = len(ledger.done)
        # A first row that remembers a rollback may be lost to one that doesn't: then git is asked again.
        births = tuple(change for change in changes if isinstance(change, Create) and change.after.rolled_back)
        looks_back = bool(births or lost or ledger.leaves_out(imports))
        if self._take_revision(prospect, looks_back=looks_back):
            # Until now a job of the commit before could write: what was decided without looking is decided anew.
            expected = prospect.scope.transitions + done - before
            if self.store.scope().transitions != expected:
                return False
        closes = raises_end(prospect.desired.policy, plan.observed_at)
        cause = Cause(revision=plan.revision, actor=self.actor, raises_end=closes, place=prospect.scope.place)
        lost |= self._carry_out(changes[len(imports) :], cause, ledger, of=len(changes), but=lost)
        if births and not (lost or ledger.leaves_out(imports + births)):
            self._take(prospect, number=prospect.scope.number + 1, looks_back=False)
        self._remember(prospect, changes, lost | ledger.failed | ledger.broken.keys())
        return not lost

    def _take_revision(self, prospect: Prospect, *, looks_back: bool) -> bool:
        """Take the commit into force, and tell whether that was still to be done."""
        plan, scope = prospect.plan, prospect.scope
        is_override = plan.unsafe_allowed is not None and bool(plan.changes)
        if scope.revision == plan.revision and scope.looks_back == looks_back and not is_override:
            return False
        self._take(prospect, number=scope.number, looks_back=looks_back)
        return True

    def _take(self, prospect: Prospect, *, number: int, looks_back: bool) -> None:
        record = RevisionRecord(
            previous_number=number,
            root=prospect.root,
            revision=prospect.plan.revision,
            actor=self.actor,
            unsafe_reason=prospect.plan.unsafe_allowed,
            looks_back=looks_back,
        )
        failpoints.reach("apply.taking-revision")
        self.store.take_revision(record)
        failpoints.reach("apply.revision-taken")

    def _carry_out(
        self,
        changes: tuple[Change, ...],
        cause: Cause,
        ledger: _Ledger,
        *,
        of: int,
        but: AbstractSet[str] = frozenset(),
    ) -> set[str]:
        """Carry out the first or last of so many changes and return the features lost to another writer."""
        lost: set[str] = set()
        begun = 0 if cause.revision is None else of - len(changes)
        for count, change in enumerate(changes, start=begun + 1):
            if change.feature not in but | lost | ledger.failed | ledger.broken.keys():
                self._one(change, cause, ledger, lost)
            self.report(count, of)
        return lost

    def _one(self, change: Change, cause: Cause, ledger: _Ledger, lost: set[str]) -> None:
        failpoints.reach("apply.transition-begins")
        try:
            self.store.transition(change, transition_id=self.new_id(), cause=cause)
        except SupersededError:
            raise
        except StatementFailedError as error:
            # Features don't share a fate: the server goes on, so do the others.
            ledger.failed.add(change.feature)
            ledger.failures.append(f"{change.feature}: {error}")
        except ConflictError as error:
            lost.add(change.feature)
            ledger.conflicts.append(str(error))
        except RuleViolatedError as error:
            ledger.broken[change.feature] = Broken(change=change, rule=error.rule, reason=error.reason)
        else:
            failpoints.reach("apply.transition-done")
            ledger.done.append(change)

    def _remember(self, prospect: Prospect, changes: tuple[Change, ...], failed: set[str]) -> None:
        keys = settled_keys(prospect, changes, failed)
        if keys:
            # It only saves work: without it the files are read once more.
            with suppress(ConflictError, StatementFailedError):
                self.store.remember_sources(keys)
                failpoints.reach("apply.sources-remembered")


def settled_keys(prospect: Prospect, changes: tuple[Change, ...], failed: set[str]) -> dict[str, tuple[int, str]]:
    """Return, by feature, the version at which a definition just read is in force whole, and its key."""
    plan = prospect.plan
    open_ends = failed | {hold.feature for hold in plan.holds} | {refusal.feature for refusal in plan.refusals}
    if plan.is_blocked:
        open_ends |= {change.feature for change in plan.changes}
    versions = {feature: state.version for feature, state in prospect.states.items()}
    versions |= {change.feature: 1 if change.before is None else change.before.version + 1 for change in changes}
    return {
        feature: (versions[feature], definition.source.key)
        for feature, definition in prospect.desired.definitions.items()
        if feature not in open_ends and feature in versions
    }


def _outcome(prospect: Prospect, ledger: _Ledger, *, is_stale: bool = False, is_settled: bool = True) -> Outcome:
    return Outcome(
        plan=prospect.plan,
        done=tuple(ledger.done),
        conflicts=tuple(ledger.conflicts),
        broken=tuple(ledger.broken.values()),
        failures=tuple(ledger.failures),
        is_stale=is_stale,
        is_settled=is_settled,
    )
