"""A row against its commit, a rollback against the commit that tells of it, a remembered key against its file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from reconciler.domain.against_git import (
    FileAt,
    Saying,
    content_faults,
    import_faults,
    source_faults,
    telling_faults,
)
from reconciler.domain.definition import Definition, Source
from reconciler.domain.gates import stricter
from reconciler.domain.ladder import Tier
from reconciler.domain.record import Finding, Link, Outgoing, Remembered, Telling
from reconciler.domain.write_back import WriteBackStatus
from tests.builders.domain import NOW, hours, some_gates
from tests.builders.links import OPEN, a_link, after, commit

KEY, OTHER = "1" * 40, "2" * 40
PLAIN = Definition(feature="checkout", tier=Tier.INTERNAL, source=Source(path="checkout.yaml", key=KEY), gates=OPEN)
START = a_link(tier=1)
ROLLED_BACK = after(START, kind="rollback", tier=0, rolled_back=True, revision=None, is_settled=False)


def a_file(**fields: Any) -> FileAt:
    """Return what a commit says of checkout: tier 1 but for these fields."""
    laddered: dict[str, Any] = {
        name: Tier(value) if name in {"tier", "target"} else value for name, value in fields.items()
    }
    definition = replace(PLAIN, **laddered)
    saying = Saying(tier=definition.tier, attempt=definition.attempt, rolled_back=definition.rolled_back)
    return FileAt(commit=commit(2), definition=definition, key=KEY, saying=saying)


NO_FILE = FileAt(commit=commit(2))
BROKEN = FileAt(commit=commit(2), problem="checkout.yaml:1:1: no number", key=KEY)


def what(found: Any) -> list[str]:
    return [finding.what for finding in found]


@pytest.mark.parametrize(
    ("before", "link", "file"),
    [
        pytest.param(None, START, a_file(), id="begun"),
        pytest.param(None, a_link(tier=3, kind="adopt"), a_file(tier=3), id="taken over"),
        pytest.param(None, a_link(tier=0, is_settled=False), a_file(), id="begun, its raise held"),
        pytest.param(
            None,
            a_link(tier=0, rolled_back=True, attempt=2, is_settled=False, rollback_commit=commit(1)),
            a_file(),
            id="begun rolled back, as history tells",
        ),
        pytest.param(None, a_link(tier=0, rolled_back=True), a_file(tier=0, rolled_back=1), id="begun rolled back"),
        pytest.param(START, after(START, owner="team-b"), a_file(owner="team-b"), id="updated"),
        pytest.param(
            START,
            after(START, is_settled=False, owner="b", gates=stricter(OPEN, some_gates(hours(9)))),
            a_file(tier=2, owner="b", gates=some_gates(hours(9))),
            id="held, and what is stricter in force",
        ),
        pytest.param(
            START, after(START, is_settled=False, target=1), a_file(tier=1, target=1), id="held at its target"
        ),
        pytest.param(START, after(START, kind="promote", tier=2), a_file(tier=2), id="promoted"),
        pytest.param(START, after(START, kind="demote", tier=0), a_file(tier=0), id="demoted"),
        pytest.param(
            ROLLED_BACK,
            after(ROLLED_BACK, kind="restart", tier=1, attempt=2, rolled_back=False),
            a_file(attempt=2, rolled_back=1),
            id="restarted",
        ),
        pytest.param(START, after(START, kind="retire", retired=True), NO_FILE, id="retired"),
        pytest.param(START, ROLLED_BACK, NO_FILE, id="rolled back, whatever git says"),
    ],
)
def test_a_row_that_its_commit_caused_fits(before: Link | None, link: Link, file: FileAt) -> None:
    assert list(content_faults(link, before, file)) == []


@pytest.mark.parametrize(
    ("before", "link", "file", "expected"),
    [
        pytest.param(None, START, NO_FILE, "at its commit 0000000000 there is no file of it", id="no file"),
        pytest.param(
            None,
            START,
            BROKEN,
            "at its commit 0000000000 its file can't be read: checkout.yaml:1:1: no number",
            id="a broken file",
        ),
        pytest.param(
            START,
            after(START, kind="promote", tier=2, whitelist=frozenset({"eve"})),
            a_file(),
            "its commit 0000000000 says otherwise: tier 1, not 2; whitelist +1",
            id="a tier and a customer more",
        ),
        pytest.param(
            START,
            after(START, kind="restart", attempt=2),
            a_file(rolled_back=0),
            "its commit 0000000000 says otherwise: attempt 1, not 2",
            id="another attempt",
        ),
        pytest.param(
            START,
            after(START, is_settled=False, gates=OPEN),
            a_file(tier=2, gates=some_gates(hours(9))),
            "its commit 0000000000 says otherwise: dwell.1, dwell.2, dwell.3, thresholds.min_exposed",
            id="held, and looser",
        ),
        pytest.param(
            START,
            after(START, kind="retire", retired=True),
            a_file(),
            "its file is there at 0000000000",
            id="retired",
        ),
        pytest.param(
            START,
            after(START, kind="retire", retired=True, owner="eve"),
            NO_FILE,
            "a retirement changed owner",
            id="retired, and more",
        ),
    ],
)
def test_a_row_that_says_something_else_is_named(
    before: Link | None, link: Link, file: FileAt, expected: str
) -> None:
    assert what(content_faults(link, before, file)) == [expected]


def a_telling(**named: Any) -> Telling:
    plain = Telling(commit=commit(2), rollback_id=ROLLED_BACK.id, feature="checkout", attempt=1)
    return replace(plain, **named)


def test_an_imported_rollback_is_told_of_by_file_or_trailer() -> None:
    link = replace(ROLLED_BACK, rollback_commit=commit(2))

    assert list(import_faults(link, a_file(tier=0, rolled_back=1), [])) == []
    assert list(import_faults(link, NO_FILE, [a_telling(rollback_id=UUID(int=9))])) == []
    for file, tellings in ((a_file(), []), (NO_FILE, [a_telling(attempt=2)]), (NO_FILE, [a_telling(feature="b")])):
        assert what(import_faults(link, file, tellings)) == [
            "git remembers no rollback of attempt 1 at 0000000000, which it names"
        ]


OUTGOING = Outgoing(
    rollback_id=ROLLED_BACK.id,
    feature="checkout",
    attempt=1,
    from_tier=1,
    at=NOW,
    in_force=commit(1),
    breach=None,
    status=WriteBackStatus.WRITTEN,
    revision=commit(2),
)


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(a_file(tier=0, rolled_back=1), id="just told"),
        pytest.param(a_file(tier=1, attempt=2, rolled_back=1), id="and begun again at once"),
        pytest.param(a_file(tier=0, attempt=3, rolled_back=3), id="and a later one too"),
    ],
)
def test_a_commit_that_tells_of_a_rollback_fits(file: FileAt) -> None:
    assert list(telling_faults(OUTGOING, ROLLED_BACK, file, [a_telling()])) == []
    assert list(telling_faults(OUTGOING, ROLLED_BACK, file, [])) == []


@pytest.mark.parametrize(
    ("file", "tellings", "expected"),
    [
        (NO_FILE, [], "0000000000 is said to tell git of it, and the file is not there"),
        (
            BROKEN,
            [],
            "0000000000 is said to tell git of it, and the file can't be read: checkout.yaml:1:1: no number",
        ),
        (a_file(), [], "0000000000 is said to tell git of it, and the file says `rolled_back: 0`"),
        (
            replace(BROKEN, saying=Saying(tier=2, attempt=1, rolled_back=1)),
            [],
            "0000000000 is said to tell git of it, and the file says `tier: 2`",
        ),
        (
            a_file(tier=0, rolled_back=1),
            [a_telling(attempt=4)],
            "the trailers of 0000000000 name checkout attempt 4, not checkout attempt 1",
        ),
    ],
)
def test_a_commit_that_does_not_tell_of_it_is_named(file: FileAt, tellings: list[Telling], expected: str) -> None:
    assert what(telling_faults(OUTGOING, ROLLED_BACK, file, tellings)) == [expected]


def sources(remembered: Remembered, *files: FileAt) -> list[Finding]:
    return list(source_faults(remembered, START, files))


def test_a_key_may_stand_for_a_file_that_is_in_force_whole() -> None:
    assert sources(Remembered(version=1, key=KEY), a_file()) == []


@pytest.mark.parametrize(
    ("version", "key", "file", "count"),
    [
        (1, KEY, a_file(tier=0), 1),
        (1, KEY, BROKEN, 1),
        (1, OTHER, a_file(tier=0), 0),
        (2, KEY, a_file(tier=0), 0),
    ],
    ids=["another tier", "unreadable", "the key of another file", "of another version"],
)
def test_a_key_that_keeps_a_file_from_being_read_is_named_once(
    version: int, key: str, file: FileAt, count: int
) -> None:
    assert len(sources(Remembered(version=version, key=key), file, file)) == count
