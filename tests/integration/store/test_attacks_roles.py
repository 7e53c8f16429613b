"""A login that was granted one role can't become more, borrow the owner's functions or hold up a writer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from tests.builders.attacks import ALLOWED, DENIED, prepare
from tests.builders.chain import TABLES, Connection, append, commit, contents, following, insertion
from tests.builders.database import Database
from tests.builders.logins import granted

ROLES = ("rollouts_reconciler", "rollouts_application", "rollouts_reader")
RECONCILER, APPLICATION, READER = ROLES

BECOME_MORE = {
    "become the owner": "set role rollouts_owner",
    "become the superuser": "set role postgres",
    "log in as another": "set session authorization postgres",
    "grant the owner to oneself": "grant rollouts_owner to current_user",
    "turn triggers off for the session": "set session_replication_role = replica",
    "turn a trigger off": "alter table rollouts.rollout_transitions disable trigger append_only",
    "drop a constraint": "alter table rollouts.rollout_transitions drop constraint no_skip",
    "drop a trigger": "drop trigger link on rollouts.rollout_transitions",
    "replace the clock": (
        "create or replace function rollouts.clock() returns timestamptz language sql as 'select now()'"
    ),
    "add a function": "create function rollouts.mine() returns int language sql as 'select 1'",
    "add a table": "create table rollouts.mine ()",
    "inherit from the chain": "create temp table mine () inherits (rollouts.rollout_transitions)",
    "add a rule": "create rule r as on insert to rollouts.rollout_transitions do instead nothing",
    "add a policy": "create policy p on rollouts.rollout_transitions",
    "add an index": "create index on rollouts.rollout_transitions (reason)",
    "drop the schema": "drop schema rollouts cascade",
    "own the schema": "alter schema rollouts owner to current_user",
    "change what others may": "alter default privileges for role rollouts_owner grant all on tables to public",
    "read the server's files": "select pg_read_file('postgresql.conf')",
    "run a program": "copy (select 1) to program 'true'",
    "load a file": "select lo_import('/etc/passwd')",
    "forge what was migrated": "delete from rollouts.schema_migrations",
}
BORROW = {
    "link a revision": "select rollouts.link_revision()",
    "derive the scope": "select rollouts.derive_scope()",
    "link a transition": "select rollouts.link_transition()",
    "derive a rollout": "select rollouts.derive_rollout()",
    "refuse a rewrite": "select rollouts.refuse_rewrite()",
    "name a tier": "select rollouts.tier_name(1::smallint)",
    "derive a row": "select rollouts.derived(null)",
    "announce a transition": "select rollouts.announce_transition()",
    "link a write-back": "select rollouts.link_write_back()",
    "keep a write-back": "select rollouts.keep_write_back()",
    "hang link_revision on a table": "execute function rollouts.link_revision()",
    "hang derive_scope on a table": "execute function rollouts.derive_scope()",
    "hang link_transition on a table": "execute function rollouts.link_transition()",
    "hang derive_rollout on a table": "execute function rollouts.derive_rollout()",
    "hang announce_transition on a table": "execute function rollouts.announce_transition()",
    "hang link_write_back on a table": "execute function rollouts.link_write_back()",
}
HOLD_UP = {
    "lock the chain": "lock table rollouts.rollout_transitions in share mode",
    "lock the chain wholly": "lock table rollouts.rollout_transitions in access exclusive mode",
    "lock the scope": "lock table rollouts.rollout_scope in row exclusive mode",
    "lock what is so": "lock table rollouts.feature_rollouts in exclusive mode",
    "lock a row": "select * from rollouts.rollout_scope for share",
    "lock a row's key": "select * from rollouts.rollout_scope for key share",
    "lock rows of the chain": "select * from rollouts.rollout_transitions for update",
    "lock rows of what is so": "select * from rollouts.feature_rollouts for no key update",
    "lock the events as one who writes": "lock table rollouts.rollout_events in row exclusive mode",
    "lock the events as one who adds a day": "lock table rollouts.rollout_events in share update exclusive mode",
    "lock the claims": "lock table rollouts.event_batches in share mode",
    "lock a claim": "select id from rollouts.event_claims for key share",
    "lock the outbox": "lock table rollouts.rollout_write_backs in row exclusive mode",
    "lock the summary": "lock table rollouts.rollout_customers in share mode",
    "lock the summary's mark": "select * from rollouts.tally_progress for update",
}


@pytest.fixture
def owned(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        prepare(connection, "live")
        yield connection


@contextmanager
def a_login(database: Database, role: str) -> Iterator[Connection]:
    """Log in as somebody who was granted this role and nothing else."""
    with granted(database, role) as dsn, psycopg.connect(dsn) as connection:
        yield connection


def refusal(connection: Connection, statement: str) -> str:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.diag.constraint_name or error.sqlstate or str(error)
    return ALLOWED


@pytest.mark.parametrize("role", ROLES)
def test_denies_a_login_all_ways_to_more(database: Database, owned: Connection, role: str) -> None:
    before = contents(owned)
    with a_login(database, role) as login:
        answers = {name: refusal(login, statement) for name, statement in BECOME_MORE.items()}

    assert answers == dict.fromkeys(BECOME_MORE, DENIED)
    assert contents(owned) == before


@pytest.mark.parametrize("role", ROLES)
def test_a_login_that_grants_to_itself_gets_nothing(database: Database, owned: Connection, role: str) -> None:
    """PostgreSQL answers such a grant with a warning."""
    with a_login(database, role) as login:
        with suppress(psycopg.errors.InsufficientPrivilege), login.transaction():
            login.execute("grant all on all tables in schema rollouts to current_user, public")

        assert refusal(login, "update rollouts.rollout_transitions set tier = 4") == DENIED
        assert refusal(login, "update rollouts.feature_rollouts set tier = 4") == DENIED


@pytest.mark.parametrize("role", ROLES)
def test_denies_a_login_the_functions_of_the_owner(database: Database, owned: Connection, role: str) -> None:
    """Hung on a temporary table they would run as the owner, and hold the lock that every writer waits for."""
    with a_login(database, role) as login:
        login.execute("create temp table mine (number int, previous_number int, root text, revision text)")
        answers = {
            name: refusal(
                login,
                f"create trigger t before insert on mine for each row {statement}"
                if statement.startswith("execute")
                else statement,
            )
            for name, statement in BORROW.items()
        }

    assert answers == dict.fromkeys(BORROW, DENIED)


@pytest.mark.parametrize("role", ROLES)
def test_denies_a_login_a_lock_that_would_hold_up_a_writer(
    database: Database, owned: Connection, role: str
) -> None:
    with a_login(database, role) as login:
        answers = {name: refusal(login, statement) for name, statement in HOLD_UP.items()}

    assert answers == dict.fromkeys(HOLD_UP, DENIED)


def test_no_function_waits_for_a_lock_that_anybody_can_take(owned: Connection) -> None:
    waiting = owned.execute(
        """
        select proname from pg_proc
        where pronamespace = 'rollouts'::regnamespace and prosrc ~ 'pg_(try_)?advisory'
        """
    )

    assert waiting.fetchall() == []


@pytest.mark.parametrize("role", [APPLICATION, READER])
def test_a_reader_that_locks_all_it_can_holds_up_no_writer(
    database: Database, owned: Connection, role: str
) -> None:
    with a_login(database, role) as login:
        login.execute("lock table rollouts.feature_rollouts in access share mode")
        login.execute("select pg_advisory_xact_lock_shared(number) from generate_series(1, 9) number")
        owned.execute("set statement_timeout = '5s'")

        append(owned, kind="promote", tier=2, gate_dwell_seconds=0, verdict="healthy")


@pytest.mark.parametrize(
    "shadow",
    [
        "create temp table rollout_scope as select * from rollouts.rollout_scope",
        "create temp table rollout_transitions as select * from rollouts.rollout_transitions",
        "create function pg_temp.clock() returns timestamptz language sql as 'select timestamptz ''2020-01-01'''",
        "create function pg_temp.clock_timestamp() returns timestamptz language sql as 'select now()'",
        "create function pg_temp.are_gates(jsonb) returns boolean language sql as 'select true'",
        "create domain pg_temp.timestamptz as text",
        """
        create function pg_temp.less(a int, b int) returns boolean language sql as 'select true';
        create operator pg_temp.>= (leftarg = int, rightarg = int, function = pg_temp.less)
        """,
    ],
    ids=["a table", "the chain", "our clock", "the clock", "the gates", "a type", "an operator"],
)
def test_a_shadow_in_the_temporary_schema_changes_nothing(
    database: Database, owned: Connection, shadow: str
) -> None:
    """A writer shadows a name of ours or of the server's, puts it first, and raises by two."""
    row = following(owned, kind="promote", tier=3, gate_dwell_seconds=0, verdict="healthy")
    with a_login(database, RECONCILER) as login:
        login.execute(shadow.encode())
        login.execute("set search_path = pg_temp, pg_catalog, rollouts")
        with pytest.raises(psycopg.errors.CheckViolation) as refusal_of_skip, login.transaction():
            login.execute(insertion("rollout_transitions", row), row)
        step = row | {"tier": 2}
        login.execute(insertion("rollout_transitions", step), step)
        written = login.execute("select at > now() from rollouts.rollout_transitions where version = 2").fetchone()

    assert refusal_of_skip.value.diag.constraint_name == "no_skip"
    assert written == (True,)


