"""The protocol without one of its safeguards, the bounds in which that shows, and the promise that then breaks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tests.model.invariants import Invariant
from tests.model.people import BY_HAND, CLAIM, EARLY, HIGH, LOWER, RAISE, RESTART, REVERT, SKIP
from tests.model.safeguards import Safeguard
from tests.model.state import Bounds, Left, Row


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """What is taken away and what has to break; two safeguards that stand behind one another go together."""

    without: Collection[Safeguard]
    breaks: Invariant
    bounds: Bounds

    def __str__(self) -> str:
        return " and ".join(each.name.lower().replace("_", "-") for each in self.without)


_LIVE = Row(2)


def _of(people: Collection[str], *, row: Row = _LIVE, appliers: int = 1, **left: int) -> Bounds:
    return Bounds(left=Left(**left), people=frozenset(people), row=row, appliers=appliers)


_ONE = _of({RAISE, REVERT, CLAIM, EARLY}, edits=1, rollbacks=1)
_TIMEOUT = _of({}, rollbacks=1, faults=1)
_RESTORE = _of({RAISE}, edits=1, rollbacks=1, backups=1, restores=1)
_LATER = _of({RAISE, REVERT}, edits=2, rollbacks=1, backups=1, restores=1, faults=1, row=Row(0))
_REWRITE = _of({RAISE, LOWER}, edits=2, rollbacks=1, rewrites=1)
_CLIMB = _of({RAISE, SKIP, LOWER, HIGH, RESTART}, edits=2, rollbacks=1)
_NEW = _of({REVERT, RAISE}, edits=2, rollbacks=1, restores=1, appliers=2, row=Row(0))
_TWO = _of({RAISE, REVERT}, edits=2, appliers=2, row=Row(1))
_LOST = _of({}, rollbacks=1, restores=1, rewrites=1)
_SECOND = _of({CLAIM, REVERT}, edits=2, rollbacks=2)

S, P = Safeguard, Invariant
QUICK = (
    Mutant(without=(S.STAYS_OFF, S.CONSTRAINTS), breaks=P.STAYS_OFF, bounds=_ONE),
    Mutant(without=(S.FILE_RULE,), breaks=P.CONSENT, bounds=_ONE),
    Mutant(without=(S.LOOK_AT_TRAILERS,), breaks=P.ONE_WRITE_BACK, bounds=_ONE),
    Mutant(without=(S.EXACT_LEASE,), breaks=P.NOTHING_LOST, bounds=_REWRITE),
    Mutant(without=(S.VERSION,), breaks=P.ONE_CHAIN, bounds=_ONE),
    Mutant(without=(S.VERSION, S.CONSTRAINTS), breaks=P.STAYS_OFF, bounds=_ONE),
    Mutant(without=(S.SAME_DATABASE,), breaks=P.STAYS_OFF, bounds=_RESTORE),
    Mutant(without=(S.ONLY_FORWARD,), breaks=P.FORWARD, bounds=_ONE),
    Mutant(without=(S.ONLY_FORWARD, S.ONLY_THE_TIP_RAISES, S.RAISES_ONCE), breaks=P.RISE, bounds=_CLIMB),
    Mutant(without=(S.ONLY_IN_FORCE,), breaks=P.RISE, bounds=_TWO),
    Mutant(without=(S.ONLY_THE_TIP_RAISES,), breaks=P.RISE, bounds=_CLIMB),
    Mutant(without=(S.FETCHED_LAST,), breaks=P.STAYS_OFF, bounds=_RESTORE),
    Mutant(without=(S.RAISES_ONCE,), breaks=P.RISE, bounds=_REWRITE),
    Mutant(without=(S.FILE_TELLS,), breaks=P.MEMORY, bounds=_of({BY_HAND}, edits=1)),
    Mutant(without=(S.TRAILERS_TELL,), breaks=P.STAYS_OFF, bounds=_LATER),
    Mutant(without=(S.RESTARTS_LOW, S.CONSTRAINTS), breaks=P.RISE, bounds=_CLIMB),
    Mutant(without=(S.DWELL, S.CONSTRAINTS), breaks=P.RISE, bounds=_CLIMB),
    Mutant(without=(S.NO_SKIP, S.CONSTRAINTS), breaks=P.RISE, bounds=_of({SKIP}, edits=1, row=Row(0))),
    Mutant(without=(S.ONE_TRANSACTION,), breaks=P.TOLD, bounds=_ONE),
    Mutant(without=(S.IMPORTS_ARE_KEPT,), breaks=P.TOLD, bounds=_LOST),
    Mutant(without=(S.LOOK_AT_FILE,), breaks=P.ONE_WRITE_BACK, bounds=_of({CLAIM}, edits=1, rollbacks=1)),
    Mutant(without=(S.LIFT_ATTEMPT,), breaks=P.READABLE, bounds=_SECOND),
    Mutant(without=(S.NO_FORCE,), breaks=P.NOTHING_LOST, bounds=_ONE),
    Mutant(without=(S.FACTS_DECIDE, S.CHECK_AGAIN), breaks=P.TOLD, bounds=_TIMEOUT),
    Mutant(without=(S.CHECK_AGAIN,), breaks=P.TOLD, bounds=_REWRITE),
)
SLOW = (
    Mutant(without=(S.READ_BACK,), breaks=P.STAYS_OFF, bounds=_LATER),
    Mutant(without=(S.IMPORTS_FIRST,), breaks=P.STAYS_OFF, bounds=_LATER),
    Mutant(without=(S.LOOKS_BACK,), breaks=P.STAYS_OFF, bounds=_LATER),
    Mutant(without=(S.FIRST_ROW_LOOKS_BACK,), breaks=P.STAYS_OFF, bounds=_NEW),
)
"""Those that take some seconds each."""
