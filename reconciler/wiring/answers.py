"""Explains an answer from the chain, and finds in git the line that made it so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from reconciler.definitions.locate import entry_of, place_of
from reconciler.domain.answer import Answer, Passage
from reconciler.errors import RepositoryError, RevisionRefusedError, UsageError
from reconciler.evaluation.bucketing import bucket
from reconciler.evaluation.evaluator import Evaluation, Reason, explain
from reconciler.reconcile.impact import rollout_of
from reconciler.repository.git import GitRepository
from reconciler.settings import Settings
from reconciler.store.postgres import PostgresStore
from reconciler.wiring.files import open_repository, root_of

_FIELDS = {
    Reason.BLACKLISTED: "blacklist",
    Reason.WHITELISTED: "whitelist",
    Reason.ROLLED_BACK: "rolled_back",
}


def answer_for(store: PostgresStore, feature: str, customer: str, as_of: datetime | None) -> Answer | None:
    """Return why a customer has a feature at a moment, now for None; None when the feature was not there."""
    passages = store.passages(feature, as_of)
    current = next(passages, None)
    if current is None:
        return None
    asked = _Question(feature, customer)
    found = asked.answered(current)
    return Answer(
        feature=feature,
        customer=customer,
        as_of=as_of,
        is_enabled=found.is_enabled,
        reason=found.reason.value,
        bucket=bucket(feature, customer),
        current=current,
        since=_since(current, passages, asked),
    )


def found_in_git(settings: Settings, answer: Answer) -> str | None:
    """Return `path:line:column` in the commit that made the answer so; None where no clone can tell."""
    transition = answer.since.transition
    commit = transition.revision or transition.rollback_commit
    if commit is None:
        return None
    try:
        with open_repository(settings, needs_commit=False) as repository:
            return _place(repository, root_of(settings), commit, answer)
    except (RepositoryError, RevisionRefusedError, UsageError):
        return None


def _place(repository: GitRepository, root: str, commit: str, answer: Answer) -> str | None:
    entry = entry_of(repository.entries(commit, root) or (), answer.feature)
    if entry is None:
        return None
    content = next(iter(repository.read([entry])))
    place = place_of(content, _FIELDS.get(Reason(answer.reason), "tier"), answer.customer)
    return entry.path if place is None else f"{entry.path}:{place[0]}:{place[1]}"


def _since(current: Passage, earlier: Iterable[Passage], asked: _Question) -> Passage:
    """Return the oldest row of the unbroken run with the same answer for the same reason."""
    since, found = current, asked.answered(current)[:2]
    for passage in earlier:
        if asked.answered(passage)[:2] != found:
            break
        since = passage
    return since


@dataclass(frozen=True, slots=True)
class _Question:
    feature: str
    customer: str

    def answered(self, passage: Passage) -> Evaluation:
        rollout = rollout_of(self.feature, passage.standing)
        return explain({self.feature: rollout}, self.feature, self.customer)
