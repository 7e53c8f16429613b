"""Asks for one rung more, on a branch of our own, wherever the rules would let it through; a person merges it.

Any number of these may be at it at once: of two who write the same row one is told to look again. Nothing is raised
here, and no rollback waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.domain.proposal import Account, Became, Obstacle, ProposalStatus, branch_of, folder_of
from reconciler.domain.proposing import Ask, Confirm, Delete, End, Push, Rest, Seek, Settle, Step, View, next_step
from reconciler.errors import ConflictError, EditRefusedError, RuleViolatedError
from reconciler.reconcile.facts import Fact, Tell
from reconciler.reconcile.hand import Hand
from reconciler.reconcile.outlook import Survey, survey
from reconciler.reconcile.ports import Clone, ProposingStore
from reconciler.reconcile.writeback import Target

MOST = 10  # pushes in one pass, one or two more for the last feature
_LONGEST_PASS = 10.0  # seconds, after which whatever else there is comes first
_STEPS = 12  # for one feature in one pass; three are usual
_SOON = timedelta(seconds=1)


@dataclass(slots=True, kw_only=True)
class Proposals:
    """Goes through what is asked for and what might be, with `most` pushes in a pass; None: with all there are.

    `wait` tells, after so many seconds, whether to give up.
    """

    store: ProposingStore
    clone: Clone
    target: Target
    clock: Callable[[], datetime]
    tell: Tell
    wait: Callable[[float], bool]
    most: int | None = MOST
    _is_unfinished: bool = False
    _told: set[str] = field(default_factory=set)

    def work(self, tip: str) -> str:
        """Ask, renew and withdraw at this tip, which was just fetched, and return it."""
        self.go_through(tip)
        return tip

    def pause(self) -> timedelta | None:
        """Return how long until there is something to do for sure; None when nobody knows of anything."""
        return _SOON if self._is_unfinished else None

    def go_through(
        self, tip: str, features: Collection[str] | None = None, *, is_rehearsal: bool = False
    ) -> list[Account]:
        """Do what is due for these features, for None whatever may be due at all, and say what became of each.

        A rehearsal says what would, and does nothing.
        """
        self._is_unfinished = False
        views = self._views(tip, features)
        if is_rehearsal:
            return [_rehearsed(view) for view in views]
        hand = Hand(store=self.store, clone=self.clone, target=self.target, tell=self.tell, tip=tip)
        return list(self._gone_through(hand, views))

    def _gone_through(self, hand: Hand, views: list[View]) -> Iterator[Account]:
        began = time.monotonic()
        for view in views:
            if self.wait(0) or self._is_enough(hand, began):
                self._is_unfinished = True
                return
            try:
                yield self._one(hand, view)
            except (EditRefusedError, RuleViolatedError) as error:
                # Features don't share a fate: the others go on.
                yield self._blocked(view, Obstacle(why=str(error)))

    def _is_enough(self, hand: Hand, began: float) -> bool:
        """Tell whether the next pass has to go on: git is told of a rollback first."""
        if self.most is None or not hand.pushes:
            return False
        if hand.pushes >= self.most or time.monotonic() - began > _LONGEST_PASS:
            return True
        due = self.store.next_write_back()
        return due is not None and due <= timedelta()

    def _one(self, hand: Hand, view: View) -> Account:
        became: Became | None = None
        for _ in range(_STEPS):
            step = next_step(view)
            if isinstance(step, Rest):
                return self._rested(view, step, became)
            try:
                after = hand.take(step, view)
            except ConflictError:
                # Whatever made somebody else go on counts here as well.
                [view] = self._views(hand.tip, [view.outlook.feature])
                continue
            if after is None:
                break
            became, view = _became(step, view) or became, after
        self._is_unfinished = True
        return Account(outlook=view.outlook, became=Became.WAITING, why="it changes now; the next pass goes on")

    def _rested(self, view: View, rest: Rest, became: Became | None) -> Account:
        if rest.is_blocked and rest.obstacle is not None:
            return self._blocked(view, rest.obstacle)
        self._told.discard(view.outlook.feature)
        return _account(view, rest, became)

    def _blocked(self, view: View, obstacle: Obstacle) -> Account:
        feature = view.outlook.feature
        if feature not in self._told:
            self._told.add(feature)
            self.tell(
                Fact(name="proposal-blocked", is_alarm=True, fields={"feature": feature, "reason": obstacle.why})
            )
        return Account(outlook=view.outlook, became=Became.WAITING, why=obstacle.why, remedy=obstacle.remedy)

    def _views(self, tip: str, features: Collection[str] | None) -> list[View]:
        named = self.store.ripe() if features is None else features
        known = {proposal.feature: proposal for proposal in self.store.proposals(named)}
        wanted = {*named, *known} if features is None else set(features)
        if not wanted:
            return []
        root = self.target.root
        found = survey(self.store, self.clone.repository, root, tip, wanted, self.clock())
        at_remote = self.clone.remote_refs(folder_of(root))
        return [
            View(
                outlook=outlook,
                now=found.scope.now,
                branch=branch_of(root, feature),
                proposal=known.get(feature),
                at_remote=at_remote.get(branch_of(root, feature)),
                barred=_barred(found, tip),
            )
            for feature, outlook in sorted(found.outlooks.items())
        ]


def _barred(found: Survey, tip: str) -> Obstacle | None:
    # Whatever keeps the tip from being applied, rewritten history say, keeps from asking for more.
    if found.scope.revision == tip and not found.scope.looks_back:
        return None
    return Obstacle(
        why=f"the tip, {tip[:10]}, is not in force", remedy="`reconciler apply` or `run` brings it there"
    )


def _rehearsed(view: View) -> Account:
    step = next_step(view)
    became = _became(step, view)
    if became is None:
        return _account(view, step if isinstance(step, Rest) else Rest(), None)
    why = step.why if isinstance(step, End) else ""
    return Account(outlook=view.outlook, became=became, branch=view.branch, why=why)


def _became(step: Step, view: View) -> Became | None:
    """Return what a step makes of a proposal, None when it only tidies up."""
    match step:
        case Ask(is_anew=True) | Confirm():
            return Became.OPENED
        case Ask():
            return Became.RENEWED
        case Push():
            is_new = view.proposal is not None and view.proposal.status is ProposalStatus.OPENING
            return Became.OPENED if is_new else Became.RENEWED
        case Seek():
            return Became.DECLINED
        case End(status=status):
            return Became(status)
        case Delete() | Settle() | Rest():
            return None


def _account(view: View, rest: Rest, became: Became | None) -> Account:
    proposal, obstacle = view.proposal, rest.obstacle or Obstacle(why="")
    fate = _fate(view, became)
    if proposal is not None and fate in (Became.WITHDRAWN, Became.REFUSED):
        obstacle = Obstacle(why=proposal.note, until=proposal.waits_until)
    return Account(
        outlook=view.outlook,
        became=fate,
        branch=None if fate is Became.WAITING else view.branch,
        commit=proposal.commit if proposal is not None and proposal.is_under_way else None,
        why=obstacle.why,
        remedy=obstacle.remedy,
        until=obstacle.until,
    )


def _fate(view: View, became: Became | None) -> Became:
    proposal = view.proposal
    if proposal is None:
        return became or Became.WAITING
    if proposal.refusals:
        return Became.REFUSED
    if proposal.is_under_way:
        return became or Became.KEPT if view.at_remote == proposal.commit else Became.WAITING
    is_over = proposal.is_about(view.outlook.state) and proposal.status is not ProposalStatus.WITHDRAWN
    return became or (Became(proposal.status) if is_over else Became.WAITING)
