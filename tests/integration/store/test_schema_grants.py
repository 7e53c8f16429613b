"""Who may do what, read from the catalog: whatever a migration adds has to be written down here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reconciler.store.embedded import EmbeddedServer
from reconciler.store.migrate import migrate, pending
from tests.builders.attacks import a_target
from tests.builders.chain import Connection
from tests.builders.database import a_database, a_server, name_of

_BINARIES = os.environ.get("RECONCILER_TEST_POSTGRES_BIN")
BINARIES = Path(_BINARIES) if _BINARIES else None
RECONCILER, APPLICATION, READER = "rollouts_reconciler", "rollouts_application", "rollouts_reader"
OWNER = "rollouts_owner"

TABLES = {
    ("schema_migrations", "rollouts_owner", "SELECT"),
    ("schema_migrations", "rollouts_owner", "INSERT"),
    ("schema_migrations", RECONCILER, "SELECT"),
    ("schema_migrations", APPLICATION, "SELECT"),
    ("schema_migrations", READER, "SELECT"),
    ("rollout_revisions", RECONCILER, "SELECT"),
    ("rollout_revisions", READER, "SELECT"),
    ("rollout_scope", RECONCILER, "SELECT"),
    ("rollout_scope", READER, "SELECT"),
    ("rollout_transitions", RECONCILER, "SELECT"),
    ("rollout_transitions", READER, "SELECT"),
    ("feature_rollouts", RECONCILER, "SELECT"),
    ("feature_rollouts", APPLICATION, "SELECT"),
    ("feature_rollouts", READER, "SELECT"),
    ("settled_sources", RECONCILER, "SELECT"),
    ("settled_sources", RECONCILER, "INSERT"),
    ("settled_sources", RECONCILER, "UPDATE"),
    ("settled_sources", RECONCILER, "DELETE"),
    ("settled_sources", READER, "SELECT"),
    ("rollout_events", RECONCILER, "SELECT"),
    ("rollout_events", READER, "SELECT"),
    ("rollout_customers", RECONCILER, "SELECT"),
    ("rollout_customers", READER, "SELECT"),
    ("tally_progress", RECONCILER, "SELECT"),
    ("tally_progress", READER, "SELECT"),
    ("rollout_write_backs", RECONCILER, "SELECT"),
    ("rollout_write_backs", READER, "SELECT"),
    ("rollout_proposals", RECONCILER, "SELECT"),
    ("rollout_proposals", RECONCILER, "INSERT"),
    ("rollout_proposals", RECONCILER, "UPDATE"),
    ("rollout_proposals", READER, "SELECT"),
}
REPORTED = "feature_name customer_id id event attempt epoch is_enabled timestamp metadata"
COLUMNS = {
    ("rollout_revisions", RECONCILER, "INSERT"): (
        "previous_number root revision kind reason unsafe_reason looks_back actor"
    ),
    ("rollout_transitions", RECONCILER, "INSERT"): (
        "id feature_name version kind tier target attempt rolled_back retired paused description owner "
        "whitelisted_customers blacklisted_customers gates settled_gates is_settled gate_dwell_seconds verdict "
        "revision rollback_commit reason actor"
    ),
    ("rollout_write_backs", RECONCILER, "INSERT"): "rollback_id evidence",
    ("rollout_write_backs", RECONCILER, "UPDATE"): "status revision branch refusals note next_try_at is_recorded",
    **{("rollout_events", role, "INSERT"): REPORTED for role in (RECONCILER, APPLICATION)},
    **{("event_batches", role, "INSERT"): "id" for role in (RECONCILER, APPLICATION)},
    **{("event_claims", role, right): "id" for role in (RECONCILER, APPLICATION) for right in ("INSERT", "SELECT")},
}
FUNCTIONS = {
    ("is_customer_list", RECONCILER),
    ("are_disjoint", RECONCILER),
    ("are_gates", RECONCILER),
    ("are_no_looser", RECONCILER),
    ("drop_events", RECONCILER),
    ("forget_claims", RECONCILER),
    ("forget_epochs", RECONCILER),
    ("end_idle_blockers", RECONCILER),
    ("summarise_events", RECONCILER),
    ("unsummarised_from", RECONCILER),
    ("unsummarised_from", READER),
    ("extend_events", RECONCILER),
    ("extend_events", APPLICATION),
    ("record_event", RECONCILER),
    ("record_event", APPLICATION),
    *(
        (name, role)
        for name in (
            *("times_32", "rotate_32", "murmur3_32", "cbor_text", "rollout_bucket", "rollout_enabled"),
            *("clock", "event_partition", "window_tally", "epoch_tally"),
        )
        for role in (RECONCILER, APPLICATION, READER)
    ),
}
DEFINERS = {
    *("link_revision", "derive_scope", "guard_scope", "link_transition", "derive_rollout", "guard_rollout"),
    *("extend_events", "drop_events", "forget_claims", "unsummarised_from", "summarise_events"),
    *("window_tally", "epoch_tally", "forget_epochs", "link_write_back", "end_idle_blockers"),
}
TRIGGERS = {
    ("rollout_revisions", "link", "O"),
    ("rollout_revisions", "derive", "O"),
    ("rollout_revisions", "append_only", "A"),
    ("rollout_scope", "guard", "O"),
    ("rollout_scope", "stays", "A"),
    ("rollout_transitions", "link", "O"),
    ("rollout_transitions", "derive", "O"),
    ("rollout_transitions", "append_only", "A"),
    ("rollout_transitions", "announce", "O"),
    ("feature_rollouts", "guard", "O"),
    ("feature_rollouts", "stays", "A"),
    ("rollout_write_backs", "link", "O"),
    ("rollout_write_backs", "keep", "O"),
    ("rollout_write_backs", "stays", "A"),
}


@pytest.fixture(scope="module")
def target(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        connection.execute("select rollouts.extend_events()")
        yield connection


def rows(target: Connection, query: str) -> set[tuple[str, ...]]:
    return set(target.execute(query.encode()).fetchall())


def test_each_table_is_granted_to_whom_it_is_for(target: Connection) -> None:
    granted = rows(
        target,
        """
        select relname, coalesce(nullif(grantee, 0)::regrole::text, 'public'), privilege_type
        from pg_class, aclexplode(relacl)
        where relnamespace = 'rollouts'::regnamespace and grantee <> relowner
        """,
    )

    assert granted == TABLES


def test_each_column_is_granted_to_whom_it_is_for(target: Connection) -> None:
    granted = rows(
        target,
        """
        select relname, attname, coalesce(nullif(grantee, 0)::regrole::text, 'public'), privilege_type
        from pg_class join pg_attribute on attrelid = pg_class.oid, aclexplode(attacl)
        where relnamespace = 'rollouts'::regnamespace
        """,
    )

    assert granted == {
        (table, column, role, right)
        for (table, role, right), columns in COLUMNS.items()
        for column in columns.split()
    }


def test_each_function_is_granted_to_whom_it_is_for(target: Connection) -> None:
    granted = rows(
        target,
        """
        select proname, coalesce(nullif(grantee, 0)::regrole::text, 'public')
        from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        where pronamespace = 'rollouts'::regnamespace and grantee <> proowner
        """,
    )

    assert granted == FUNCTIONS


def test_the_schema_is_for_the_four_roles(target: Connection) -> None:
    granted = rows(
        target,
        """
        select grantee::regrole::text, privilege_type from pg_namespace, aclexplode(nspacl)
        where nspname = 'rollouts' and grantee <> nspowner
        """,
    )

    assert granted == {(RECONCILER, "USAGE"), (APPLICATION, "USAGE"), (READER, "USAGE")}


def test_everything_belongs_to_the_owner_but_the_record_of_migrations(target: Connection) -> None:
    foreign = rows(
        target,
        """
        select relname from pg_class
        where relnamespace = 'rollouts'::regnamespace and relowner <> 'rollouts_owner'::regrole
        union all
        select proname from pg_proc
        where pronamespace = 'rollouts'::regnamespace and proowner <> 'rollouts_owner'::regrole
        """,
    )

    assert foreign == {("schema_migrations",), ("schema_migrations_pkey",)}


def test_a_login_that_may_only_create_roles_migrates_its_own_database(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """From 16 on, whoever creates a role is its member and still may not become it."""
    folder = tmp_path_factory.mktemp("fresh")
    with a_server(folder, binaries=BINARIES) as fresh, a_database(fresh) as database:
        with psycopg.connect(database.dsn, autocommit=True) as administrator:
            administrator.execute("create role migrator login createrole")
            administrator.execute(f"alter database {name_of(database)} owner to migrator")
        with psycopg.connect(make_conninfo(database.dsn, user="migrator")) as connection:
            migrate(connection, applied_by="migrator")

            assert pending(connection) == ()


def test_no_role_of_ours_logs_in_or_is_more_than_it_says(target: Connection) -> None:
    strong = rows(
        target,
        """
        select rolname from pg_roles
        where rolname in ('rollouts_owner', 'rollouts_reconciler', 'rollouts_application', 'rollouts_reader')
            and (rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)
        """,
    )

    assert strong == set()


def test_the_owner_alone_is_member_of_others_to_end_who_is_in_the_way_of_a_rollback(target: Connection) -> None:
    members = rows(
        target,
        r"""
        select member::regrole::text, roleid::regrole::text, admin_option::text from pg_auth_members
        where member in (select oid from pg_roles where rolname like 'rollouts\_%')
        """,
    )

    assert members == {(OWNER, role, "false") for role in ("pg_signal_backend", "pg_read_all_stats")}


def test_whatever_runs_as_its_owner_fixes_its_search_path(target: Connection) -> None:
    definers = rows(
        target,
        """
        select proname, setting from pg_proc, unnest(proconfig) setting
        where pronamespace = 'rollouts'::regnamespace and prosecdef and setting like 'search_path=%'
        """,
    )
    names = rows(target, "select proname from pg_proc where pronamespace = 'rollouts'::regnamespace and prosecdef")

    assert names == {(name,) for name in DEFINERS}
    assert definers == {(name, "search_path=pg_catalog, pg_temp") for name in DEFINERS}


def test_every_trigger_is_on(target: Connection) -> None:
    triggers = rows(
        target,
        """
        select tgrelid::regclass::text, tgname, tgenabled::text from pg_trigger
        where not tgisinternal
            and tgrelid in (select oid from pg_class where relnamespace = 'rollouts'::regnamespace)
        """,
    )

    assert {(table.removeprefix("rollouts."), name, enabled) for table, name, enabled in triggers} == TRIGGERS
