"""Takes one step for one proposal: what is written, where, and in which order, so that a kill anywhere is harmless.

The row says which commits are ours before they are pushed, and what is replaced on the branch is what was seen.
After a push that was not accepted the remote is asked what it holds; the text of an error decides nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from reconciler import failpoints
from reconciler.definitions.edit import Edit, edit
from reconciler.definitions.source import Entry, EntryKind
from reconciler.domain.commit import Signature
from reconciler.domain.impact import Impact
from reconciler.domain.ladder import Tier
from reconciler.domain.proposal import Proposal, ProposalStatus
from reconciler.domain.proposing import Ask, Confirm, Delete, End, Push, Seek, Settle, View
from reconciler.errors import UNANSWERED
from reconciler.reconcile.facts import Fact, Tell, Value
from reconciler.reconcile.impact import impact_of
from reconciler.reconcile.ports import Clone, ProposingStore
from reconciler.reconcile.writeback import Target
from reconciler.render.messages import proposal_message

_REMEMBERED = 32  # commits of a branch
_LATER, _LONGEST = timedelta(seconds=30), timedelta(minutes=15)
_SETTLES = frozenset({ProposalStatus.DECLINED, ProposalStatus.TOUCHED})


@dataclass(slots=True, kw_only=True)
class Hand:
    """Works at one tip; ConflictError when somebody else took a step first."""

    store: ProposingStore
    clone: Clone
    target: Target
    tell: Tell
    tip: str
    pushes: int = 0

    def take(self, step: Ask | Push | Confirm | Seek | End | Delete | Settle, view: View) -> View | None:
        """Take a step and return how things stand then; None when the tip has to be read anew first."""
        match step:
            case Ask():
                return self._ask(view)
            case Push():
                return self._push(view) if self._is_made_again(_of(view)) else self._ask(view)
            case Confirm():
                return self._confirm(view)
            case Seek():
                # Merged and deleted since, perhaps: what was deleted before this fetch was merged before it.
                gone = End(ProposalStatus.DECLINED, "its branch was deleted")
                return self._end(view, gone) if self.clone.fetch() == self.tip else None
            case End():
                return self._end(view, step)
            case Delete():
                return self._delete(view)
            case Settle():
                return self._settle(view)
            case _:
                assert_never(step)

    def _ask(self, view: View) -> View:
        proposal = self._made(view)
        failpoints.reach("propose.wanting")
        saved = self.store.save_proposal(proposal, None)
        failpoints.reach("propose.wanted")
        return self._push(replace(view, proposal=saved))

    def _made(self, view: View) -> Proposal:
        outlook, before, place = view.outlook, view.proposal, view.outlook.place
        if place is None:  # nothing is asked for without a file
            raise ValueError(outlook.feature)
        is_renewed = before is not None and before.is_under_way and before.is_about(outlook.state)
        proposal = Proposal(
            feature=outlook.feature,
            branch=view.branch,
            attempt=outlook.state.standing.attempt,
            epoch=outlook.state.epoch,
            tier=outlook.asked,
            base=self.tip,
            place=place,
            at=view.now,
            message=proposal_message(outlook, self._impact(view), self.target.root, view.now),
            commits=() if before is None else before.commits[1 - _REMEMBERED :],
            status=before.status if before is not None and is_renewed else ProposalStatus.OPENING,
            version=0 if before is None else before.version,
        )
        return replace(proposal, commits=(*proposal.commits, self._commit(proposal)))

    def _commit(self, proposal: Proposal) -> str:
        path = proposal.place.path
        entry = Entry(path=path, kind=EntryKind.FILE, id=proposal.place.blob)
        [content] = self.clone.repository.read([entry])
        files = {path: edit(content, path, Edit(tier=int(proposal.tier)))}
        author = Signature(name=self.target.name, email=self.target.email, at=proposal.at)
        return self.clone.commit(proposal.base, files, proposal.message, author)

    def _is_made_again(self, proposal: Proposal) -> bool:
        """Tell whether the commit that the row means lies in this clone, whoever made it first."""
        is_here = not self.clone.not_contained(self.tip, [proposal.base])
        return is_here and self._commit(proposal) == proposal.commit

    def _impact(self, view: View) -> Impact | None:
        before = view.outlook.state.standing
        with suppress(*UNANSWERED):
            after = replace(before, tier=Tier(view.outlook.asked))
            return impact_of(self.store, view.outlook.feature, before, after)
        return None

    def _push(self, view: View) -> View:
        commit = _of(view).commit
        if view.at_remote != commit:
            failpoints.reach("propose.pushing")
            view = self._pushed_over(view, commit)
            failpoints.reach("propose.pushed")
        return self._confirm(view) if view.at_remote == commit else view

    def _delete(self, view: View) -> View:
        failpoints.reach("propose.deleting")
        view = self._pushed_over(view, None)
        failpoints.reach("propose.deleted")
        return self._settle(view) if view.at_remote is None else view

    def _pushed_over(self, view: View, commit: str | None) -> View:
        """Replace what was seen on the branch, and return what lies there then."""
        self.pushes += 1
        report = self.clone.push_over(commit, view.branch, expected=view.at_remote)
        now = commit if report.is_accepted else self._at_remote(view.branch)
        after = replace(view, at_remote=now)
        return self._refused(after, report.said) if now == view.at_remote != commit else after

    def _at_remote(self, branch: str) -> str | None:
        return self.clone.remote_refs(branch).get(branch)

    def _refused(self, view: View, said: str) -> View:
        proposal = _of(view)
        refusals = proposal.refusals + 1
        if refusals == 1:
            self._say("proposal-refused", view, is_alarm=True, reason=said)
        refused = replace(proposal, refusals=refusals, note=f"the remote refused: {said}", is_settled=False)
        failpoints.reach("propose.postponing")
        saved = self.store.save_proposal(refused, min(_LATER * 2 ** min(proposal.refusals, 8), _LONGEST))
        failpoints.reach("propose.postponed")
        return replace(view, proposal=saved)

    def _confirm(self, view: View) -> View:
        proposal = _of(view)
        is_new = proposal.status is ProposalStatus.OPENING
        failpoints.reach("propose.opening")
        opened = replace(proposal, status=ProposalStatus.OPEN, refusals=0, note="")
        saved = self.store.save_proposal(opened, None)
        failpoints.reach("propose.opened")
        self._say("proposed" if is_new else "proposal-renewed", view, commit=proposal.commit)
        return replace(view, proposal=saved)

    def _end(self, view: View, end: End) -> View:
        is_settled = end.status in _SETTLES or not view.is_ours
        ended = replace(_of(view), status=end.status, note=end.why, is_settled=is_settled, refusals=0)
        # The errors that turned it have to be old before anything is asked for again.
        pause = view.outlook.gates.thresholds.window if end.is_evidence else None
        failpoints.reach("propose.ending")
        saved = self.store.save_proposal(ended, pause)
        failpoints.reach("propose.ended")
        self._say(f"proposal-{end.status}", view, reason=end.why)
        return replace(view, proposal=saved)

    def _settle(self, view: View) -> View:
        proposal = _of(view)
        left = None if proposal.waits_until is None else max(proposal.waits_until - view.now, timedelta())
        failpoints.reach("propose.settling")
        saved = self.store.save_proposal(replace(proposal, is_settled=True), left)
        failpoints.reach("propose.settled")
        return replace(view, proposal=saved)

    def _say(self, name: str, view: View, *, is_alarm: bool = False, **more: Value) -> None:
        proposal = _of(view)
        fields: dict[str, Value] = {"feature": proposal.feature, "tier": int(proposal.tier), "branch": view.branch}
        self.tell(Fact(name=name, is_alarm=is_alarm, fields={**fields, **more}))


def _of(view: View) -> Proposal:
    if view.proposal is None:  # each of these steps is about one
        raise ValueError(view.outlook.feature)
    return view.proposal
