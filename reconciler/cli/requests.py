"""What is wrong with a call whatever the repository and the database say."""

from __future__ import annotations

from reconciler.errors import RevisionRefusedError, UsageError
from reconciler.repository.git import GitRepository
from reconciler.settings import Settings


def one_of(*, worktree: bool, revision: str | None) -> None:
    """Raise when two different things are asked for."""
    if worktree and revision is not None:
        raise UsageError("--worktree and --revision name two different things; leave one out")


def only_commits(*, worktree: bool) -> None:
    """Raise when somebody wants to apply what nobody reviewed."""
    if worktree:
        raise UsageError(
            "apply takes no --worktree: every change in the database names the commit that caused it, and the "
            "working tree has none; look at it with `reconciler plan --worktree`, then commit it and apply"
        )


def only_the_reviewed_branch(settings: Settings) -> None:
    """Raise when a shared database would be brought to whatever happens to be checked out."""
    if settings.dsn is not None and settings.branch is None:
        raise UsageError(
            "with --dsn name the branch whose commits are reviewed, such as --branch origin/main (or "
            "RECONCILER_BRANCH): "
            "what is checked out here may be reviewed by nobody"
        )


def only_published_commits(settings: Settings, repository: GitRepository) -> None:
    """Raise when a shared database would be brought to commits that only this clone has."""
    lacking = None if settings.dsn is None else repository.unpublished_against()
    if lacking is not None:
        raise RevisionRefusedError(
            f"{settings.branch} holds commits here that {lacking} does not, so nobody has reviewed them; "
            f"have them merged, or apply --branch {lacking}"
        )
