"""One event reported in SQL, by any language with a database connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from reconciler.store.connection import Connection, connect
from tests.builders.clients import asked
from tests.builders.database import Database
from tests.builders.domain import NOW
from tests.builders.scene import Scene, a_scene

ID = "00000000-0000-0000-0000-000000000007"


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    """`checkout` is at its second tier, on for `ada` and off for `bob`."""
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 2, "whitelist": ["ada"], "blacklist": ["bob"]}})
        scene.apply(adopt=True)
        yield scene


@pytest.fixture
def application(scene: Scene, database: Database) -> Iterator[Connection]:
    with connect(database.dsn_for("rollouts_application")) as connection:
        yield connection


def record(application: Connection, *values: Any) -> bool:
    places = ", ".join(["%s"] * len(values))
    [row] = application.execute(f"select rollouts.record_event({places}) as stored".encode(), values).fetchall()
    return bool(row["stored"])


@pytest.mark.parametrize(
    ("customer", "event", "is_enabled"),
    [
        ("ada", "error", True),
        ("bob", "error", False),
        ("ada", "enabled", True),
        ("bob", "disabled", False),
    ],
)
def test_what_the_rollout_is_now_is_filled_in(
    application: Connection, database: Database, customer: str, event: str, is_enabled: bool
) -> None:
    assert record(application, "checkout", customer, event)

    [row] = asked(database, 'feature_name, customer_id, event, attempt, epoch, is_enabled, "timestamp", metadata')
    assert row == ("checkout", customer, event, 1, 1, is_enabled, NOW, {})


def test_an_id_is_stored_once(application: Connection, database: Database) -> None:
    stored = [record(application, "checkout", "ada", "error", '{"status": 500}', ID) for _ in range(2)]

    assert (stored, asked(database, "id::text, metadata")) == ([True, False], [(ID, {"status": 500})])


def test_the_table_of_its_day_is_made_on_the_way(application: Connection, scene: Scene, database: Database) -> None:
    for days in (0, 9):
        scene.pass_time(days=days)
        record(application, "checkout", "ada", "enabled")

    assert len(asked(database, "id")) == 2


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        pytest.param(("search", "ada", "error"), "feature_is_known", id="unknown feature"),
        pytest.param(("checkout", "", "error"), "event_names_its_customer", id="nobody"),
        pytest.param(("checkout", "x" * 257, "error"), "event_names_its_customer", id="long"),
        pytest.param(("checkout", "ada", "clicked"), "event_is_known", id="unknown event"),
        pytest.param(("checkout", "ada", "error", "[1]"), "event_metadata_is_small", id="metadata that are a list"),
    ],
)
def test_what_is_wrong_is_refused_and_stores_nothing(
    application: Connection, database: Database, values: tuple[str, ...], rule: str
) -> None:
    with pytest.raises(psycopg.Error) as refusal:
        record(application, *values)

    assert (refusal.value.diag.constraint_name, asked(database, "id")) == (rule, [])
