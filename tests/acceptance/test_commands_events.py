"""The events commands, run as a person or cron runs them, with the clocks of the machine as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from reconciler.domain.events import Batch, EventKind
from reconciler.store.connection import connect
from reconciler.store.events import store_batch
from tests.builders.command import Command
from tests.builders.database import Database
from tests.builders.days import days_of, fill_day, make_days, names_in
from tests.builders.git import GitSandbox, a_repository
from tests.builders.tallies import an_event

CHECKOUT = "feature: checkout\nowner: team-payments\ntier: 1\n"
A_WEEK = "min_dwell: 0s\nretention:\n  events: 7d\n"
OLD = (12, 11)


def ago(days: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=days)


AHEAD = [ago(0), ago(-1), ago(-2)]


@pytest.fixture
def repository(tmp_path: Path) -> GitSandbox:
    return a_repository(tmp_path, {"rollouts.d/checkout.yaml": CHECKOUT, "rollouts.d/_policy.yaml": A_WEEK})


@pytest.fixture
def command(repository: GitSandbox, database: Database) -> Command:
    """`reconciler` in a repository whose policy keeps events for a week; its rollouts are applied."""
    variables = {"RECONCILER_DSN": database.dsn_for("rollouts_reconciler"), "RECONCILER_BRANCH": "main"}
    command = Command(folder=repository.path, variables=variables)
    assert command("apply").code == 0
    return command


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """The superuser; two days are older than a week, one is younger, and each has five events."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        for day in (*map(ago, OLD), ago(3)):
            make_days(connection, day)
            fill_day(connection, day, 5)
        yield connection


def report(database: Database) -> None:
    """Report three events, the last one late and with metadata."""
    now = datetime.now(UTC)
    events = (
        replace(an_event("acme"), sent_at=now),
        replace(an_event("initech", EventKind.DISABLED), sent_at=now),
        replace(
            an_event("acme", EventKind.ERROR), sent_at=now - 2.5 * timedelta(hours=1), metadata='{"status": 500}'
        ),
    )
    with connect(database.dsn_for("rollouts_application")) as application:
        for event in events:
            store_batch(application, Batch(id=uuid4(), events=(event,)))


def test_events_are_listed_for_people_and_for_programs(command: Command, database: Database) -> None:
    report(database)

    page = command("events", "list")
    errors = command("events", "list", "checkout", "--event", "error", "--output", "json")
    one = command("events", "list", "--customer", "acme", "--limit", "1", "--since", "7d")

    assert (page.code, page.talk) == (0, "")
    assert [line.split()[3:5] for line in page.out.splitlines()[1:4]] == [
        ["error", "acme"],
        ["disabled", "initech"],
        ["enabled", "acme"],
    ]
    assert page.out.splitlines()[1].endswith('on   1        2h 30m before  {"status": 500}')
    assert page.out.endswith("\n\n3 events in the last 1h; times in UTC\n")
    assert [each["metadata"] for each in errors.json["events"]] == [{"status": 500}]
    assert (errors.json["kind"], errors.json["has_more"]) == ("events", False)
    assert one.out.endswith("\n\n1 event, the newest of more in the last 7d; --limit shows more; times in UTC\n")


def test_a_reader_may_list_events_and_nothing_else(command: Command, database: Database) -> None:
    report(database)
    reader = {"RECONCILER_DSN": database.dsn_for("rollouts_reader")}

    listed, maintained = command("events", "list", **reader), command("events", "maintain", **reader)

    assert (listed.code, listed.out.count("\n")) == (0, 6)
    assert (maintained.code, maintained.out) == (1, "")
    assert "permission denied" in maintained.talk


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(
            ["list", "chekcout"], "feature chekcout is not in this database; did you mean checkout?", id="name"
        ),
        pytest.param(["list", "--since", "1 hour"], "--since: '1 hour' is no duration; write", id="duration"),
        pytest.param(["list", "--customer", "x" * 257], "--customer: the customer id has 257 bytes", id="customer"),
        pytest.param(["list", "--limit", "0"], "0 is not in the range 1<=x<=10000", id="limit"),
        pytest.param(["archive"], "missing option '--to'", id="no folder named"),
        pytest.param(["archive", "--to", ".", "--before", "May"], "'May' is no day; write 2026", id="no date"),
        pytest.param(["archive", "--to", "gone"], "gone is no folder; make it, or mount the disk", id="no folder"),
        pytest.param(["maintain", "--archive", "gone"], "gone is no folder; make it, or mount", id="no archive"),
        pytest.param(["maintain", "--root", "elsewhere.d"], "root elsewhere.d: there is no such folder", id="root"),
    ],
)
def test_wrong_usage_answers_64_and_changes_nothing(command: Command, words: list[str], told: str) -> None:
    answer = command("events", *words)

    assert (answer.code, answer.out) == (64, "")
    assert told in answer.talk


