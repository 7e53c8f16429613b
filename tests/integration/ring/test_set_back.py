"""The branch is set back to a tip that a worker has looked at: what it lost by that is told again."""

from __future__ import annotations

import pytest

from tests.builders.ring import Ring


@pytest.mark.parametrize("teller", ["a", "b"])
def test_a_rollback_told_since_a_worker_looked_at_the_tip_is_told_again(ring: Ring, teller: str) -> None:
    """Told by the worker itself, or by another one that is gone since."""
    known = ring.pull()
    with ring.worker("a") as one, ring.worker("b") as another:
        one.tick()
        ring.roll_back("checkout")
        {"a": one, "b": another}[teller].tick()
        told = ring.rollback_ids()
        ring.person.git("push", "--quiet", "--force", "origin", f"{known}:refs/heads/main")

        one.tick()

    assert (ring.rollback_ids(), ring.said("checkout")) == (told, {"tier": 0, "rolled_back": 1})
