"""What happened to a feature, commits and transitions in one line of time: golden text, Markdown and JSON."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest

from reconciler.domain.analysis import Cohort
from reconciler.domain.breach import Breach
from reconciler.domain.gates import Gates, Thresholds
from reconciler.domain.history import Transition
from reconciler.domain.ladder import Tier
from reconciler.domain.lineage import Lineage
from reconciler.domain.record import Taken
from reconciler.domain.timeline import Past, Shown, Timeline, timeline
from reconciler.domain.write_back import WriteBack, WriteBackStatus
from reconciler.render.markdown import history_markdown
from reconciler.render.style import Style
from reconciler.render.timeline import history_json, history_text
from tests.builders.golden import matches_golden
from tests.builders.plans import NOW, ZONE

DAY = timedelta(days=1)
STYLE = Style(zone=ZONE)
START, LISTS, TYPO, RAISE, MERGE, TELLS, EARLY, AGAIN, LATER = (f"{number}{'ab' * 19}0" for number in range(1, 10))
SUBJECTS = {
    START: "Start quick-pay at 1 %",
    LISTS: "Let two customers in",
    TYPO: "Mend a typo \x1b[31min a comment",
    RAISE: "Raise quick-pay to 10 %",
    MERGE: "Merge pull request #12 from @grace/raise",
    TELLS: "Roll back quick-pay: tier 2 -> 0",
    EARLY: "Begin again, and wait",
    AGAIN: "Begin again",
    LATER: "Raise quick-pay to 10 %, again",
}
COMMITS = {
    commit: Shown(id=commit, subject=subject, author="Grace | Hopper", at=NOW - (10 - number) * DAY - DAY / 24)
    for number, (commit, subject) in enumerate(SUBJECTS.items(), start=1)
}
# Raised on a branch of its own, which was merged; the two commits after the rollback came into force together.
PARENTS = {
    START: (),
    LISTS: (START,),
    TYPO: (LISTS,),
    RAISE: (TYPO,),
    MERGE: (TYPO, RAISE),
    TELLS: (MERGE,),
    EARLY: (TELLS,),
    AGAIN: (EARLY,),
    LATER: (AGAIN,),
}
CHANGED = dict.fromkeys(PARENTS, (0,)) | {MERGE: (0,)}
PAST = Past(lineage=Lineage(tip=LATER, parents=PARENTS), file=CHANGED, policy={}, shown=COMMITS)
BREACH = Breach(cohort=Cohort(customers=50, failing=6), thresholds=Thresholds(error_rate=0.05))


def a_transition(version: int, day: int, kind: str, tier: int, reason: str, revision: str | None) -> Transition:
    return Transition(
        version=version,
        kind=kind,
        tier=Tier(tier),
        attempt=2 if kind == "restart" else 1,
        epoch=version,
        rolled_back=kind == "rollback",
        retired=False,
        at=NOW - (10 - day) * DAY,
        revision=revision,
        rollback_commit=None,
        reason=reason,
        actor="analysis" if kind == "rollback" else "ada",
        unsafe_reason="the product ends" if version == 3 else None,
    )


HISTORY = (
    a_transition(1, 1, "create", 1, "a new rollout", START),
    a_transition(2, 2, "update", 1, "whitelist +2 -1, paused", LISTS),
    a_transition(3, 5, "promote", 2, "tier 1 -> 2 after 4d at tier 1", MERGE),
    a_transition(4, 6, "rollback", 0, str(BREACH), None),
    a_transition(5, 8, "restart", 1, "attempt 2 begins after the rollback of attempt 1", AGAIN),
)
TAKEN = tuple(
    Taken(number=number, root="rollouts.d", revision=revision, kind="apply", at=NOW - (10 - day) * DAY)
    for number, (day, revision) in enumerate(
        ((1, START), (2, LISTS), (3, TYPO), (5, MERGE), (6, TELLS), (8, AGAIN)), start=1
    )
)
WRITTEN = WriteBack(
    id=UUID(int=7),
    feature="quick-pay",
    attempt=1,
    epoch=3,
    tier=Tier(2),
    at=NOW - 4 * DAY,
    reason=str(BREACH),
    actor="analysis",
    gates=Gates(),
    breach=BREACH,
    status=WriteBackStatus.WRITTEN,
    revision=TELLS,
)


def a_history(past: Past | None = PAST) -> Timeline:
    return timeline("quick-pay", HISTORY, (WRITTEN,), TAKEN, past)


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("txt", history_text(a_history(), STYLE)),
        ("md", history_markdown(a_history(), STYLE)),
        ("json", history_json(a_history())),
    ],
    ids=["text", "markdown", "json"],
)
def test_a_history_reads_as_its_golden_file(ending: str, text: str) -> None:
    matches_golden("history", ending, text)


def test_a_history_without_git_is_its_transitions() -> None:
    alone = a_history(past=None)

    assert json.loads(history_json(alone))["git"] is None
    assert json.loads(history_json(alone))["transitions"] == json.loads(history_json(a_history()))["transitions"]
    assert "Grace" not in history_text(alone, STYLE)