def test_copies_in_go_through_the_chain(database: Database, owned: Connection) -> None:
    row = following(owned, kind="promote", tier=3, gate_dwell_seconds=0, verdict="healthy")
    columns = ", ".join(row)
    with a_login(database, RECONCILER) as login:
        with (
            pytest.raises(psycopg.errors.CheckViolation) as refused,
            login.cursor().copy(f"copy rollouts.rollout_transitions ({columns}) from stdin".encode()) as copy,
        ):
            copy.write_row(list(row.values()))
        login.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute("copy rollouts.rollout_transitions from stdin")

    assert refused.value.diag.constraint_name == "no_skip"


@pytest.mark.parametrize(
    ("role", "readable"),
    [
        (RECONCILER, set(TABLES) - {"event_batches", "event_claims"}),
        (APPLICATION, {"feature_rollouts"}),
        (READER, set(TABLES) - {"event_batches", "event_claims"}),
    ],
)
def test_a_login_reads_what_its_role_is_for(
    database: Database, owned: Connection, role: str, readable: set[str]
) -> None:
    with a_login(database, role) as login:
        answers = {table for table in TABLES if refusal(login, f"select * from rollouts.{table}") == ALLOWED}

    assert answers == readable


def test_a_login_without_a_role_sees_nothing(database: Database, owned: Connection) -> None:
    owned.execute("create role rollouts_stranger nologin")
    try:
        with a_login(database, "rollouts_stranger") as login:
            assert refusal(login, "select * from rollouts.feature_rollouts") == DENIED
            assert refusal(login, f"select '{commit(1)}'::text, rollouts.clock()") == DENIED
    finally:
        owned.execute("drop role rollouts_stranger")
