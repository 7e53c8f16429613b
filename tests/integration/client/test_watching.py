"""How a client hears of changes, and what it does while nobody can tell it anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from reconciler.client import RolloutClient, watcher
from reconciler.errors import UsageError
from reconciler.store import embedded
from reconciler.store.connection import Connection
from reconciler.store.rollouts import MarkedRollout, read_rollouts
from tests.builders.clients import ROLE, a_client, cut_off, let_in, stored, until
from tests.builders.database import Database, name_of
from tests.builders.scene import Scene, a_scene

NEVER = 300.0  # seconds between two polls: whatever comes sooner was announced


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    """`checkout` is on for `ada`."""
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 1, "whitelist": ["ada"]}})
        scene.apply()
        yield scene


def test_a_rollback_is_heard_of_at_once(scene: Scene, database: Database) -> None:
    with a_client(database, poll=NEVER) as rollouts:
        assert rollouts.is_enabled("checkout", "ada")
        scene.roll_back("checkout")

        until(lambda: not rollouts.is_enabled("checkout", "ada"), seconds=2)


def test_a_rollback_during_a_look_is_heard_of_at_once(
    scene: Scene, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.commit({"search": {"tier": 1, "whitelist": ["ada"]}})
    scene.apply()
    rolled_back: list[str] = []

    def read(connection: Connection, wanted: Sequence[str]) -> Mapping[str, MarkedRollout]:
        found = read_rollouts(connection, wanted)
        if rolled_back == ["checkout"]:
            rolled_back.append("search")
            scene.roll_back("search")
            connection.execute("select 1")  # the notification comes with its answer
        return found

    with a_client(database, poll=NEVER) as rollouts:
        monkeypatch.setattr(watcher, "read_rollouts", read)
        rolled_back.append("checkout")
        scene.roll_back("checkout")

        until(lambda: not rollouts.is_enabled("search", "ada"), seconds=3)


def test_changed_lists_and_new_features_are_heard_of(scene: Scene, database: Database) -> None:
    changes: list[list[str]] = []
    with a_client(database, poll=NEVER) as rollouts:
        rollouts.on_change(lambda features: changes.append(sorted(features)))
        scene.commit({"checkout": {"tier": 1, "blacklist": ["ada"]}, "search": {"tier": 1, "whitelist": ["bob"]}})
        scene.apply()

        until(lambda: rollouts.is_enabled("search", "bob") and not rollouts.is_enabled("checkout", "ada"))
    assert sorted({feature for change in changes for feature in change}) == ["checkout", "search"]


def test_without_notifications_it_hears_by_polling(scene: Scene, database: Database) -> None:
    with a_client(database, poll=0.2) as rollouts:
        scene.admin.execute("alter table rollouts.rollout_transitions disable trigger announce")
        scene.roll_back("checkout")

        until(lambda: not rollouts.is_enabled("checkout", "ada"))


def test_a_listener_that_fails_harms_nobody(scene: Scene, database: Database) -> None:
    def fails(_features: object) -> None:
        raise ValueError

    with a_client(database, poll=NEVER) as rollouts:
        rollouts.on_change(fails)
        scene.roll_back("checkout")
        until(lambda: not rollouts.is_enabled("checkout", "ada"))

        assert rollouts.health().is_connected


def test_a_lost_session_is_opened_anew_and_misses_nothing(scene: Scene, database: Database) -> None:
    with a_client(database, poll=NEVER) as rollouts:
        cut_off(database, refuse=True)
        until(lambda: not rollouts.health().is_connected)
        assert rollouts.is_enabled("checkout", "ada")
        assert rollouts.health().last_error != ""
        let_in(database)
        scene.store.close()
        with a_scene(database) as again:
            again.commits, again.files = scene.commits, scene.files
            again.roll_back("checkout")

            until(lambda: not rollouts.is_enabled("checkout", "ada"))
        until(lambda: rollouts.health().last_error == "")


def test_says_how_old_its_rollouts_are(scene: Scene, database: Database) -> None:
    with a_client(database, poll=NEVER) as rollouts:
        cut_off(database, refuse=True)
        until(lambda: not rollouts.health().is_connected)
        health = rollouts.health()
        until(lambda: (rollouts.health().age or 0) > (health.age or 0) + 0.2)
        let_in(database)

    assert health.rollouts == 1


def test_begins_without_a_database_and_is_ready_when_it_comes(scene: Scene, database: Database) -> None:
    cut_off(database, refuse=True)
    with a_client(database, patience=0.1) as rollouts:
        before = rollouts.is_enabled("checkout", "ada", True), rollouts.health().age
        rollouts.record_error("checkout", "ada")
        let_in(database)

        assert rollouts.wait_until_ready(10)
        assert rollouts.is_enabled("checkout", "ada")
        assert before == (True, None)
        assert rollouts.health().counts.unattributed == 1


def test_events_wait_for_a_database_that_is_away(scene: Scene, database: Database) -> None:
    with a_client(database) as rollouts:
        cut_off(database, refuse=True)
        rollouts.is_enabled("checkout", "ada")
        rollouts.record_error("checkout", "ada")
        until(lambda: "allow" in rollouts.health().last_error or "accept" in rollouts.health().last_error)
        assert rollouts.health().waiting == 2
        let_in(database)

        assert stored(database, rollouts) == [
            ("checkout", "ada", "enabled", True),
            ("checkout", "ada", "error", True),
        ]


def test_a_session_that_stays_read_only_is_opened_anew(scene: Scene, database: Database) -> None:
    name = name_of(database)
    scene.admin.execute(f"alter database {name} set default_transaction_read_only = on".encode())
    with a_client(database) as rollouts:
        rollouts.record_error("checkout", "bob")
        until(lambda: "read-only" in rollouts.health().last_error)
        scene.admin.execute(f"alter database {name} reset default_transaction_read_only".encode())

        assert ("checkout", "bob", "error", False) in stored(database, rollouts)


def test_a_chain_that_began_anew_is_known_by_its_id_where_versions_are_equal(
    scene: Scene, database: Database
) -> None:
    with a_client(database, poll=0.1) as rollouts:
        with scene.admin.transaction():
            scene.admin.execute("alter table rollouts.feature_rollouts disable trigger guard")
            scene.admin.execute(
                "update rollouts.feature_rollouts set id = gen_random_uuid(), whitelisted_customers = '{}'"
            )

        until(lambda: not rollouts.is_enabled("checkout", "ada"))


def test_a_restored_database_is_read_whole(scene: Scene, database: Database) -> None:
    """The versions of its rows may be equal to those of before; their chains are not."""
    with a_client(database, poll=0.1) as rollouts:
        with scene.admin.transaction():
            scene.admin.execute("set local session_replication_role = replica")
            for table in ("feature_rollouts", "rollout_transitions"):
                scene.admin.execute(f"alter table rollouts.{table} disable trigger all".encode())
                scene.admin.execute(f"delete from rollouts.{table}".encode())
        until(lambda: rollouts.is_enabled("checkout", "ada", default=False) is False)

        assert rollouts.health().rollouts == 0


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"poll": 301.0}, "poll is 301.0 s, more than 0 and at most 300 are possible"),
        ({"poll": 0.0}, "poll is 0.0 s, more than 0 and at most 300 are possible"),
        ({"capacity": 0}, "capacity is 0, the least is 1"),
    ],
)
def test_wrong_settings_are_refused(options: dict[str, float], fault: str) -> None:
    with pytest.raises(UsageError) as refusal:
        RolloutClient("host=127.0.0.1 port=1", **options)  # type: ignore[arg-type]

    assert str(refusal.value).startswith(fault)


def test_a_wrong_connection_string_is_refused_without_its_password() -> None:
    with pytest.raises(UsageError) as refusal:
        RolloutClient("postgresql://app:s3cret@host:port/x y")

    assert "s3cret" not in str(refusal.value)


def test_a_restarted_server_is_found_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The server itself goes away and comes back, with everything it had."""
    import psycopg

    from reconciler.store.migrate import migrate
    from tests.builders.database import a_database, a_server, name_of

    folder = tmp_path_factory.mktemp("restarted")
    with a_server(folder) as server, a_database(server) as database:
        with psycopg.connect(database.dsn) as connection:
            migrate(connection, applied_by="tests")
        with a_scene(database) as scene:
            scene.commit({"checkout": {"tier": 1, "whitelist": ["ada"]}})
            scene.apply()
        assert name_of(database)
        with RolloutClient(database.dsn_for(ROLE), handle_sigterm=False) as rollouts:
            embedded.stop(folder)
            for number in range(500):
                rollouts.is_enabled("checkout", f"c{number}")
            until(lambda: not rollouts.health().is_connected)
            embedded.ensure_running(folder)
            until(lambda: rollouts.health().is_connected, seconds=20)

            assert len(stored(database, rollouts)) == 500, rollouts.health()
