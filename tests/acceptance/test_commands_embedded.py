"""The commands without a DSN: the embedded server starts, migrates itself, is found again and stops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from reconciler.client import RolloutClient
from reconciler.store import embedded
from tests.builders.command import Command
from tests.builders.git import a_repository


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    repository = a_repository(tmp_path, {"rollouts.d/checkout.yaml": "feature: checkout\ntier: 1\n"})
    folder = tmp_path / "data"
    yield Command(folder=repository.path, variables={"RECONCILER_DATA_FOLDER": str(folder)})
    embedded.stop(folder)


def test_the_embedded_server_needs_no_care(command: Command, tmp_path: Path) -> None:
    asleep = command("db", "status", "--output", "json")
    first = command("apply")
    second = command("apply")
    awake = command("db", "status", "--output", "json")
    stopped, again = command("db", "stop"), command("db", "stop")

    assert (asleep.code, asleep.json["running"]) == (0, False)
    assert (first.code, second.code, second.talk) == (0, 0, "")
    assert f"started embedded PostgreSQL in {tmp_path}/data; stop it with `reconciler db stop`" in first.talk
    assert second.out.startswith("in sync: 1 rollout, nothing to do at ")
    assert (awake.json["running"], awake.json["role"]) == (True, "rollouts_reconciler")
    assert (awake.json["root"], awake.json["migrations"]["missing"]) == ("rollouts.d", [])
    assert stopped.out == f"stopped embedded PostgreSQL in {tmp_path}/data\n"
    assert again.out == f"embedded PostgreSQL in {tmp_path}/data was not running\n"


def test_an_application_reaches_it_with_no_more_than_it_needs(command: Command) -> None:
    command("apply")
    dsn = command("db", "dsn").out.strip()
    refused = command("db", "dsn", "--dsn", "host=db.example.com")

    with RolloutClient(dsn, handle_sigterm=False) as rollouts:
        assert rollouts.explain("checkout", "ada").rollout is not None
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select from rollouts.rollout_transitions")
    assert (refused.code, refused.talk.startswith("error: db dsn is about the embedded PostgreSQL")) == (64, True)
