"""What tests may rely on: an own database each, roles to act as, and a clock to turn."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.builders.database import Database, set_clock


@pytest.mark.parametrize("time", ["first", "second"])
def test_no_test_sees_what_another_wrote(database: Database, time: str) -> None:
    with psycopg.connect(database.dsn) as connection:
        connection.execute("create table public.left_over ()")


@pytest.mark.parametrize(
    "role", ["rollouts_owner", "rollouts_reconciler", "rollouts_application", "rollouts_reader"]
)
def test_a_session_may_be_any_role_of_the_product(database: Database, role: str) -> None:
    with psycopg.connect(database.dsn_for(role)) as connection:
        assert connection.execute("select current_user").fetchone() == (role,)


def test_the_clock_stands_where_it_was_set_for_every_role(database: Database) -> None:
    moments = [datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)]
    with (
        psycopg.connect(database.dsn, autocommit=True) as administrator,
        psycopg.connect(database.dsn_for("rollouts_owner"), autocommit=True) as session,
    ):
        seen = []
        for moment in moments:
            set_clock(administrator, moment)
            seen.append(session.execute("select rollouts.clock()").fetchone())

    assert seen == [(moment,) for moment in moments]


def test_the_home_is_empty_and_nobodys_settings_are_left(home: Path) -> None:
    assert list(home.iterdir()) == []
    assert Path.home() == home
    assert not [name for name in os.environ if name.startswith(("GIT_", "RECONCILER_", "PG"))]
