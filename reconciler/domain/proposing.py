"""What is to be done for a proposal now: one step, decided from facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from reconciler.domain.proposal import Obstacle, Outlook, Proposal, ProposalStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that decides on one proposal; `at_remote` is what lies on its branch.

    `barred` says why nothing may be asked for at all: the tip is not in force, say.
    """

    outlook: Outlook
    now: datetime
    branch: str
    proposal: Proposal | None = None
    at_remote: str | None = None
    barred: Obstacle | None = None

    @property
    def is_ours(self) -> bool:
        """Whether what lies on the branch is a commit of ours."""
        return self.proposal is not None and self.at_remote in self.proposal.commits

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early to try again."""
        until = None if self.proposal is None else self.proposal.waits_until
        return until is not None and self.now < until


@dataclass(frozen=True, slots=True)
class Ask:
    """Make a commit on the tip, and mean it to lie on the branch; `is_anew` when none was under way."""

    is_anew: bool


@dataclass(frozen=True, slots=True)
class Push:
    """Bring the commit that is meant to lie on the branch there."""


@dataclass(frozen=True, slots=True)
class Confirm:
    """Note that it lies there."""


@dataclass(frozen=True, slots=True)
class Seek:
    """The branch is gone: look whether it was merged since the tip was read."""


@dataclass(frozen=True, slots=True)
class End:
    """Ask no more in this epoch, or, withdrawn, until all is well again."""

    status: ProposalStatus
    why: str
    is_evidence: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Take our commit away from where nothing is asked for any more."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Note that the branch needs no look any more."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing: what was asked for stays so, or nothing is asked for; `obstacle` says what is in the way.

    `is_blocked` says that only a person can remove the obstacle, and would not look for it.
    """

    obstacle: Obstacle | None = None
    is_blocked: bool = False


Step: TypeAlias = Ask | Push | Confirm | Seek | End | Delete | Settle | Rest

_SAYS_SO = "its file says so"
_OVER: Mapping[ProposalStatus, str] = {
    ProposalStatus.DECLINED: "its branch was deleted; it is proposed again at the next tier or attempt",
    ProposalStatus.TOUCHED: "a person changed its branch, which is theirs now",
    ProposalStatus.MERGED: "its file says so; `reconciler plan` tells what that waits for",
}


def next_step(view: View) -> Step:
    """Return what is to be done now; after each step but a rest there may be another."""
    proposal, state = view.proposal, view.outlook.state
    if proposal is None:
        return _anew(view)
    if proposal.is_under_way:
        return _under_way(view, proposal) if proposal.is_about(state) else _outlived(view, proposal)
    if _is_over(view, proposal):
        return _tidied(view, proposal) or Rest(Obstacle(why=_OVER[proposal.status]))
    step = _anew(view)
    return step if isinstance(step, Ask) else _tidied(view, proposal) or step


def _is_over(view: View, proposal: Proposal) -> bool:
    return proposal.is_about(view.outlook.state) and proposal.status is not ProposalStatus.WITHDRAWN


def _outlived(view: View, proposal: Proposal) -> Step:
    state = view.outlook.state
    if proposal.is_merged(state, view.outlook.said):
        return End(ProposalStatus.MERGED, _SAYS_SO)
    standing = state.standing
    if standing.rolled_back:
        reason = "" if state.rollback is None else f": {state.rollback.reason}"
        return End(ProposalStatus.WITHDRAWN, f"attempt {standing.attempt} was rolled back{reason}")
    return End(ProposalStatus.WITHDRAWN, f"attempt {standing.attempt} stands at tier {int(standing.tier)} now")


def _anew(view: View) -> Step:
    obstacle = view.outlook.obstacle or view.barred
    if obstacle is not None:
        return Rest(obstacle)
    if view.at_remote is not None and not view.is_ours:
        branch = view.branch.removeprefix("refs/heads/")
        remedy = "merge, rename or delete that branch"
        return Rest(Obstacle(why=f"branch {branch} holds what is not ours", remedy=remedy), is_blocked=True)
    proposal = view.proposal
    if proposal is not None and proposal.is_about(view.outlook.state) and view.is_waiting:
        return Rest(Obstacle(why=f"it was withdrawn: {proposal.note}", until=proposal.waits_until))
    return Ask(is_anew=True)


def _tidied(view: View, proposal: Proposal) -> Step | None:
    """Return what is left to do for a proposal that asks for nothing, None when that is nothing."""
    is_theirs = proposal.status in (ProposalStatus.DECLINED, ProposalStatus.TOUCHED)
    if view.is_ours and not (is_theirs and proposal.is_about(view.outlook.state)):
        return None if view.is_waiting and proposal.refusals else Delete()
    return None if proposal.is_settled else Settle()


def _under_way(view: View, proposal: Proposal) -> Step:
    outlook = view.outlook
    if proposal.is_merged(outlook.state, outlook.said):
        return End(ProposalStatus.MERGED, _SAYS_SO)
    if view.at_remote is not None and not view.is_ours:
        return End(ProposalStatus.TOUCHED, _OVER[ProposalStatus.TOUCHED])
    if outlook.obstacle is not None and outlook.obstacle.ends:
        return End(ProposalStatus.WITHDRAWN, outlook.obstacle.why, is_evidence=outlook.obstacle.is_evidence)
    if view.at_remote is None and proposal.status is ProposalStatus.OPEN:
        return Seek()
    return _brought_up_to_date(view, proposal)


def _brought_up_to_date(view: View, proposal: Proposal) -> Step:
    place = view.outlook.place
    if view.at_remote == proposal.commit and (proposal.status is ProposalStatus.OPENING or proposal.refusals):
        return Confirm()
    if view.is_waiting and proposal.refusals:
        return Rest(Obstacle(why=proposal.note, until=proposal.waits_until))
    if view.barred is not None:
        return Rest(view.barred)
    if proposal.status is ProposalStatus.OPENING and view.outlook.obstacle is not None:
        return Rest(view.outlook.obstacle)
    if place not in (None, proposal.place):
        return Ask(is_anew=False)
    return Rest(view.outlook.obstacle) if view.at_remote == proposal.commit else Push()
