"""One pass of the loop: bring the branch in, apply what is due, tell git of rollbacks, look after the events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from reconciler import failpoints
from reconciler.domain.plan import Change
from reconciler.errors import UNANSWERED, ReconcilerError, UnreachableError
from reconciler.reconcile.apply import Applier, Outcome
from reconciler.reconcile.facts import Fact, Tell, Value
from reconciler.reconcile.observe import Prospect, Request, prepare
from reconciler.reconcile.ports import Repository, Store


class Source(Protocol):
    """Where definitions come from."""

    @property
    def repository(self) -> Repository:
        """What was brought in last."""

    def sync(self) -> str:
        """Bring the branch in and return its tip; UnreachableError when nobody can tell it."""


class Keeper(Protocol):
    """What of the store has to be looked after, besides the rollouts."""

    def record_rollbacks(self) -> int:
        """Put rollbacks among the events that are not there yet, and return how many these were."""

    def prepare_for_events(self) -> None:
        """Make room for the events of the next days."""

    def summarise(self) -> bool:
        """Bring the summary of customers up to now."""


class Worker(Protocol):
    """What is done with a tip beside applying it: write-backs, proposals."""

    def work(self, tip: str) -> str:
        """Do what is due, and return the tip after that."""

    def pause(self) -> timedelta | None:
        """Return how long until something is due; None when nothing waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What a pass came to: the outcome of the apply, what failed, and how long until something is due."""

    outcome: Outcome | None = None
    failures: tuple[str, ...] = ()
    pause: timedelta | None = None


@dataclass(slots=True, kw_only=True)
class Ticker:
    """Makes passes; `workers` act on each tip in their order, and what one of them fails at stops no other."""

    store: Store
    keeper: Keeper
    source: Source
    root: str
    actor: str
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    tell: Tell
    workers: tuple[Worker, ...] = ()
    _told: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    _failed: frozenset[str] = field(default_factory=frozenset)

    def tick(self) -> Tick:
        """Make one pass; whatever fails is told, and the next pass goes on with it."""
        failures: list[str] = []
        outcome = None
        pause: timedelta | None = None
        try:
            tip = self.source.sync()
            failpoints.reach("tick.synced")
        except UnreachableError as error:
            # Without git nothing is raised; rollbacks don't pass here, and what git has to be told of waits.
            self._fail(failures, "git-unreachable", error)
        except ReconcilerError as error:
            self._fail(failures, "git-failed", error)
        else:
            outcome = self._apply(failures)
            for worker in self.workers:
                moved = self._work(worker, tip, failures)
                # Our own commit is taken into force at once; that changes nothing else.
                pause, tip = (timedelta() if moved != tip else pause), moved
        self._keep()
        if self._failed and not failures:
            self.tell(Fact(name="recovered"))
        self._failed = frozenset(failures)
        return Tick(
            outcome=outcome, failures=tuple(failures), pause=self._pause(outcome) if pause is None else pause
        )

    def _apply(self, failures: list[str]) -> Outcome | None:
        applier = Applier(store=self.store, prepare=self._prepare, new_id=self.new_id, actor=self.actor)
        try:
            outcome = applier.run()
        except ReconcilerError as error:
            self._fail(failures, "apply-failed", error)
            return None
        for change in outcome.done:
            self.tell(Fact(name=f"applied-{change.kind}", fields=_fields(change, outcome.plan.revision)))
        for failure in outcome.failures:
            self._fail(failures, "apply-failed", failure)
        self._tell_news(outcome)
        return outcome

    def _prepare(self) -> Prospect:
        request = Request(root=self.root, local_now=self.clock(), with_policy=True)
        return prepare(self.store, self.source.repository, request)

    def _tell_news(self, outcome: Outcome) -> None:
        """Tell what an author has to mend, when it is not what was told before."""
        news = list(_open_ends(outcome))
        known, self._told = self._told, frozenset((name, str(fields)) for name, fields in news)
        for name, fields in news:
            if (name, str(fields)) not in known:
                self.tell(Fact(name=name, fields=fields, is_alarm=name != "held"))

    def _work(self, worker: Worker, tip: str, failures: list[str]) -> str:
        try:
            return worker.work(tip)
        except UnreachableError as error:
            self._fail(failures, "git-unreachable", error)
        except ReconcilerError as error:
            self._fail(failures, f"{type(worker).__name__.lower()}-failed", error)
        return tip

    def _pause(self, outcome: Outcome | None) -> timedelta | None:
        pauses = [] if outcome is None else list(_until_due(outcome))
        with suppress(ReconcilerError):
            pauses += [pause for worker in self.workers if (pause := worker.pause()) is not None]
        return min(pauses, default=None)

    def _keep(self) -> None:
        for keep in (self.keeper.record_rollbacks, self.keeper.prepare_for_events, self.keeper.summarise):
            with suppress(*UNANSWERED):
                keep()

    def _fail(self, failures: list[str], name: str, error: object) -> None:
        failures.append(str(error))
        if str(error) in self._failed:
            return  # told by the pass before
        self.tell(Fact(name=name, is_alarm=True, fields={"error": str(error)}))


def _open_ends(outcome: Outcome) -> Iterator[tuple[str, dict[str, Value]]]:
    plan = outcome.plan
    for refusal in plan.refusals:
        reasons = {"reason": refusal.reason, "remedy": refusal.remedy}
        yield "refused", {"feature": refusal.feature, "rule": refusal.rule, **reasons}
    for broken in outcome.broken:
        yield "refused", {"feature": broken.change.feature, "rule": broken.rule, "reason": broken.reason}
    for problem in plan.problems:
        yield "invalid", {"problem": str(problem)}
    if plan.is_blocked:
        yield "unsafe", {"reason": plan.unsafe}
    for hold in plan.holds:
        yield "held", {"feature": hold.feature, "waits_for": hold.waits_for.value}


def _fields(change: Change, revision: str) -> dict[str, Value]:
    before = 0 if change.before is None else int(change.before.standing.tier)
    return {
        "feature": change.feature,
        "from_tier": before,
        "tier": int(change.after.tier),
        "attempt": change.after.attempt,
        "revision": revision,
        "reason": change.reason,
    }


def _until_due(outcome: Outcome) -> Iterator[timedelta]:
    return (hold.until - outcome.plan.observed_at for hold in outcome.plan.holds if hold.until is not None)
