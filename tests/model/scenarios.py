"""The bounds that are explored: each lets one kind of trouble go further than all of them together could."""

from __future__ import annotations

from tests.model.people import CLAIM, EDITS, LOWER, RAISE, RESTART, REVERT
from tests.model.state import Bounds, Left

SMALL = Bounds(left=Left(edits=1, rollbacks=1, backups=1, restores=1), people=EDITS)
"""Every kind of edit around one rollback and one restore: small enough for every run of the tests."""

WHOLE = Bounds(
    left=Left(edits=1, rollbacks=1, rewrites=1, faults=1, backups=1, restores=1),
    people=frozenset({RESTART, REVERT}),
    only_tip=True,
)
"""One of everything: 255,534 states."""

SCENARIOS = {
    "two workers, late pushes, a force-push": Bounds(
        left=Left(edits=1, rollbacks=1, rewrites=1, faults=1), people=EDITS, workers=2
    ),
    "two appliers, two edits": Bounds(left=Left(edits=2, rollbacks=1), people=EDITS, appliers=2, only_tip=True),
    "two appliers, a restore, older commits": Bounds(
        left=Left(edits=1, rollbacks=1, backups=1, restores=1), people=frozenset({REVERT, RAISE}), appliers=2
    ),
    "every edit, a restore, a failing import, older commits": Bounds(
        left=Left(edits=1, rollbacks=1, backups=1, restores=1, faults=1), people=EDITS
    ),
    "two rollbacks, a restore": Bounds(
        left=Left(edits=2, rollbacks=2, backups=1, restores=1), people=frozenset({RESTART, REVERT}), only_tip=True
    ),
    "two rollbacks, a force-push": Bounds(
        left=Left(edits=2, rollbacks=2, rewrites=1), people=frozenset({RESTART, REVERT}), only_tip=True
    ),
    "three rollbacks, three edits": Bounds(
        left=Left(edits=3, rollbacks=3), people=frozenset({RESTART, REVERT}), only_tip=True, attempts=3
    ),
    "two edits, a force-push": Bounds(
        left=Left(edits=2, rollbacks=1, rewrites=1), people=frozenset({RAISE, LOWER, REVERT, CLAIM}), only_tip=True
    ),
    "two workers, a protected branch, a force-push": Bounds(
        left=Left(edits=2, rollbacks=1, rewrites=1),
        people=frozenset({RESTART, REVERT}),
        workers=2,
        only_tip=True,
        is_protected=True,
    ),
}
"""68,000 to 165,000 states each."""
