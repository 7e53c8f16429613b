"""`db reanchor`: the recorded way on after history was rewritten."""

from __future__ import annotations

from reconciler.cli.prospects import Workplace
from reconciler.domain.ledger import RevisionRecord, Scope
from reconciler.domain.revision import Relation
from reconciler.errors import RevisionRefusedError, UsageError
from reconciler.render.view import short


def reanchored(place: Workplace, reason: str) -> str:
    """Take the tip into force if history was rewritten, and say what changed."""
    scope, tip = place.store.scope(), place.repository.tip()
    if scope.root not in (None, place.root):
        raise UsageError(f"this database serves the root {scope.root}, not {place.root}; name that with --root")
    needless = _needless(place, scope, tip)
    if needless is not None:
        return f"nothing to re-anchor: {needless}\n"
    record = RevisionRecord(
        previous_number=scope.number,
        root=place.root,
        revision=tip,
        actor=place.call.settings.actor,
        kind="reanchor",
        reason=reason,
    )
    place.store.take_revision(record)
    return (
        f"re-anchored: {short(scope.revision or '')} -> {short(tip)} ({reason})\n"
        "see what that means with `reconciler plan`, then run `reconciler apply`\n"
    )


def _needless(place: Workplace, scope: Scope, tip: str) -> str | None:
    if scope.revision is None:
        return "nothing is in force yet; the first `reconciler apply` records its commit"
    match Relation(place.repository.relation(scope.revision, tip)):
        case Relation.SAME:
            return f"{short(tip)} is in force and the tip of the branch"
        case Relation.AHEAD:
            return f"{short(tip)} contains {short(scope.revision)}, which is in force; `reconciler apply` goes on"
        case Relation.UNKNOWN:
            raise RevisionRefusedError(
                f"this clone is shallow and can't tell how {short(tip)} stands to {short(scope.revision)}, "
                "which is in force; run `git fetch --unshallow` first"
            )
        case Relation.BEHIND | Relation.DIVERGED:
            return None
