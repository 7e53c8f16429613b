"""Carries a plan out, one transaction a feature, and decides anew whatever somebody else changed first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from reconciler.domain.guard import permitted
from reconciler.domain.ledger import Cause, RevisionRecord
from reconciler.domain.plan import Change, Plan, Rollback
from reconciler.errors import (
    ConflictError,
    DatabaseUnavailableError,
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
        for _ in range(ROUNDS):
            prospect = self.prepare()
            if prospect.permission.is_stale:
                return _outcome(prospect, ledger, is_stale=True)
            if prospect.permission.refusal is not None:
                raise RevisionRefusedError(prospect.permission.refusal)
            try:
                if self._round(prospect, ledger):
                    return _outcome(prospect, ledger)
            except DatabaseUnavailableError as error:
                if not ledger.done:
                    raise
                ledger.failures.append(str(error))
                return _outcome(prospect, ledger)
        return _outcome(prospect, ledger, is_settled=False)

    def _round(self, prospect: Prospect, ledger: _Ledger) -> bool:
        ledger.broken.clear()
        changes = permitted(prospect.plan)
        # Rollbacks first, before their commit is in force: once it is, nobody looks for them behind it again.
        imports = tuple(change for change in changes if isinstance(change, Rollback))
        lost = self._carry_out(imports, None, ledger, of=len(changes))
        if lost or ledger.failed or ledger.broken or prospect.plan.is_blocked:
            return not lost
        try:
            self._take_revision(prospect)
            lost = self._carry_out(changes[len(imports) :], prospect.plan.revision, ledger, of=len(changes))
        except ConflictError as error:
            ledger.conflicts.append(str(error))
            return False
        self._remember(prospect, changes, lost | ledger.failed | ledger.broken.keys())
        return not lost

    def _take_revision(self, prospect: Prospect) -> None:
        plan, scope = prospect.plan, prospect.scope
        is_override = plan.unsafe_allowed is not None and bool(plan.changes)
        if scope.revision == plan.revision and not is_override:
            return
        record = RevisionRecord(
            previous_number=scope.number,
            root=prospect.root,
            revision=plan.revision,
            actor=self.actor,
            unsafe_reason=plan.unsafe_allowed,
        )
        self.store.take_revision(record)

    def _carry_out(
        self, changes: tuple[Change, ...], revision: str | None, ledger: _Ledger, *, of: int
    ) -> set[str]:
        """Carry out the last or first of so many changes and return the features lost to another writer."""
        cause = Cause(revision=revision, actor=self.actor)
        lost: set[str] = set()
        begun = 0 if revision is None else of - len(changes)
        for count, change in enumerate(changes, start=begun + 1):
            if change.feature not in lost | ledger.failed | ledger.broken.keys():
                self._one(change, cause, ledger, lost)
            self.report(count, of)
        return lost

    def _one(self, change: Change, cause: Cause, ledger: _Ledger, lost: set[str]) -> None:
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
            ledger.done.append(change)

    def _remember(self, prospect: Prospect, changes: tuple[Change, ...], failed: set[str]) -> None:
        keys = settled_keys(prospect, changes, failed)
        if keys:
            self.store.remember_sources(keys)


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
