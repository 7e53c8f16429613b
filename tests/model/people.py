"""People: reviewed edits, stale ones, reverts past the check, rewritten history, and `db reanchor`."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.branch import BROKEN, NOWHERE, Author, Commit, File, is_valid
from tests.model.database import Step
from tests.model.rules import TOP, reads
from tests.model.safeguards import Safeguard
from tests.model.state import Move, State, World
from tests.model.telling import edited

ELSE, REVERT, REMOVE, BREAK = "changes something else", "reverts the file", "removes the file", "breaks the file"
RAISE, SKIP, LOWER, STALE = "raises by one", "skips a tier", "lowers to 0", "merges a raise begun on an older tip"
RESTART, HIGH = "restarts properly", "restarts too high"
EARLY, CLAIM, BY_HAND = "sets the next attempt too early", "claims a rollback and restarts", "tells of it by hand"
EDITS = frozenset({ELSE, REVERT, REMOVE, BREAK, RAISE, SKIP, LOWER, STALE, RESTART, HIGH, EARLY, CLAIM, BY_HAND})
"""Every kind of edit; those of an offered rollback are open wherever one is offered."""


def people(world: World, state: State) -> Iterator[Step]:
    """Yield every edit within the bounds, every force-push, and the way on after one."""
    if state.left.edits:
        left = state.left._replace(edits=state.left.edits - 1)
        for what, commit in _edits(world, state):
            tip = world.history.add(commit)
            yield Move(f"a person {what}", tip), state._replace(tip=tip, left=left)
    if state.left.rewrites:
        left = state.left._replace(rewrites=state.left.rewrites - 1)
        for target in _elsewhere(world, state):
            yield Move("a force-push", target), state._replace(tip=target, left=left)
    if not world.history.contains(state.tip, state.db.revision):
        yield Move("`db reanchor`", state.tip), _reanchored(world, state)
    if state.is_protected:
        yield Move("the branch lets the worker in"), state._replace(is_protected=False)


def _elsewhere(world: World, state: State) -> Iterator[int]:
    yield from world.history.between(NOWHERE, state.tip)[:-1]
    if not world.history.contains(state.tip, state.db.revision):
        yield state.db.revision  # somebody still has it


def _reanchored(world: World, state: State) -> State:
    db = state.db
    looks_back = world.has(Safeguard.LOOKS_BACK)
    return state._replace(db=db._replace(revision=state.tip, number=db.number + 1, looks_back=looks_back))


def _edits(world: World, state: State) -> Iterator[tuple[str, Commit]]:
    allowed, by = world.bounds.people, ("person", state.left.rewrites)
    for what, file in _contents(world, state.tip):
        if what in allowed:
            yield what, Commit(parents=(state.tip,), file=file, by=by)
    if STALE in allowed:
        yield from ((STALE, commit) for commit in _stale(world, state.tip, by))
    if state.offer != NOWHERE and not world.history.contains(state.tip, state.offer):
        yield from _merges(world, state, by)


def _contents(world: World, tip: int) -> Iterator[tuple[str, File | None]]:
    """Yield what a person may make of the file at the tip; it may be gone or broken."""
    file = world.file(tip)
    earlier = {world.file(each) for each in world.history.between(NOWHERE, tip)} - {file}
    yield from ((REVERT, each) for each in sorted(earlier, key=lambda each: each or BROKEN))
    yield ELSE, file
    if file is not None:
        yield REMOVE, None
        if is_valid(file):
            yield BREAK, BROKEN
            if file.rolled_back < file.attempt:
                yield from _under_way(file)
            if file.attempt < world.bounds.attempts:
                yield from _next_attempt(file)


def _under_way(file: File) -> Iterator[tuple[str, File]]:
    if file.tier < TOP:
        yield RAISE, file._replace(tier=file.tier + 1)
    if file.tier + 1 < TOP:
        yield SKIP, file._replace(tier=file.tier + 2)
    if file.tier:
        yield LOWER, file._replace(tier=0)
    yield BY_HAND, File(0, file.attempt, file.attempt)


def _next_attempt(file: File) -> Iterator[tuple[str, File]]:
    attempt = file.attempt
    if file.rolled_back == attempt:
        yield RESTART, File(1, attempt + 1, attempt)
        yield HIGH, File(2, attempt + 1, attempt)
    else:
        yield EARLY, File(1, attempt + 1, attempt - 1)
        yield CLAIM, File(1, attempt + 1, attempt)


def _stale(world: World, tip: int, by: Author) -> Iterator[Commit]:
    """Yield merges of raises that began on an older tip, each conflict settled in their favour."""
    for base in world.history.between(NOWHERE, tip)[:-1]:
        file = world.file(base)
        if file is not None and is_valid(file) and file.tier < TOP and file.rolled_back < file.attempt:
            raised = file._replace(tier=file.tier + 1)
            head = world.history.add(Commit(parents=(base,), file=raised, by=("pull request", by[1])))
            yield Commit(parents=(tip, head), file=raised, by=by)


def _merges(world: World, state: State, by: Author) -> Iterator[tuple[str, Commit]]:
    """Yield the merge of an offered rollback, with its trailers and without."""
    file, attempt = world.file(state.tip), world.history.commits[state.offer].tells
    if file is not None and reads(file, world.without):
        merged = file if file.rolled_back >= attempt else edited(world, file, attempt)
        yield "merges the offered rollback", Commit(parents=(state.tip, state.offer), file=merged, by=by)
        yield "squashes the offered rollback", Commit(parents=(state.tip,), file=merged, by=by)
