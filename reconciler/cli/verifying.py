"""What `verify` does between the database and git: read one, then hold it against the other."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.cli.features import unknown_feature
from reconciler.cli.invocation import Invocation
from reconciler.cli.upkeep import connected
from reconciler.domain.record import Records, Verification
from reconciler.errors import UsageError
from reconciler.reconcile.verify import Verifier
from reconciler.repository.git import GitRepository
from reconciler.store.audit import read_records
from reconciler.store.postgres import PostgresStore
from reconciler.wiring.files import open_repository, root_of


def verified(call: Invocation, features: Sequence[str]) -> Verification:
    """Check the named features, every one when none is named."""
    root = root_of(call.settings)
    with open_repository(call.settings) as repository:
        # No transaction is open while git is read.
        records = _records(call, features, root)
        call.talk.begin()
        try:
            with call.talk.step("reading commits"):
                return Verifier(
                    archive=repository, root=root, branch=_branch(call, repository), report=call.talk.report
                ).run(records)
        finally:
            call.talk.clear()


def _records(call: Invocation, features: Sequence[str], root: str) -> Records:
    with connected(call) as connection, call.talk.step("reading the database"):
        store = PostgresStore(lambda: connection)
        known = store.index().features
        for feature in features:
            if feature not in known:
                raise unknown_feature(feature, known)
        records = read_records(connection, list(features) or None)
    if records.scope.root not in (None, root):
        raise UsageError(f"this database serves the root {records.scope.root}, not {root}; name that with --root")
    return records


def _branch(call: Invocation, repository: GitRepository) -> str:
    return call.settings.branch or (repository.branch or "HEAD").removeprefix("refs/heads/")
