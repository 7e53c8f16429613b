"""The policy of a root, read without its definitions."""

from __future__ import annotations

from reconciler.definitions.load import load
from reconciler.domain.policy import Policy
from reconciler.errors import RevisionRefusedError
from reconciler.repository.git import GitRepository
from reconciler.wiring.files import committed


def policy_at_tip(repository: GitRepository, root: str) -> Policy:
    """Return the policy at the tip of the branch, the usual one where there is no file; a broken one is refused."""
    files = committed(repository, root, None).files
    # Whatever is named so, as a misspelt policy is broken as well.
    reserved = [entry for entry in files.entries if entry.path.startswith(f"{root}/_")]
    desired = load(reserved, files.read, root, with_policy=True)
    broken = next((problem for problem in desired.problems if problem.is_of_policy), None)
    if broken is not None:
        raise RevisionRefusedError(str(broken))
    return desired.policy
