"""What a change does to the lists of a feature: who is added and who is removed."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.domain.plan import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEdit:
    """Customers added to and removed from one list, each in order."""

    name: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def list_edits(change: Change) -> tuple[ListEdit, ...]:
    """Return the edits of both lists; a list that stays as it is isn't named."""
    edits = (_edit(change, "whitelist"), _edit(change, "blacklist"))
    return tuple(edit for edit in edits if edit.added or edit.removed)


def _edit(change: Change, name: str) -> ListEdit:
    before: frozenset[str] = frozenset() if change.before is None else getattr(change.before.standing, name)
    after: frozenset[str] = getattr(change.after, name)
    return ListEdit(name=name, added=tuple(sorted(after - before)), removed=tuple(sorted(before - after)))
