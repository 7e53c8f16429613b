"""Appliers: each makes a plan and carries it out step by step, however old it has become meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.branch import NOWHERE
from tests.model.database import Step, accepts, is_raise, with_told
from tests.model.rules import decide
from tests.model.safeguards import Safeguard
from tests.model.state import Database, Move, Plan, Row, State, World, WriteBack


def appliers(world: World, state: State) -> Iterator[Step]:
    """Yield what each applier may do next: plan, import, take the commit into force, write the change, or die."""
    for seat, held in enumerate(state.appliers):
        if seat and held == state.appliers[seat - 1]:
            continue  # they are alike
        if isinstance(held, Plan):
            yield from _carries_on(world, state, seat, held)
            yield Move("an applier is killed"), _seated(state, seat, None)
        elif held is None and not world.has(Safeguard.FETCHED_LAST):
            yield Move("an applier fetches", state.tip), _seated(state, seat, state.tip)
        else:
            yield from _plans(world, state, seat, state.tip if held is None else held)


def _plans(world: World, state: State, seat: int, tip: int) -> Iterator[Step]:
    """Yield a plan for the tip, and for each older commit of the branch, that has something to do."""
    older = () if world.bounds.only_tip else world.history.between(NOWHERE, tip)[:-1]
    for revision in (tip, *older):
        plan = _plan(world, state, revision, tip)
        if plan is not None:
            yield Move("an applier plans", plan, is_work=revision == state.tip), _seated(state, seat, plan)


def _plan(world: World, state: State, revision: int, tip: int) -> Plan | None:
    db = state.db
    if world.has(Safeguard.ONLY_FORWARD) and not world.history.contains(revision, db.revision):
        return None
    told = _told(world, db, revision, tip) if world.has(Safeguard.TRAILERS_TELL) else 0
    may_raise = revision == tip or not world.has(Safeguard.ONLY_THE_TIP_RAISES)
    imported, change = decide(db.row, world.file(revision), told, may_raise=may_raise, without=world.without)
    if change is not None and is_raise(imported or db.row, change) and _has_raised(world, db, revision):
        change = None
    remembered = change if db.row is None and change is not None and change.rolled_back else None
    looks_back = remembered is not None and world.has(Safeguard.FIRST_ROW_LOOKS_BACK)
    remembered = remembered or imported
    is_taken = (db.revision, db.looks_back) == (revision, looks_back)
    if is_taken and imported is None and change is None:
        return None
    return Plan(
        revision=revision,
        tip=tip,
        real_tip=state.tip,
        chain=state.chain,
        number=db.number,
        version=db.version,
        imported=imported,
        told_by=NOWHERE if remembered is None else _teller(world, revision, tip, remembered.attempt),
        is_taken=is_taken,
        looks_back=looks_back,
        change=change,
    )


def _told(world: World, db: Database, revision: int, tip: int) -> int:
    """Return the attempt that trailers say was rolled back: since the commit in force up to the tip.

    Of what has no row the whole history up to the commit tells, and of everything when it has to be looked back.
    """
    history = world.history
    ever = history.told(NOWHERE, revision) if db.row is None else 0
    if db.revision == NOWHERE:
        return ever
    return max(ever, history.told(NOWHERE if db.looks_back else db.revision, tip))


def _teller(world: World, revision: int, tip: int, attempt: int) -> int:
    teller = world.history.teller(NOWHERE, tip, attempt)
    return revision if teller is None else teller


def _has_raised(world: World, db: Database, revision: int) -> bool:
    return world.has(Safeguard.RAISES_ONCE) and bool(db.raised_by >> revision & 1)


def _carries_on(world: World, state: State, seat: int, plan: Plan) -> Iterator[Step]:
    if plan.imported is not None and (plan.is_taken or world.has(Safeguard.IMPORTS_FIRST)):
        yield _imports(world, state, seat, plan, plan.imported)
        if state.left.faults:
            yield from _fails_to_import(world, state, seat, plan)
    elif not plan.is_taken:
        yield _takes(world, state, seat, plan)
    elif plan.change is not None:
        yield _changes(world, state, seat, plan, plan.change)


def _imports(world: World, state: State, seat: int, plan: Plan, row: Row) -> Step:
    if not accepts(world, state, plan, row):
        return _anew(state, seat)
    db = _remembering(world, state, state.db._replace(row=row, version=state.db.version + 1), plan)
    rest = plan._replace(imported=None, version=plan.version + 1)
    after = _seated(state, seat, _unless_done(rest))
    return Move("a rollback is imported", plan, is_work=True), after._replace(
        db=db, ended=max(state.ended, row.attempt)
    )


def _fails_to_import(world: World, state: State, seat: int, plan: Plan) -> Iterator[Step]:
    """Yield the import that the database fails at: its commit comes into force, and is remembered to lack it."""
    state = state._replace(left=state.left._replace(faults=state.left.faults - 1))
    if not world.has(Safeguard.READ_BACK):
        rest = plan._replace(imported=None)
        yield Move("an import is lost at COMMIT and taken for done", plan), _seated(state, seat, _unless_done(rest))
    if _may_take(world, state, plan):
        db = _in_force(state.db, plan.revision, looks_back=world.has(Safeguard.LOOKS_BACK))
        yield Move("an import fails, its commit comes into force", plan), _seated(state, seat, None)._replace(db=db)


def _takes(world: World, state: State, seat: int, plan: Plan) -> Step:
    if not _may_take(world, state, plan):
        return _anew(state, seat)
    db = _in_force(state.db, plan.revision, looks_back=plan.looks_back)
    after = _seated(state, seat, _unless_done(plan._replace(is_taken=True, number=plan.number + 1)))
    return Move("a commit comes into force", plan, is_work=True), after._replace(db=db)


def _changes(world: World, state: State, seat: int, plan: Plan, row: Row) -> Step:
    db = state.db
    raises = is_raise(db.row, row)
    is_superseded = db.revision != plan.revision and world.has(Safeguard.ONLY_IN_FORCE)
    is_repeated = raises and _has_raised(world, db, plan.revision)
    if is_superseded or is_repeated or not accepts(world, state, plan, row):
        return _anew(state, seat)
    raised_by = db.raised_by | (1 << plan.revision if raises else 0)
    after, ended = db._replace(row=row, version=db.version + 1, raised_by=raised_by), state.ended
    if db.row is None and row.rolled_back:
        after, ended = _remembering(world, state, after, plan), max(ended, row.attempt)
    free = _seated(state, seat, None)
    return Move("a change is written", plan, is_work=True), free._replace(db=after, ended=ended)


def _remembering(world: World, state: State, db: Database, plan: Plan) -> Database:
    """Return the database with an outbox row that says by which commit git tells of a rollback."""
    assert db.row is not None
    if not world.has(Safeguard.IMPORTS_ARE_KEPT):
        return db
    return with_told(db, db.row.attempt, WriteBack(chain=state.chain, since=NOWHERE, commit=plan.told_by))


def _may_take(world: World, state: State, plan: Plan) -> bool:
    is_same = plan.chain == state.chain or not world.has(Safeguard.SAME_DATABASE)
    return is_same and plan.number == state.db.number


def _in_force(db: Database, revision: int, *, looks_back: bool) -> Database:
    return db._replace(revision=revision, number=db.number + 1, looks_back=looks_back)


def _unless_done(plan: Plan) -> Plan | None:
    return None if plan.is_taken and plan.imported is None and plan.change is None else plan


def _anew(state: State, seat: int) -> Step:
    return Move("an applier finds its plan outdated", is_work=True), _seated(state, seat, None)


def _seated(state: State, seat: int, held: Plan | int | None) -> State:
    return state._replace(appliers=(*state.appliers[:seat], held, *state.appliers[seat + 1 :]))
