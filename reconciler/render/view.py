"""What a page is about: a plan with its surroundings, and what an apply made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.domain.impact import Impact
from reconciler.domain.plan import Change, Plan
from reconciler.domain.revision import PERMITTED, Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A plan, its root, the commit in force, whether its own commit may be applied, and whom it moves."""

    plan: Plan
    root: str
    in_force: str | None = None
    permission: Permission = PERMITTED
    impacts: Mapping[str, Impact] = field(default_factory=dict)

    @property
    def is_in_sync(self) -> bool:
        """Whether there is nothing to do, to wait for or to mend."""
        plan = self.plan
        return not (plan.changes or plan.holds or plan.is_refused or plan.unsafe or self.fence)

    @property
    def fence(self) -> str | None:
        """Why nothing of this commit is applied, in words; None when it may be."""
        if self.permission.is_stale:
            in_force = "a newer one" if self.in_force is None else short(self.in_force)
            return f"nothing to do: {short(self.plan.revision)} is older than {in_force}, which is in force"
        if self.permission.refusal is not None:
            return f"not applicable: {self.permission.refusal}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """A change that the database refused, by the name of the rule."""

    change: Change
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeView:
    """What an apply did, after the last plan it decided on; `is_settled` is false when others kept changing it."""

    view: PlanView
    done: tuple[Change, ...] = ()
    conflicts: tuple[str, ...] = ()
    broken: tuple[BrokenRule, ...] = ()
    is_settled: bool = True
    failures: tuple[str, ...] = ()

    @property
    def fence(self) -> str | None:
        """Why no more than this was applied, in words; None when nothing stood in the way."""
        view = self.view
        if view.permission.is_stale and self.done:
            return f"stopped: a newer commit than {short(view.plan.revision)} came into force meanwhile"
        return view.fence


def short(revision: str) -> str:
    """Return a commit id as people say it; a name such as `worktree` stays whole."""
    return revision[:10] if len(revision) >= 40 else revision
