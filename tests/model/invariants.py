"""What must hold in every state and on every step; each answer names the promise that broke."""

from __future__ import annotations

from enum import StrEnum

from tests.model.branch import NOWHERE, File, is_valid
from tests.model.database import is_raise, is_restart
from tests.model.state import Move, Plan, Row, State, World


class Invariant(StrEnum):
    """The promises of the design, sections 1, 4 and 7."""

    RISE = "exposure rises only by the commit in force, which was the tip, asks for just that and never raised yet"
    STAYS_OFF = "an attempt that was rolled back is not exposed again while the database or git knows of that"
    CONSENT = "the next attempt begins only by a commit that knows of the rollback"
    MEMORY = "the database knows every rollback that the commit in force tells of"
    ONE_CHAIN = "a row follows the very row that its writer decided on"
    FORWARD = "the commit in force gives way only to one that contains it"
    ONE_WRITE_BACK = "no worker tells a branch of a rollback that it tells of already"
    NOTHING_LOST = "a worker adds its own commit to the branch, takes none away and brings none back"
    READABLE = "a worker leaves a file that can be read"
    TOLD = "git is told of the rollback that a feature stands under, as soon as there is a file that can tell"
    OLD_FILES = "nor while only a file of an older commit tells of it, without a trailer"


PROMISED = frozenset(Invariant) - {Invariant.OLD_FILES}
"""All but the one that the design doesn't promise: rule 5 reads the file as it is, and trailers."""


def broken_by(world: World, move: Move, before: State, after: State) -> Invariant | None:
    """Return the promise that a step breaks.

    A restore is no step of the protocol: what it brings back is unavoidable, and imported by the next apply. An
    attempt whose rollback the database lost before git was told, or git before the database, may rise again.
    """
    if isinstance(move.subject, Plan) and before.db != after.db:
        return _by_an_applier(world, move.subject, before, after)
    if before.tip != after.tip and after.left == before.left:
        return _by_a_worker(world, before, after)
    return None


def broken_at_rest(world: World, state: State) -> Invariant | None:
    """Return the promise that a state breaks in which no worker has anything left to do."""
    row, file = state.db.row, world.file(state.tip)
    if row is None or not row.rolled_back or _was_told(world, state.tip, row.attempt):
        return None
    waits_for_a_file = not is_valid(file)
    waits_for_a_merge = state.is_protected and state.offer != NOWHERE
    is_kept = state.db.outbox[row.attempt - 1] is not None
    return None if is_kept and (waits_for_a_file or waits_for_a_merge) else Invariant.TOLD


def _by_an_applier(world: World, plan: Plan, before: State, after: State) -> Invariant | None:
    old, new = before.db, after.db
    exposed = _exposes(world, plan, before, new.row)
    if exposed is not None:
        return exposed
    if old.row != new.row and (plan.version, plan.chain) != (old.version, before.chain):
        return Invariant.ONE_CHAIN
    if not world.history.contains(new.revision, old.revision):
        return Invariant.FORWARD
    if _is_forgetful(world, after):
        return Invariant.MEMORY
    return Invariant.OLD_FILES if _was_once_told(world, plan, before, new.row) else None


def _exposes(world: World, plan: Plan, before: State, row: Row | None) -> Invariant | None:
    """Return what is wrong with a row that exposes more; None when it is well, or doesn't."""
    old = before.db.row
    if row is None or row == old or not is_raise(old, row):
        return None
    if old is not None and is_restart(old, row):
        file = world.file(plan.revision)
        if row.attempt == old.attempt:
            return Invariant.STAYS_OFF
        if file is None or file.rolled_back < old.attempt:
            return Invariant.CONSENT
    if row.attempt <= before.ended and _is_known(world, plan, before, row.attempt):
        return Invariant.STAYS_OFF
    return None if _is_asked(world, plan, before, row) else Invariant.RISE


def _was_once_told(world: World, plan: Plan, before: State, row: Row | None) -> bool:
    if row is None or row == before.db.row or not is_raise(before.db.row, row):
        return False
    return row.attempt <= before.ended and _was_told(world, plan.real_tip, row.attempt)


def _is_known(world: World, plan: Plan, before: State, attempt: int) -> bool:
    """Tell whether git told of a rollback when the plan was made, or by now if that was of another database."""
    is_old = plan.chain != before.chain
    return _is_told(world, plan.real_tip, attempt) or (is_old and _is_told(world, before.tip, attempt))


def _is_asked(world: World, plan: Plan, before: State, row: Row) -> bool:
    old, file = before.db.row or Row(0), world.file(plan.revision)
    rung = row.tier - old.tier
    return (
        plan.revision == plan.tip == before.db.revision
        and file is not None
        and (file.tier, file.attempt) == (row.tier, row.attempt)
        and (rung <= 0 or (rung == 1 and (old.tier == 0 or old.served)))
        and not before.db.raised_by >> plan.revision & 1
    )


def _is_forgetful(world: World, state: State) -> bool:
    row, db = state.db.row, state.db
    if row is None or db.looks_back or db.revision == NOWHERE:
        return False
    file = world.file(db.revision)
    told = max(world.history.told(NOWHERE, db.revision), _says(file))
    return told > (row.attempt if row.rolled_back else row.attempt - 1)


def _by_a_worker(world: World, before: State, after: State) -> Invariant | None:
    commit = world.history.commits[after.tip]
    if world.history.between(before.tip, after.tip) != (after.tip,) or before.tip not in commit.parents:
        return Invariant.NOTHING_LOST
    by_a_trailer = world.history.teller(NOWHERE, before.tip, commit.tells, commit.by)
    if by_a_trailer is not None or _says(world.file(before.tip)) >= commit.tells:
        return Invariant.ONE_WRITE_BACK
    return None if is_valid(commit.file) else Invariant.READABLE


def _is_told(world: World, tip: int, attempt: int) -> bool:
    """Tell whether the branch tells of a rollback: by the file as it is, or a trailer of its history."""
    return _says(world.file(tip)) >= attempt or world.history.teller(NOWHERE, tip, attempt) is not None


def _was_told(world: World, tip: int, attempt: int) -> bool:
    """Tell whether some commit of the branch told of it, be it that somebody has set the file back since."""
    before = world.history.between(NOWHERE, tip)
    return _is_told(world, tip, attempt) or any(_says(world.file(each)) >= attempt for each in before)


def _says(file: File | None) -> int:
    return file.rolled_back if file is not None and is_valid(file) else 0
