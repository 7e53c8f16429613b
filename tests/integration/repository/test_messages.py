"""What commits say: rollbacks they remember, reasons they give, facts to show."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.domain.plan import RememberedRollback
from reconciler.repository.git import GitRepository
from reconciler.repository.history import CommitFacts
from tests.builders.git import GitSandbox, a_repository

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def a_message(
    feature: str = "checkout", attempt: str = "1", *, rollback: str = ID, environment: str = "production"
) -> str:
    return (
        f"Roll back {feature}: tier 3 -> 0\n\n12 of 100 customers had an error.\n\n"
        f"Rollback-Id: {rollback}\nRollout-Feature: {feature}\n"
        f"Rollout-Attempt: {attempt}\nEnvironment: {environment}\n"
    )


def remembered(sandbox: GitSandbox, since: str | None, until: str = "HEAD") -> dict[str, RememberedRollback]:
    with GitRepository.open(sandbox.path) as repository:
        return dict(repository.remembered_rollbacks(since, until, "production"))


def test_remembers_a_rollback_of_this_environment(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    since = sandbox.tip()
    rollback = sandbox.commit(message=a_message())
    sandbox.commit(message=a_message("search", environment="staging"))

    assert remembered(sandbox, since) == {"checkout": RememberedRollback(attempt=1, revision=rollback)}


def test_remembers_the_highest_attempt_and_its_first_commit(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    since = sandbox.tip()
    sandbox.commit(message=a_message(attempt="1"))
    second = sandbox.commit(message=a_message(attempt="2"))
    sandbox.commit(message=a_message(attempt="2"))
    sandbox.commit(message=a_message(attempt="1"))
    search = sandbox.commit(message=a_message("search", "10"))

    assert remembered(sandbox, since) == {
        "checkout": RememberedRollback(attempt=2, revision=second),
        "search": RememberedRollback(attempt=10, revision=search),
    }


def test_looks_only_after_the_commit_that_was_applied(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    before = sandbox.commit(message=a_message())
    until = sandbox.commit(message="Nothing")
    sandbox.commit(message=a_message("search"))

    assert remembered(sandbox, before, until) == {}
    assert remembered(sandbox, None, until) == {"checkout": RememberedRollback(attempt=1, revision=before)}


def test_finds_a_rollback_that_a_merge_brought(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    since = sandbox.tip()
    sandbox.branch("rollback/checkout-1")
    sandbox.commit({"a": "a"})
    sandbox.checkout("rollback/checkout-1")
    rollback = sandbox.commit({"b": "b"}, message=a_message())
    sandbox.checkout("main")
    sandbox.merge("rollback/checkout-1")

    assert remembered(sandbox, since) == {"checkout": RememberedRollback(attempt=1, revision=rollback)}


def test_reads_trailers_as_git_does(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    since = sandbox.tip()
    message = a_message().replace("Rollback-Id: ", "rollback-id:  ").replace(ID, ID.upper())
    rollback = sandbox.commit(message=message + "Signed-off-by: Ada Author <ada@example.com>\n")

    assert remembered(sandbox, since) == {"checkout": RememberedRollback(attempt=1, revision=rollback)}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(a_message("Checkout"), id="capital in the name"),
        pytest.param(a_message("check out"), id="blank in the name"),
        pytest.param(a_message("a" * 64), id="long name"),
        pytest.param(a_message("checkout\u0430"), id="Cyrillic letter"),
        pytest.param(a_message(attempt="0"), id="attempt 0"),
        pytest.param(a_message(attempt="-1"), id="attempt below 0"),
        pytest.param(a_message(attempt="1.0"), id="attempt not whole"),
        pytest.param(a_message(attempt="٣"), id="attempt in other digits"),
        pytest.param(a_message(attempt="9" * 5000), id="endless attempt"),
        pytest.param(a_message(rollback="1234"), id="no uuid"),
        pytest.param(a_message(rollback="{" + ID + "}"), id="uuid in braces"),
        pytest.param(a_message(environment="Production"), id="environment in capitals"),
        pytest.param(a_message(environment=""), id="empty environment"),
        pytest.param(a_message() + "Rollout-Feature: search\n", id="two features"),
        pytest.param(a_message().replace("Rollout-Attempt", "Rollout-Try"), id="no attempt"),
        pytest.param(a_message() + "\nA paragraph after it.\n", id="not the last paragraph"),
        pytest.param("Quote\n\n" + a_message().replace("\n", "\n    "), id="quoted, indented"),
        pytest.param("Quote\n\n" + a_message().replace("\n", "\n> "), id="quoted, as in mail"),
        pytest.param(a_message().replace("\n\nRollback-Id", "\nas in Rollback-Id"), id="in a sentence"),
        pytest.param(
            a_message().replace("Roll back", "Rollback-Id: x; roll back").split("\n")[0], id="subject only"
        ),
    ],
)
def test_ignores_what_only_looks_like_a_rollback(tmp_path: Path, message: str) -> None:
    sandbox = a_repository(tmp_path, {})
    since = sandbox.tip()
    sandbox.commit(message=message)

    assert remembered(sandbox, since) == {}


def test_a_configuration_cannot_hide_a_rollback(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    since = sandbox.tip()
    rollback = sandbox.commit(message=a_message())
    sandbox.git("config", "core.commentChar", "R")
    sandbox.git("config", "trailer.separators", "=")
    sandbox.git("config", "i18n.logOutputEncoding", "UTF-16")
    sandbox.git("config", "grep.patternType", "perl")

    assert remembered(sandbox, since) == {"checkout": RememberedRollback(attempt=1, revision=rollback)}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param("Empty it\n\nAllow-Unsafe-Plan: agreed in TEAM-1\n", "agreed in TEAM-1", id="plain"),
        pytest.param("Empty it\n\nallow-unsafe-plan: yes\n", "yes", id="in small letters"),
        pytest.param("Empty it\n\nAllow-Unsafe-Plan: a\n b\n", "a b", id="folded"),
        pytest.param("Empty it\n\nAllow-Unsafe-Plan: a\x1b[31mb\x07\u202e\n", "a�[31mb��", id="control characters"),
        pytest.param("Empty it\n\nAllow-Unsafe-Plan: prüfen 🚀\n", "prüfen 🚀", id="not ASCII"),
        pytest.param("Empty it\n\nAllow-Unsafe-Plan:\n", None, id="without a reason"),
        pytest.param("Empty it\n\nAllow-Unsafe-Plan: yes\n\nNo trailer above.\n", None, id="in the text"),
        pytest.param("Allow-Unsafe-Plan: yes", None, id="as the subject"),
        pytest.param("Empty it", None, id="without the trailer"),
    ],
)  # fmt: skip
def test_gives_the_value_of_a_trailer_on_one_line(tmp_path: Path, message: str, reason: str | None) -> None:
    sandbox = a_repository(tmp_path, {})
    commit = sandbox.commit(message=message)

    with GitRepository.open(sandbox.path) as repository:
        assert repository.trailer(commit, "Allow-Unsafe-Plan") == reason


def test_a_trailer_belongs_to_its_own_commit(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    sandbox.commit(message="Empty it\n\nAllow-Unsafe-Plan: yes\n")
    sandbox.commit(message="Go on")

    with GitRepository.open(sandbox.path) as repository:
        assert repository.trailer("HEAD", "Allow-Unsafe-Plan") is None


def test_describes_a_commit(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, {})
    commit = sandbox.commit(message="Raise \x1b[2Jcheckout\n to 10 %\n\nBecause.\n")

    with GitRepository.open(sandbox.path) as repository:
        assert repository.describe("HEAD") == CommitFacts(
            id=commit,
            short=commit[:7],
            subject="Raise �[2Jcheckout  to 10 %",
            author="Ada Author",
            committed_at=datetime(2025, 6, 15, 15, 7, 40, tzinfo=UTC),
        )


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        pytest.param("1700000000 +1400", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), id="another zone"),
        pytest.param("0 +0000", datetime(1970, 1, 1, tzinfo=UTC), id="the beginning"),
        pytest.param("99999999999999 +0000", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), id="after all time"),
        pytest.param("yesterday", datetime(1970, 1, 1, tzinfo=UTC), id="not a date"),
    ],
)
def test_shows_any_date_that_a_commit_claims(tmp_path: Path, date: str, expected: datetime) -> None:
    sandbox = a_repository(tmp_path, {})
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    raw = f"tree {tree}\nauthor A <a@b> {date}\ncommitter A <a@b> {date}\n\nsubject\n"
    commit = sandbox.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=raw)

    with GitRepository.open(sandbox.path) as repository:
        assert repository.describe(commit).committed_at == expected
