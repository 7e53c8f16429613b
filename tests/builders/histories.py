"""The steps of a random history: what authors write, how long they wait, and what became of an apply."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from reconciler.errors import RevisionRefusedError
from tests import oracle
from tests.builders.scene import Scene
from tests.builders.trees import Fields

FEATURES = st.sampled_from(["basket", "checkout", "search"])
CUSTOMERS = st.lists(st.sampled_from(["ada", "bob", "cleo"]), max_size=2, unique=True)
EDITS = st.fixed_dictionaries(
    {},
    optional={
        "tier": st.integers(0, 4),
        "target": st.integers(1, 4),
        "attempt": st.integers(1, 3),
        "rolled_back": st.integers(0, 3),
        "paused": st.booleans(),
        "owner": st.sampled_from(["", "team-a"]),
        "whitelist": CUSTOMERS,
        "blacklist": CUSTOMERS,
        "hours": st.sampled_from([0, 1, 24, 48]),
        "min_exposed": st.sampled_from([0, 0, 1]),
        "error_rate": st.sampled_from([0.01, 0.05, 0.5]),
    },
)
SPANS = st.sampled_from(
    [
        timedelta(microseconds=1),
        timedelta(minutes=20),
        timedelta(hours=1) - timedelta(microseconds=1),
        timedelta(hours=1),
        timedelta(hours=24),
        timedelta(hours=48),
        timedelta(seconds=-5),
        timedelta(hours=-2),
    ]
)
_HOUR = timedelta(hours=1)
_PLAIN, _LONGER, _STERNER = ({"hours": hours, "min_exposed": least} for hours, least in ((1, 0), (2, 0), (1, 1)))
WAITS = st.sampled_from([_HOUR, _HOUR - timedelta(microseconds=1), _HOUR, timedelta(hours=24), timedelta()])
GATES: st.SearchStrategy[Fields] = st.sampled_from([_PLAIN, _PLAIN, _LONGER, _STERNER])
POLICIES: st.SearchStrategy[Fields | None] = st.sampled_from(
    [
        {"min_dwell": "0h"},
        {"min_dwell": "1h"},
        {"min_dwell": "24h"},
        {"min_dwell": "0h", "guard": {"max_lowered": 0.5, "min_rollouts": 2}},
        None,
    ]
)
QUICK: Fields = {"target": 4, "paused": False, "hours": 1, "min_exposed": 0}


def applied(
    scene: Scene, revision: str | None, skew: timedelta, *, adopt: bool, override: bool
) -> tuple[str, set[str], set[str]]:
    """Apply, and return what became of it, with the features that are held and those that are refused."""
    allowed = "it is meant" if override else None
    try:
        outcome = scene.apply(revision, skew=skew, adopt=adopt, allow_unsafe=allowed)
    except RevisionRefusedError:
        return oracle.FORBIDDEN, set(), set()
    assert (outcome.conflicts, outcome.broken, outcome.is_settled) == ((), (), True)
    if outcome.is_stale:
        return oracle.STALE, set(), set()
    if outcome.plan.is_blocked:
        return oracle.UNSAFE, set(), set()
    plan = outcome.plan
    return (
        oracle.APPLIED,
        {hold.feature for hold in plan.holds},
        {refusal.feature for refusal in plan.refusals},
    )


def answer(expected: oracle.Expected) -> tuple[str, set[str], set[str]]:
    """Return the same of what the oracle expects."""
    answers = expected.answers.items()
    return (
        expected.outcome,
        {name for name, answer in answers if answer == oracle.HELD},
        {name for name, answer in answers if answer == oracle.REFUSED},
    )
