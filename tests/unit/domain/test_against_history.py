"""Commits that a database names and that are not where they should be, and rollbacks that only git knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from reconciler.domain.against_history import Whereabouts, told_of_unknown, told_twice
from reconciler.domain.lineage import Lineage
from reconciler.domain.record import Finding, Outgoing, Records, ScopeRow, Taken, Telling, Unchecked
from reconciler.domain.write_back import WriteBackStatus
from tests.builders.domain import NOW, hours
from tests.builders.links import a_link, after, commit

START = a_link(tier=1)
ROLLED_BACK = after(START, kind="rollback", tier=0, rolled_back=True, revision=None, is_settled=False)
RESTARTED = after(ROLLED_BACK, kind="restart", tier=1, attempt=2, rolled_back=False)
LINE = Lineage(tip=commit(4), parents={commit(n): (commit(n - 1),) if n > 1 else () for n in range(1, 5)})


def taken(*commits: str, reanchored: int | None = None) -> tuple[Taken, ...]:
    return tuple(
        Taken(
            number=number,
            root="rollouts.d",
            revision=revision,
            kind="reanchor" if number == reanchored else "apply",
            at=NOW + hours(number),
            reason="a split" if number == reanchored else None,
        )
        for number, revision in enumerate(commits, start=1)
    )


def whereabouts(lineage: Lineage = LINE, **named: Any) -> Whereabouts:
    scope = ScopeRow(number=1, root="rollouts.d", revision=commit(1))
    return Whereabouts(records=Records(scope=scope, **named), lineage=lineage, branch="main")


def what(found: Any) -> list[str]:
    return [each.what for each in found]


def without(number: int, **named: Any) -> Lineage:
    """Return a line that lacks one commit."""
    parents = {each: tuple(p for p in parents if p != commit(number)) for each, parents in LINE.parents.items()}
    parents.pop(commit(number))
    return Lineage(tip=commit(4), parents=parents, **named)


def aside(number: int) -> Lineage:
    """Return a line on which one commit exists and the branch does not contain it."""
    lacking = without(number)
    return replace(lacking, parents={commit(number): (), **lacking.parents})


def test_commits_of_the_branch_are_where_they_should_be() -> None:
    assert list(whereabouts(taken=taken(commit(1), commit(3)), chains={"checkout": (START,)}).log()) == []


@pytest.mark.parametrize(("lineage", "fact"), [(without(1), "is not in this clone"), (aside(1), "is not on main")])
def test_a_commit_that_is_gone_is_named_with_what_it_caused(lineage: Lineage, fact: str) -> None:
    [finding] = whereabouts(lineage, taken=taken(commit(1)), chains={"checkout": (START,)}).log()

    assert isinstance(finding, Finding)
    assert (finding.feature, finding.version, finding.rule) == ("checkout", 1, "commit_is_on_the_branch")
    assert finding.what == f"0000000000, which was in force and caused 1 transition of checkout, {fact}"


def test_of_many_features_the_first_are_named() -> None:
    chains = {name: (replace(START, feature=name),) for name in ("e", "d", "c", "b", "a")}

    [finding] = whereabouts(without(1), chains=chains).log()

    assert isinstance(finding, Finding)
    assert (finding.feature, finding.version) == ("", None)
    assert finding.what == "0000000000, which caused 5 transitions of a, b, c and 2 more, is not in this clone"


def test_what_a_reanchoring_left_behind_is_no_fault() -> None:
    log = taken(commit(1), commit(3), reanchored=2)

    assert list(whereabouts(aside(1), taken=log, chains={"checkout": (START,)}).log()) == []
    [gone] = whereabouts(without(1), taken=log, chains={"checkout": (START,)}).log()
    assert isinstance(gone, Unchecked)
    assert gone.what == "1 commit of before history was rewritten (a split) can't be compared"


def test_a_commit_that_came_into_force_after_it_is_a_fault_again() -> None:
    log = taken(commit(3), commit(3), commit(1), reanchored=2)

    assert what(whereabouts(aside(1), taken=log).log()) == ["0000000000, which was in force, is not on main"]


def test_a_shallow_clone_tells_how_much_it_lacks() -> None:
    [unchecked] = whereabouts(without(1, is_complete=False), taken=taken(commit(1))).log()

    assert isinstance(unchecked, Unchecked)
    assert unchecked.what == "1 commit can't be compared: this clone holds only a part of the history"


def an_outgoing(**named: Any) -> Outgoing:
    plain = Outgoing(
        rollback_id=ROLLED_BACK.id,
        feature="checkout",
        attempt=1,
        from_tier=1,
        at=ROLLED_BACK.at,
        in_force=commit(1),
        breach=None,
        status=WriteBackStatus.WRITTEN,
        revision=commit(3),
    )
    return replace(plain, **named)


def test_a_rollback_whose_commit_is_gone_is_named() -> None:
    chains = {"checkout": (START, ROLLED_BACK)}
    told = whereabouts(without(3), chains=chains, outbox=(an_outgoing(),))
    imported = {"checkout": (START, replace(ROLLED_BACK, rollback_commit=commit(3)))}

    assert what(told.rollbacks()) == ["git was told of it by 0000000000, which is not in this clone"]
    assert what(whereabouts(without(3), chains=imported).rollbacks()) == [
        "git remembers it by 0000000000, which is not in this clone"
    ]
    assert list(whereabouts(without(3, is_complete=False), chains=imported).rollbacks()) == []
    assert list(whereabouts(chains=chains, outbox=(an_outgoing(),)).rollbacks()) == []


def test_a_reanchoring_excuses_a_rollback_that_no_longer_stands() -> None:
    log = taken(commit(1), commit(2), commit(4), reanchored=3)
    stands = whereabouts(without(3), taken=log, chains={"checkout": (START, ROLLED_BACK)}, outbox=(an_outgoing(),))
    chain = (START, ROLLED_BACK, RESTARTED)
    is_over = whereabouts(without(3), taken=log, chains={"checkout": chain}, outbox=(an_outgoing(),))

    assert len(list(stands.rollbacks())) == 1
    assert list(is_over.rollbacks()) == []


def test_the_log_follows_history_but_where_it_was_reanchored() -> None:
    backwards = taken(commit(1), commit(4), commit(2))

    assert what(whereabouts(taken=taken(commit(1), commit(1), commit(4))).order()) == []
    assert what(whereabouts(taken=backwards).order()) == [
        "0000000000 came into force after 0000000000, which it does not contain"
    ]
    assert what(whereabouts(taken=taken(commit(1), commit(4), commit(2), reanchored=3)).order()) == []
    assert what(whereabouts(without(4, is_complete=False), taken=backwards).order()) == []


def a_telling(number: int = 3, **named: Any) -> Telling:
    plain = Telling(commit=commit(number), rollback_id=ROLLED_BACK.id, feature="checkout", attempt=1)
    return replace(plain, **named)


def unknown(*tellings: Telling, chain: Any = (START, ROLLED_BACK), imported: Any = None) -> list[str]:
    scope = ScopeRow(number=1, root="rollouts.d", revision=commit(1))
    records = Records(scope=scope, chains={"checkout": chain} if chain else {})
    return what(told_of_unknown(records, tellings, imported or {}))


STRANGER = UUID(int=77)


def test_a_rollback_that_git_and_the_database_know_fits() -> None:
    assert unknown(a_telling()) == []
    assert unknown(a_telling(rollback_id=STRANGER), chain=None) == []
    assert unknown(a_telling(rollback_id=STRANGER), imported={commit(3): {"checkout"}}) == []


def test_an_attempt_that_is_over_anyway_says_nothing_of_a_database_begun_anew() -> None:
    assert unknown(a_telling(rollback_id=STRANGER)) == []
    assert unknown(a_telling(rollback_id=STRANGER), chain=(a_link(tier=1, attempt=2),)) == []


def test_a_rollback_that_only_git_knows_is_named() -> None:
    expected = "0000000000 tells of a rollback of attempt {} that the database doesn't know"

    assert unknown(a_telling(rollback_id=STRANGER), chain=(START,)) == [expected.format(1)]
    assert unknown(a_telling(rollback_id=STRANGER, attempt=2)) == [expected.format(2)]


def test_a_second_rollback_of_one_attempt_is_named() -> None:
    assert unknown(a_telling(), a_telling(4, rollback_id=STRANGER)) == [
        (
            f"0000000000 tells of the rollback {STRANGER}: the database knows another one of attempt 1, "
            "and git tells of that too"
        )
    ]


def test_the_id_of_another_rollback_is_named() -> None:
    assert unknown(a_telling(attempt=2)) == [
        f"0000000000 tells of the rollback {ROLLED_BACK.id}: the database knows it as that of checkout attempt 1"
    ]


def test_one_rollback_is_told_once_unless_it_was_taken_back() -> None:
    again = [a_telling(4), a_telling(2)]

    assert len(list(told_twice(again, LINE, lambda _: True))) == 1
    assert list(told_twice(again, LINE, lambda _: False)) == []
    assert list(told_twice([a_telling(4), a_telling(2, rollback_id=STRANGER)], LINE, lambda _: True)) == []


def test_one_rollback_told_on_two_lines_that_met_is_told_twice() -> None:
    parents = {commit(1): (), commit(2): (commit(1),), commit(3): (commit(1),), commit(4): (commit(2), commit(3))}
    met = Lineage(tip=commit(4), parents=parents)

    assert len(list(told_twice([a_telling(2), a_telling(3)], met, lambda _: False))) == 1
