"""Proposals of the settings: who asks for one rung more, through the clone of the remote."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from reconciler.reconcile.facts import Tell
from reconciler.reconcile.ports import ProposingStore
from reconciler.reconcile.propose import Proposals
from reconciler.reconcile.writeback import Target
from reconciler.repository.clone import Clone
from reconciler.settings import Settings, author_of, normal_root


def proposals(
    settings: Settings,
    clone: Clone,
    store: ProposingStore,
    *,
    clock: Callable[[], datetime],
    tell: Tell,
    wait: Callable[[float], bool],
) -> Proposals:
    """Return who keeps a branch for each rollout that may climb."""
    name, address = author_of(settings.author)
    target = Target(root=normal_root(settings.root), branch=clone.branch, name=name, email=address)
    return Proposals(store=store, clone=clone, target=target, clock=clock, tell=tell, wait=wait)
