"""The protocol of rollback, write-back and apply as an explicit-state model: one feature, small bounds.

A state is a hashable value (`state.State`); `steps` yields all that may happen next, and `explore` looks at every
state that can be reached. Sections are those of the design.

| step | module | design |
|---|---|---|
| errors or a person roll an attempt back, with its outbox row | `database` | 7.1 |
| an applier plans: which commit, what git remembers, the eleven rules | `applying`, `rules` | 4 |
| it imports, takes its commit into force, writes its change, each by compare-and-swap | `applying` | 4 |
| it is killed, its plan grows old, an import fails or its outcome is unknown | `applying` | 4, 8 |
| a worker fetches and looks, builds the one commit, pushes, marks | `telling` | 7.2, 7.4 |
| a push is refused, times out, lands late or never; it is offered for a pull request | `telling` | 7.3 |
| the file is gone or broken, came back, was moved on by people | `people`, `telling` | 7.4 |
| people raise, skip, lower, restart well and badly, revert, merge what is stale | `people` | 3, 4 |
| a force-push, `db reanchor` | `people` | 4, 8 |
| dwell passes; a backup, its restore, an empty database | `database` | 4, 8 |

Left out, as nothing here depends on it: other features, lists, pause and freeze, gates, adoption, evaluation. The
rules are not said again: `rules.decide` asks the oracle. What a worker or an applier does to its own memory alone
is one step with what follows; what others can see or undo is a step of its own. Workers are alike, and so are
appliers, so that states which differ in their seats alone are one.

What no safeguard can keep, so that it isn't promised: a database restored from before a rollback that git wasn't
told of (or was made to forget by a force-push) exposes that attempt again, and until the first apply after any
restore a feature is as exposed as the backup says. Such a database may roll the same attempt back anew: that is
another rollback, with a commit of its own. And what only a file of an older commit tells, without a trailer, is
forgotten with the database (`Invariant.OLD_FILES`).
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.applying import appliers
from tests.model.database import Step, rollbacks, time_and_backups
from tests.model.people import people
from tests.model.state import State, World
from tests.model.telling import late_pushes, workers


def steps(world: World, state: State) -> Iterator[Step]:
    """Yield everything that may happen in a state, and the state after it."""
    for actors in (people, rollbacks, appliers, workers, late_pushes, time_and_backups):
        for move, after in actors(world, state):
            yield move, _in_order(after)


def _in_order(state: State) -> State:
    """Return the state that stands for all that differ in who sits where."""
    if len(state.appliers) == len(state.workers) == 1:
        return state
    return state._replace(
        appliers=tuple(sorted(state.appliers, key=hash)), workers=tuple(sorted(state.workers, key=hash))
    )