def test_a_shared_database_is_kept_by_the_policy_of_a_reviewed_branch(
    command: Command, repository: GitSandbox, admin: psycopg.Connection[Any]
) -> None:
    """What lies in the working tree, or in a folder that this database doesn't serve, drops nothing."""
    before = days_of(admin)
    unnamed = Command(folder=command.folder, variables={"RECONCILER_DSN": command.variables["RECONCILER_DSN"]})
    repository.commit({"other.d/_policy.yaml": "retention:\n  events: 1d\n"})
    repository.write({"rollouts.d/_policy.yaml": "retention:\n  events: 1d\n"})

    nobody_s, another = unnamed("events", "maintain"), command("events", "maintain", "--root", "other.d")

    assert (nobody_s.code, another.code) == (64, 64)
    assert "with --dsn name the branch whose commits are reviewed" in nobody_s.talk
    assert "this database serves the root rollouts.d, not other.d; name that with --root" in another.talk
    assert days_of(admin) == before

    kept = command("events", "maintain")

    assert (kept.code, days_of(admin)) == (0, [ago(3), *AHEAD])


def test_a_broken_policy_drops_nothing(
    command: Command, repository: GitSandbox, admin: psycopg.Connection[Any]
) -> None:
    repository.commit({"rollouts.d/_policy.yaml": "retention:\n  events: 1h\n"})
    before = days_of(admin)

    answer = command("events", "maintain")

    assert (answer.code, answer.out) == (3, "")
    assert answer.talk.startswith("error: rollouts.d/_policy.yaml:2:11: retention.events is 1h, the least is 24h")
    assert days_of(admin) == before


def test_maintaining_archives_and_drops_what_is_old_once(
    command: Command, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    words = ["events", "maintain", "--archive", str(folder)]

    rehearsed, done, again = command(*words, "--dry-run"), command(*words), command(*words)

    last = f"events since {ago(7)} are not older than 7d and stay"
    drops = [f"would drop the events of {ago(days)}" for days in OLD]
    assert (rehearsed.code, done.code, again.code) == (0, 0, 0)
    assert rehearsed.out.splitlines()[4:] == [*drops, last]
    assert done.out.splitlines()[4:] == [
        line
        for days in OLD
        for line in (
            f"archived {ago(days)}: 5 events in {folder}/rollout_events_{ago(days):%Y%m%d}.jsonl.gz",
            f"dropped the events of {ago(days)}",
        )
    ] + [last]
    assert again.out.splitlines()[4:] == [last]
    assert names_in(folder) == [f"rollout_events_{ago(days):%Y%m%d}.jsonl.gz" for days in OLD]
    assert days_of(admin) == [ago(3), *AHEAD]


def test_archiving_names_what_may_not_be_dropped_yet(
    command: Command, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    make_days(admin, ago(1))
    fill_day(admin, ago(1), 5)

    answer = command("events", "archive", "--to", str(tmp_path), "--before", str(ago(0)), "--drop")

    assert (answer.code, answer.talk) == (0, "")
    assert answer.out.splitlines()[-2:] == [
        f"archived {ago(1)}: 5 events in {tmp_path}/rollout_events_{ago(1):%Y%m%d}.jsonl.gz",
        f"kept the events of {ago(1)}: the last two whole days always stay",
    ]
    assert days_of(admin) == [ago(1), *AHEAD]


def test_a_file_of_somebody_else_stops_it_and_stays(
    command: Command, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    first = tmp_path / f"rollout_events_{ago(12):%Y%m%d}.jsonl.gz"
    first.write_text("mine")

    answer = command("events", "archive", "--to", str(tmp_path), "--drop")

    assert (answer.code, answer.out) == (1, "")
    assert answer.talk == (
        f"error: {first} is damaged: Not a gzipped file (b'mi'); nothing of that day was dropped: "
        "move the file away and archive again\n"
    )
    assert (first.read_text(), days_of(admin)) == ("mine", [ago(12), ago(11), ago(3), *AHEAD])
