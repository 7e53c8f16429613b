"""The moment between what a worker decided on and its push, in which something else happens.

worker.writing.clone = interrupted(worker.clone, lambda: ring.push({"checkout": None}))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from reconciler.domain.commit import PushReport
from reconciler.reconcile.ports import Clone


class _Interrupted:
    def __init__(self, clone: Clone, happens: list[Callable[[], object]]) -> None:
        self._clone = clone
        self._happens = happens

    def push(self, commit: str, ref: str, *, onto: str | None = None) -> PushReport:
        """Let it happen, then push."""
        if self._happens:
            self._happens.pop(0)()
        return self._clone.push(commit, ref, onto=onto)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clone, name)


def interrupted(clone: Clone, *happens: Callable[[], object]) -> Clone:
    """Return the clone; before its first push the first of these happens, before the second the next."""
    return cast("Clone", _Interrupted(clone, list(happens)))
