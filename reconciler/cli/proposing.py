"""What `propose` does with the remote and the database."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from contextlib import closing

from reconciler.cli.features import unknown_feature
from reconciler.cli.invocation import Invocation, now
from reconciler.cli.prospects import store_for
from reconciler.domain.proposal import Became
from reconciler.errors import EXIT_DONE, EXIT_FAILED, UsageError
from reconciler.reconcile.facts import unheard
from reconciler.render.proposals import proposals_json, proposals_text
from reconciler.settings import normal_root
from reconciler.store.postgres import PostgresStore
from reconciler.wiring.propose import proposals
from reconciler.wiring.remote import opened_remote


def proposed(call: Invocation, features: Collection[str], *, is_rehearsal: bool) -> int:
    """Make one pass, show it, and return the exit code."""
    if call.settings.remote is None:
        raise UsageError("propose needs a remote to push branches to; name one with --remote, such as origin")
    with closing(store_for(call)) as store, opened_remote(call.settings, os.environ) as clone:
        wanted = _wanted(store, features)
        with call.talk.step("fetching"):
            tip = clone.fetch()
        work = proposals(call.settings, clone, store, clock=now, tell=unheard, wait=_slept)
        work.most = None
        with call.talk.step("looking at evidence and branches"):
            accounts = work.go_through(tip, wanted, is_rehearsal=is_rehearsal)
    if call.output == "json":
        call.write(proposals_json(accounts, normal_root(call.settings.root), tip, is_rehearsal=is_rehearsal))
    else:
        call.write(proposals_text(accounts, now(), call.style, is_rehearsal=is_rehearsal))
    return EXIT_FAILED if any(account.became is Became.REFUSED for account in accounts) else EXIT_DONE


def _wanted(store: PostgresStore, features: Collection[str]) -> Collection[str]:
    index = store.index()
    for feature in features:
        if feature not in index.features:
            raise unknown_feature(feature, index.features)
    return features or index.features - index.retired


def _slept(seconds: float) -> bool:
    time.sleep(seconds)
    return False
