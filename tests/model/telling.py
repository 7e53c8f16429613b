"""Write-back workers: they tell the branch of rollbacks, die at any step, and leave pushes that land late."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.branch import NOWHERE, Author, Commit, File
from tests.model.database import Step, with_told
from tests.model.rules import reads
from tests.model.safeguards import Safeguard
from tests.model.state import Errand, Move, State, World, WriteBack


def workers(world: World, state: State) -> Iterator[Step]:
    """Yield what each worker may do next: fetch and look, push or offer what it built, mark the row, or die."""
    for seat, held in enumerate(state.workers):
        if seat and held == state.workers[seat - 1]:
            continue  # they are alike
        if held is None:
            yield from _looks(world, state, seat)
            continue
        yield _marks(state, seat, held) if not held.is_built else _pushes(world, state, seat, held)
        if held.is_built and state.left.faults and not state.is_protected:
            yield _times_out(world, state, seat, held)
        yield Move("a worker is killed"), _seated(state, seat, None)


def late_pushes(world: World, state: State) -> Iterator[Step]:
    """Yield what becomes of a push whose client is gone: it lands after all, or it never does."""
    for place, commit in enumerate(state.late):
        after = state._replace(late=state.late[:place] + state.late[place + 1 :])
        yield Move("a late push comes to nothing", commit, is_work=True), after
        if _stands_on(world, commit, state.tip) or not world.has(Safeguard.NO_FORCE):
            yield Move("a late push lands", commit, is_work=True), after._replace(tip=commit)


def author(chain: int) -> Author:
    """Return by what the commit of a rollback is known: the database that it began in."""
    return "write-back", chain


def edited(world: World, file: File, attempt: int) -> File:
    """Return the file that tells of a rollback; an `attempt` apart from it would be unreadable, or a restart."""
    lifted = attempt if world.has(Safeguard.LIFT_ATTEMPT) else file.attempt
    return File(tier=0, attempt=lifted, rolled_back=attempt)


def _looks(world: World, state: State, seat: int) -> Iterator[Step]:
    for attempt, told in enumerate(state.db.outbox, start=1):
        if told is not None and _has_to_be_told(world, state, attempt, told):
            errand = _errand(world, state, attempt, told)
            if errand is not None:
                yield Move("a worker fetches and looks", errand, is_work=True), _seated(state, seat, errand)


def _has_to_be_told(world: World, state: State, attempt: int, told: WriteBack) -> bool:
    """Tell whether this rollback is not in git yet, or still stands and is no longer in git."""
    row = state.db.row
    if told.commit == NOWHERE or row is None:
        return told.commit == NOWHERE
    still_stands = row.rolled_back and row.attempt == attempt and world.has(Safeguard.CHECK_AGAIN)
    return still_stands and not world.history.contains(state.tip, told.commit)


def _errand(world: World, state: State, attempt: int, told: WriteBack) -> Errand | None:
    """Return what the fetched tip calls for; None while the file is gone or broken, or a person has to merge."""
    tip, file = state.tip, world.file(state.tip)
    commit = _teller(world, tip, attempt, told)
    if commit is not None:
        return Errand(attempt, told.chain, commit, is_built=False)
    waits = state.is_protected and told.offered and _stands_on(world, state.offer, tip)
    if waits or file is None or not reads(file, world.without):
        return None
    built = Commit((tip,), edited(world, file, attempt), tells=attempt, by=author(told.chain))
    return Errand(attempt, told.chain, world.history.add(built), is_built=True)


def _teller(world: World, tip: int, attempt: int, told: WriteBack) -> int | None:
    """Return the commit by which the branch tells of it: the tip by its file, or one by the id in its trailer."""
    file = world.file(tip)
    says = file.rolled_back if file is not None and reads(file, world.without) else 0
    if says >= attempt and world.has(Safeguard.LOOK_AT_FILE):
        return tip
    if not world.has(Safeguard.LOOK_AT_TRAILERS):
        return None
    return world.history.teller(told.since, tip, attempt, author(told.chain))


def _pushes(world: World, state: State, seat: int, errand: Errand) -> Step:
    free = _seated(state, seat, None)
    if state.is_protected and _stands_on(world, errand.commit, state.tip):
        return Move("a worker offers its commit for a pull request", errand, is_work=True), _offered(free, errand)
    if not state.is_protected and _is_accepted(world, errand.commit, state.tip):
        told = _seated(state, seat, errand._replace(is_built=False))
        return Move("a push lands", errand, is_work=True), told._replace(tip=errand.commit)
    return Move("a push is refused, as the tip moved", errand, is_work=True), free


def _times_out(world: World, state: State, seat: int, errand: Errand) -> Step:
    believed = None if world.has(Safeguard.FACTS_DECIDE) else errand._replace(is_built=False)
    left = state.left._replace(faults=state.left.faults - 1)
    late = tuple(sorted((*state.late, errand.commit)))
    return Move("a push times out", errand), _seated(state, seat, believed)._replace(late=late, left=left)


def _is_accepted(world: World, commit: int, tip: int) -> bool:
    if not world.has(Safeguard.NO_FORCE) or tip == commit:
        return True
    if not world.has(Safeguard.EXACT_LEASE):
        return world.history.contains(commit, tip)  # all that git asks of a push without force
    return _stands_on(world, commit, tip)


def _stands_on(world: World, commit: int, tip: int) -> bool:
    return commit != NOWHERE and world.history.commits[commit].parents == (tip,)


def _marks(state: State, seat: int, errand: Errand) -> Step:
    """Mark the row with the commit; in another database there may be none of that id."""
    told, free = state.db.outbox[errand.attempt - 1], _seated(state, seat, None)
    if told is None or told.chain != errand.chain:
        return Move("a worker finds no row to mark", errand, is_work=True), free
    marked = told._replace(commit=errand.commit, offered=False)
    return (
        Move("a worker marks the row", errand, is_work=True),
        free._replace(db=with_told(free.db, errand.attempt, marked)),
    )


def _offered(state: State, errand: Errand) -> State:
    told = state.db.outbox[errand.attempt - 1]
    if told is None or told.chain != errand.chain:
        return state._replace(offer=errand.commit)
    offered = told._replace(offered=True)
    return state._replace(offer=errand.commit, db=with_told(state.db, errand.attempt, offered))


def _seated(state: State, seat: int, held: Errand | None) -> State:
    return state._replace(workers=(*state.workers[:seat], held, *state.workers[seat + 1 :]))
