"""Finds what git knows of a feature's past, and joins it with what the database knows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet

from reconciler.definitions.tree import POLICY_FILE
from reconciler.domain.history import Transition
from reconciler.domain.lineage import Lineage
from reconciler.domain.record import Taken
from reconciler.domain.timeline import Past, Shown
from reconciler.domain.write_back import WriteBack
from reconciler.errors import RepositoryError, RevisionRefusedError, UsageError
from reconciler.repository.git import GitRepository
from reconciler.repository.history import CommitFacts
from reconciler.settings import Settings
from reconciler.wiring.files import open_repository, root_of


def past_in_git(
    settings: Settings,
    feature: str,
    transitions: Sequence[Transition],
    write_backs: Sequence[WriteBack],
    taken: Sequence[Taken],
) -> tuple[Past | None, str | None]:
    """Return what git knows of a feature, None where no repository can tell, and what a reader should know."""
    commits = {row.revision for row in taken} | {write_back.revision or "" for write_back in write_backs}
    commits |= {commit or "" for each in transitions for commit in (each.revision, each.rollback_commit)}
    try:
        with open_repository(settings) as repository:
            past = past_of(repository, root_of(settings), feature, commits)
    except (RepositoryError, RevisionRefusedError, UsageError) as error:
        return None, f"note: git tells nothing here ({error}); these are the transitions alone"
    if not past.lineage.is_complete:
        return (
            past,
            "note: this clone holds only a part of the history; run `git fetch --unshallow` to see all commits",
        )
    return past, None


def past_of(repository: GitRepository, root: str, feature: str, commits: Collection[str]) -> Past:
    """Return which commits up to the tip, and to these, changed the policy or a feature's file, wherever it lay."""
    lineage = repository.lineage(commits)
    pairs = [(commit, parent) for commit, parents in lineage.parents.items() for parent in (parents or (None,))]
    file: dict[str, set[int]] = {}
    policy: dict[str, set[int]] = {}
    counts: dict[str, int] = {}
    for (commit, _), changes in zip(pairs, repository.changes(pairs, root), strict=True):
        number = counts[commit] = counts.get(commit, -1) + 1
        for path, _ in changes:
            if path == f"{root}/{POLICY_FILE}":
                policy.setdefault(commit, set()).add(number)
            elif path.endswith(f"/{feature}.yaml") and "/." not in path.removeprefix(root):
                file.setdefault(commit, set()).add(number)
    named = _named(lineage, file.keys() | policy.keys(), commits)
    shown = {commit: _shown(facts) for commit, facts in repository.described(named).items()}
    return Past(lineage=lineage, file=file, policy=policy, shown=shown)


def _named(lineage: Lineage, changing: AbstractSet[str], commits: Collection[str]) -> list[str]:
    return [commit for commit in lineage.parents if commit in changing or commit in commits]


def _shown(facts: CommitFacts) -> Shown:
    return Shown(id=facts.id, subject=facts.subject, author=facts.author, at=facts.committed_at)
