"""A rollback whose connection is lost, at any statement or after its COMMIT, lands once and with its evidence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reconciler.domain.analysis import Cohort
from reconciler.domain.breach import Breach
from reconciler.domain.gates import Thresholds
from reconciler.errors import ConflictError, DatabaseUnavailableError
from reconciler.reconcile.override import Grounds, RolledBack, roll_back
from reconciler.store.connection import connect
from reconciler.store.migrate import migrate
from reconciler.store.postgres import PostgresStore
from tests.builders.chain import Connection, faults
from tests.builders.database import Database, a_database, a_quick_folder, a_server
from tests.builders.killing import fused
from tests.builders.proxy import a_proxy
from tests.builders.scene import Scene, a_scene

_BINARIES = os.environ.get("RECONCILER_TEST_POSTGRES_BIN")
BINARIES = Path(_BINARIES) if _BINARIES else None
RECONCILER = "rollouts_reconciler"
BREACH = Breach(cohort=Cohort(customers=100, failing=12), thresholds=Thresholds(error_rate=0.1))
GROUNDS = Grounds(reason=str(BREACH), actor="analysis", breach=BREACH, attempt=1)
ID = UUID(int=7)
STATEMENTS = 3  # the state, the limits of the transaction, and the rollback itself


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 3}})
        scene.apply(adopt=True)
        yield scene


def assert_rolled_back_once(scene: Scene) -> None:
    [write_back] = scene.store.write_backs(all_of_them=True)

    assert scene.chain("checkout") == [("adopt", 3, 1), ("rollback", 0, 1)]
    assert (write_back.id, str(write_back.breach)) == (ID, str(BREACH))
    assert faults(scene.admin) == []


def end(scene: Scene, lost: Connection) -> None:
    """End the server's side of a connection."""
    scene.admin.execute("select pg_terminate_backend(%s, 5000)", [lost.info.backend_pid])


def roll(store: PostgresStore) -> RolledBack:
    try:
        return roll_back(store, "checkout", GROUNDS, lambda: ID)
    finally:
        store.close()


def test_an_answer_that_was_lost_after_the_commit_is_read_back(scene: Scene, database: Database) -> None:
    with a_proxy(database, RECONCILER) as proxy:
        proxy.cuts_after_commit = 1
        done = roll(PostgresStore.at(proxy.dsn))

    assert (proxy.cuts_after_commit, done.is_new) == (0, True)
    assert_rolled_back_once(scene)


@pytest.mark.parametrize("statement", range(1, STATEMENTS + 1))
def test_a_backend_that_is_lost_at_any_statement_costs_nothing(
    scene: Scene, database: Database, statement: int
) -> None:
    done = roll(fused(database.dsn_for(RECONCILER), statement, lambda lost, _: end(scene, lost)))

    assert done.is_new
    assert_rolled_back_once(scene)


def test_it_takes_no_more_statements_than_were_tried(scene: Scene, database: Database) -> None:
    def strike(_connection: Connection, _statement: str) -> None:
        pytest.fail("there is another statement")

    roll(fused(database.dsn_for(RECONCILER), STATEMENTS + 1, strike))


def test_an_outcome_that_nobody_can_read_is_an_error_and_asking_again_tells(
    scene: Scene, database: Database, tmp_path: Path
) -> None:
    """The database lets nobody in again: nothing is guessed."""
    with a_proxy(database, RECONCILER) as proxy:
        proxy.cuts_after_commit = 1
        ways = iter([proxy.dsn, f"host={tmp_path}"])
        with pytest.raises(DatabaseUnavailableError):
            roll(PostgresStore(lambda: connect(next(ways))))

    again = roll_back(scene.store, "checkout", GROUNDS, uuid4)
    assert (again.is_new, again.before.standing.rolled_back) == (False, True)
    assert_rolled_back_once(scene)


def test_a_rollback_that_another_finished_meanwhile_is_a_conflict_after_a_lost_connection(
    scene: Scene, database: Database
) -> None:
    """Whoever lost has to look again; nothing lands twice."""

    def overtaken(lost: Connection, _statement: str) -> None:
        roll_back(scene.store, "checkout", GROUNDS, lambda: ID)
        end(scene, lost)

    seen: list[Exception] = []

    class Told(PostgresStore):
        def transition(self, *arguments: object, **named: object) -> None:
            try:
                super().transition(*arguments, **named)  # type: ignore[arg-type]
            except ConflictError as error:
                seen.append(error)
                raise

    store = Told(fused(database.dsn_for(RECONCILER), STATEMENTS, overtaken)._open)
    done = roll_back(store, "checkout", GROUNDS, uuid4)
    store.close()

    assert (done.is_new, len(seen)) == (False, 1)
    assert_rolled_back_once(scene)


def test_a_rollback_waits_for_no_standby(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A raise waits for one that never answers; a rollback is remembered by git too."""
    settings = {"fsync": "off", "synchronous_commit": "off", "wal_level": "replica", "max_wal_senders": "1"}
    settings["synchronous_standby_names"] = "nobody"
    folder = a_quick_folder(otherwise=tmp_path_factory.mktemp("primary"))
    with a_server(folder, binaries=BINARIES, settings=settings) as primary, a_database(primary) as database:
        with psycopg.connect(database.dsn) as connection:
            migrate(connection, applied_by="tests")
        with a_scene(database) as scene:
            scene.commit({"checkout": {"tier": 3}})
            scene.apply(adopt=True)
            dsn = make_conninfo(database.dsn, options=f"-c role={RECONCILER} -c synchronous_commit=on")
            done = roll(PostgresStore.at(dsn))

            assert done.is_new
            assert_rolled_back_once(scene)
