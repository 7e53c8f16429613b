"""The failpoint that cuts connections does so for real ones, and a rollback survives it at every place it has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.builders.chain import faults
from tests.builders.database import Database
from tests.builders.scene import Scene, a_scene

ROLL_BACK = """
import sys
from uuid import uuid4
from reconciler.reconcile.override import Grounds, roll_back
from reconciler.store.postgres import PostgresStore
store = PostgresStore.at(sys.argv[1])
backend = store._live().info.backend_pid
done = roll_back(store, "checkout", Grounds(reason="customers call", actor="ada"), uuid4)
store.scope()
print(done.is_new, store._live().info.backend_pid == backend)
store.close()
"""


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 2}})
        scene.apply(adopt=True)
        yield scene


def roll_back(database: Database, armed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ROLL_BACK, database.dsn_for("rollouts_reconciler")],
        env={**os.environ, "RECONCILER_FAILPOINTS": armed},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("armed", "printed"),
    [
        pytest.param("", "True True\n", id="off"),
        pytest.param("rollback.decided=drop", "True False\n", id="decided"),
        pytest.param("rollback.committed=drop", "True False\n", id="committed"),
    ],
)
def test_a_rollback_goes_on_over_another_connection(
    scene: Scene, database: Database, armed: str, printed: str
) -> None:
    done = roll_back(database, armed)

    assert (done.stdout, done.stderr) == (printed, "")
    assert scene.chain("checkout") == [("adopt", 2, 1), ("rollback", 0, 1)]
    assert faults(scene.admin) == []


@pytest.mark.parametrize(
    ("place", "action", "kinds"),
    [
        ("decided", "kill", ["adopt"]),
        ("decided", "exc", ["adopt"]),
        ("committed", "kill", ["adopt", "rollback"]),
        ("committed", "exc", ["adopt", "rollback"]),
    ],
)
def test_who_comes_after_one_that_was_killed_ends_it(
    scene: Scene, database: Database, place: str, action: str, kinds: list[str]
) -> None:
    killed = roll_back(database, f"rollback.{place}={action}")
    left = [row.kind for row in scene.store.history("checkout")]
    scene.roll_back("checkout")

    assert (killed.returncode != 0, left) == (True, kinds)
    assert scene.chain("checkout") == [("adopt", 2, 1), ("rollback", 0, 1)]
    assert faults(scene.admin) == []
