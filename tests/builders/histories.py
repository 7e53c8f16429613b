"""What random authors write, and how long they wait: the steps of a random history."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

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
WAITS = st.sampled_from([timedelta(hours=24), timedelta(hours=1), timedelta(hours=1, microseconds=-1), timedelta()])
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
