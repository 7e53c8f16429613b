"""What the eleven rules make of one row and one file: the oracle of the tests, asked once for each small input."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import NamedTuple

from tests import oracle
from tests.builders.domain import FEATURE, NOW, REVISION, a_definition
from tests.model.branch import File, is_valid
from tests.model.safeguards import Safeguard
from tests.model.state import Row

TOP = 3  # where this rollout ends
OWNER = a_definition().owner
_LONG_AGO = NOW - timedelta(days=100)


class Answer(NamedTuple):
    """The rows to be written: the import of a lost rollback, then what the file asks; None for nothing."""

    imported: Row | None
    change: Row | None


def reads(file: File | None, without: frozenset[Safeguard] = frozenset()) -> bool:
    """Tell whether there is a file that counts."""
    return is_valid(file) or (file is not None and file.tier >= 0 and Safeguard.FILE_RULE in without)


@cache
def decide(
    row: Row | None, file: File | None, told: int, *, may_raise: bool, without: frozenset[Safeguard] = frozenset()
) -> Answer:
    """Decide as the oracle does; `told` is the attempt that trailers say was rolled back."""
    if row is None and file is None:
        return Answer(imported=None, change=None)
    asked = _asked(file, told, may_raise=may_raise, is_readable=reads(file, without))
    if Safeguard.FILE_TELLS in without:
        asked = _asked(_unheard(row, file), told, may_raise=may_raise, is_readable=reads(file, without))
    imported = oracle._import_lost_rollback(_feature(row), FEATURE, asked)
    before = None if row is None else _row(imported, row)
    loose = _loosely(before, file, without) if may_raise and reads(file, without) else None
    after = loose or _row(oracle._decide(imported, FEATURE, asked)[0], before)
    return Answer(imported=None if before == row else before, change=None if after == before else after)


def _asked(file: File | None, told: int, *, may_raise: bool, is_readable: bool) -> oracle.Asked:
    definition = None
    if file is not None and is_readable:
        definition = a_definition(file.tier, attempt=file.attempt, rolled_back=file.rolled_back, target=TOP)
    return oracle.Asked(
        revision=REVISION,
        now=NOW,
        files={} if file is None else {FEATURE: definition},
        may_raise=may_raise,
        trailers={FEATURE: told},
        verdicts={FEATURE: "healthy"},
    )


def _feature(row: Row | None) -> oracle.Feature | None:
    if row is None:
        return None
    return oracle.Feature(
        tier=row.tier,
        attempt=row.attempt,
        rolled_back=row.rolled_back,
        retired=row.retired,
        target=TOP,
        owner=OWNER,
        epoch_began=_LONG_AGO if row.served else NOW,
    )


def _row(feature: oracle.Feature | None, before: Row | None) -> Row | None:
    if feature is None:
        return None
    row = Row(feature.tier, feature.attempt, feature.rolled_back, feature.retired)
    stays = before is not None and (row.tier, row.attempt) == (before.tier, before.attempt)
    return row._replace(served=before is not None and stays and before.served)


def _unheard(row: Row | None, file: File | None) -> File | None:
    """Return the file without a rollback that the database doesn't know."""
    if row is None or row.rolled_back or file is None or file.rolled_back < row.attempt:
        return file
    return file._replace(rolled_back=row.attempt - 1)


def _loosely(row: Row | None, file: File | None, without: frozenset[Safeguard]) -> Row | None:
    """Return the row that a rule would keep from being written, where that rule is gone."""
    if row is None or row.retired or file is None:
        return None
    rung = file.tier - row.tier if file.attempt == row.attempt and not row.rolled_back else 0
    kept_by = {
        Safeguard.STAYS_OFF: row.rolled_back and file.attempt == row.attempt > file.rolled_back,
        Safeguard.RESTARTS_LOW: row.rolled_back and file.attempt == row.attempt + 1 and file.tier > 1,
        Safeguard.DWELL: rung == 1,
        Safeguard.NO_SKIP: rung > 1,
    }
    is_loose = any(rule in without and applies for rule, applies in kept_by.items())
    return Row(file.tier, file.attempt) if is_loose else None
