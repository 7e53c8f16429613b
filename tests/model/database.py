"""The database: what its chain takes, a rollback with its outbox row, time, backups and what is lost with them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.rules import TOP
from tests.model.safeguards import Safeguard
from tests.model.state import Database, Move, Plan, Row, State, World, WriteBack, empty_database

Step = tuple[Move, State]


def is_raise(before: Row | None, after: Row) -> bool:
    """Tell whether a row exposes more customers by tier; a new attempt counts, as it lifts a rollback."""
    if before is None:
        return after.tier > 0
    return after.tier > before.tier or is_restart(before, after)


def is_restart(before: Row, after: Row) -> bool:
    """Tell whether a row ends the rollback that stood before it."""
    return before.rolled_back and not after.rolled_back


def accepts(world: World, state: State, plan: Plan, row: Row) -> bool:
    """Tell whether the chain takes this row after its last one, on the word of this plan."""
    is_same = plan.chain == state.chain or not world.has(Safeguard.SAME_DATABASE)
    is_current = plan.version == state.db.version or not world.has(Safeguard.VERSION)
    return is_same and is_current and (_is_sound(state.db.row, row) or not world.has(Safeguard.CONSTRAINTS))


def with_told(db: Database, attempt: int, told: WriteBack) -> Database:
    """Return the database with this outbox row."""
    return db._replace(outbox=(*db.outbox[: attempt - 1], told, *db.outbox[attempt:]))


def rollbacks(world: World, state: State) -> Iterator[Step]:
    """Yield a rollback by errors or a person: the transition and its outbox row in one transaction."""
    db, row = state.db, state.db.row
    if state.owed is not None:
        yield Move("the outbox row follows", is_work=True), state._replace(db=with_told(db, *state.owed), owed=None)
        yield Move("whoever rolled back is killed"), state._replace(owed=None)
    elif row is not None and not row.rolled_back and state.left.rollbacks:
        told = WriteBack(chain=state.chain, since=db.revision)
        after = db._replace(row=row._replace(tier=0, rolled_back=True, served=False), version=db.version + 1)
        is_one = world.has(Safeguard.ONE_TRANSACTION)
        yield (
            Move(f"errors or a person roll attempt {row.attempt} back"),
            state._replace(
                db=with_told(after, row.attempt, told) if is_one else after,
                owed=None if is_one else (row.attempt, told),
                ended=max(state.ended, row.attempt),
                left=state.left._replace(rollbacks=state.left.rollbacks - 1),
            ),
        )


def time_and_backups(world: World, state: State) -> Iterator[Step]:
    """Yield the dwell that is served, a backup, its restore, and a database that is lost altogether."""
    row, left = state.db.row, state.left
    if row is not None and 0 < row.tier < TOP and not row.served:
        yield Move("the dwell is served"), state._replace(db=state.db._replace(row=row._replace(served=True)))
    if left.backups and state.backup != state.db:
        after = left._replace(backups=left.backups - 1)
        yield Move("a backup is made"), state._replace(backup=state.db, left=after)
    if left.restores:
        lost = state._replace(chain=state.chain + 1, left=left._replace(restores=left.restores - 1), owed=None)
        if state.backup is not None:
            yield Move("the backup is restored"), lost._replace(db=state.backup)
        yield Move("an empty database is begun with"), lost._replace(db=empty_database(world.bounds.attempts))


def _is_sound(before: Row | None, after: Row) -> bool:
    """Tell what the CHECK constraints say of a row and the one before it."""
    if before is None:
        return after.tier <= 1
    rung = after.tier - before.tier
    if after.rolled_back:
        return after.tier == 0 and after.attempt >= before.attempt
    if before.rolled_back:
        return after.attempt == before.attempt + 1 and after.tier <= (0 if before.retired else 1)
    is_earned = rung < 1 or (rung == 1 and not before.retired and (before.tier == 0 or before.served))
    may_retire = not after.retired or before.retired or before.tier in {0, TOP}
    return after.attempt == before.attempt and is_earned and may_retire
