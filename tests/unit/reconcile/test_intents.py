"""What each command of a person makes of a definition."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.definitions.edit import Edit
from reconciler.domain.ladder import Tier
from reconciler.errors import EditRefusedError, UsageError
from reconciler.reconcile.intents import Reach, Roster, advance, enlist, pause, reaches, restart, resume, strike
from tests.builders.domain import NOW, a_definition, a_state, rolled_back, some_gates

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("tier", "to", "edit"),
    [
        pytest.param(0, None, Edit(tier=1), id="from 0"),
        pytest.param(3, None, Edit(tier=4), id="one more"),
        pytest.param(4, None, Edit(), id="at the target"),
        pytest.param(2, 3, Edit(tier=3), id="the next"),
        pytest.param(2, 2, Edit(tier=2), id="the same"),
    ],
)
def test_advance_asks_for_one_tier_more(tier: int, to: int | None, edit: Edit) -> None:
    assert advance(a_definition(tier), None if to is None else Tier(to)).edit == edit


def test_advance_skips_and_lowers_nothing() -> None:
    with pytest.raises(EditRefusedError, match="tier 1 -> 3 skips tier 2"):
        advance(a_definition(1), Tier.GENERAL)
    with pytest.raises(UsageError, match="only raises; to lower it write `tier: 1`"):
        advance(a_definition(3), Tier.INTERNAL)


def test_advance_leaves_alone_what_was_rolled_back() -> None:
    with pytest.raises(
        EditRefusedError, match=r"attempt 2 was rolled back; `reconciler restart .*` begins attempt 3"
    ):
        advance(a_definition(0, attempt=2, rolled_back=2))


@pytest.mark.parametrize("tier", [Tier.DISABLED, Tier.INTERNAL])
def test_restart_begins_the_attempt_after_the_one_that_was_rolled_back(tier: Tier) -> None:
    assert restart(a_definition(0, attempt=2, rolled_back=2), tier).edit == Edit(tier=int(tier), attempt=3)


def test_restart_waits_until_git_knows() -> None:
    definition = a_definition(2)
    standing = a_state(2)

    with pytest.raises(EditRefusedError, match="does not know of a rollback of attempt 1; wait for the rollback"):
        restart(definition)
    with pytest.raises(EditRefusedError, match="does not know of a rollback of attempt 1"):
        restart(definition, known=standing)
    with pytest.raises(EditRefusedError, match="git is not told of it yet; wait for the rollback commit, then"):
        restart(definition, known=rolled_back())
    with pytest.raises(EditRefusedError, match=r"commit .* tells git of it; pull, then"):
        restart(definition, known=rolled_back(in_git=True))


def test_a_pause_ends_with_resume() -> None:
    assert (pause(a_definition()).edit, resume(a_definition()).edit) == (Edit(paused=True), Edit(paused=False))


def test_a_customer_is_on_one_list() -> None:
    customers = ("acme", "globex")

    assert enlist(a_definition(), Roster.WHITELIST, customers).edit == Edit(
        whitelist_add=customers, blacklist_remove=customers
    )
    assert enlist(a_definition(), Roster.BLACKLIST, customers).edit == Edit(
        blacklist_add=customers, whitelist_remove=customers
    )
    assert strike(a_definition(), Roster.WHITELIST, customers).edit == Edit(whitelist_remove=customers)
    assert strike(a_definition(), Roster.BLACKLIST, customers).edit == Edit(blacklist_remove=customers)


@pytest.mark.parametrize(
    ("tiers", "attempts", "stood", "target", "expected"),
    [
        pytest.param((1, 2), (1, 1), None, 4, [(4, 2, False)], id="a raise"),
        pytest.param((0, 1), (1, 1), None, 3, [(3, 2, False)], id="the first one"),
        pytest.param((3, 4), (1, 1), None, 4, [], id="the last one"),
        pytest.param((2, 2), (1, 1), None, 4, [], id="no raise"),
        pytest.param((0, 1), (1, 2), 3, 4, [(3, 2, True), (4, 3, False)], id="a restart"),
        pytest.param((0, 0), (1, 2), 3, 4, [(3, 2, True), (4, 3, False)], id="a restart at 0"),
        pytest.param((0, 1), (1, 2), 4, 4, [(4, 3, True)], id="a restart that was at its target"),
        pytest.param((0, 1), (1, 2), 4, 2, [(2, 1, False)], id="a restart with a lower target"),
        pytest.param((0, 1), (1, 2), 1, 4, [(4, 3, False)], id="a restart that was at 1"),
        pytest.param((0, 1), (1, 2), None, 4, [(4, 3, False)], id="a restart nobody knows of"),
    ],
)
def test_the_earliest_moment_is_the_sum_of_the_dwells(
    tiers: tuple[int, int],
    attempts: tuple[int, int],
    stood: int | None,
    target: int,
    expected: list[tuple[int, int, bool]],
) -> None:
    gates = some_gates(DAY)
    before, after = (
        a_definition(tier, attempt=attempt, target=Tier(target), gates=gates)
        for tier, attempt in zip(tiers, attempts, strict=True)
    )

    found = reaches(before, after, NOW, None if stood is None else Tier(stood))

    assert list(found) == [Reach(tier=Tier(tier), at=NOW + days * DAY, stood=was) for tier, days, was in expected]
