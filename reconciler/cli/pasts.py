"""What `history` reads: the transitions of a feature, how git was told of them, and what git knows."""

from __future__ import annotations

from reconciler.cli.features import unknown_feature
from reconciler.cli.invocation import Invocation
from reconciler.cli.upkeep import connected
from reconciler.domain.timeline import Timeline, timeline
from reconciler.store.audit import read_taken
from reconciler.store.postgres import PostgresStore
from reconciler.wiring.timeline import past_in_git


def past_of(call: Invocation, feature: str) -> Timeline:
    """Return the timeline of a feature; where git can't be read, its transitions alone, and say so."""
    with connected(call) as connection:
        store = PostgresStore(lambda: connection)
        transitions = store.history(feature)
        if not transitions:
            raise unknown_feature(feature, store.index().features)
        write_backs = [each for each in store.write_backs(all_of_them=True) if each.feature == feature]
        taken = read_taken(connection)
    with call.talk.step("reading commits"):
        past, note = past_in_git(call.settings, feature, transitions, write_backs, taken)
    if note is not None:
        call.talk.note(note)
    return timeline(feature, transitions, write_backs, taken, past)
