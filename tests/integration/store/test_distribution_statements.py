"""Every statement of the product runs on a distributed PostgreSQL too, as far as its text can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files

import pytest

from reconciler.store import statements
from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import a_target
from tests.builders.chain import Connection
from tests.builders.placement import function_faults, statement_faults

TEXTS = {entry.name: entry.read_text() for entry in files(statements).iterdir() if entry.name.endswith(".sql")}
FUNCTIONS = """
select proname, pg_get_functiondef(pg_proc.oid) from pg_proc join pg_language on pg_language.oid = prolang
where pronamespace = 'rollouts'::regnamespace and lanname = 'plpgsql'
"""
CUSTOMERS, EVENTS = "rollouts.rollout_customers", "rollouts.rollout_events"
UPSERT = f"insert into {CUSTOMERS} (feature_name, epoch, customer_id) values ('a', 1, 'b')"
ON_CONFLICT = f"{UPSERT} on conflict (feature_name, epoch, customer_id) do update set"
PROVOKED: Mapping[str, tuple[str, str]] = {
    "two tables in one statement": (
        "writes a control and a data table",
        f"with gone as (delete from {CUSTOMERS} returning 1) update rollouts.tally_progress set until = now()",
    ),
    "an outbox beside the events": (
        "writes a control and a data table",
        f"with told as ({UPSERT} returning 1) insert into rollouts.event_batches (id) select gen_random_uuid()",
    ),
    "two tables emptied": (
        "writes a control and a data table",
        f"truncate {CUSTOMERS}, rollouts.event_claims",
    ),
    "now": ("asks for the time while it replaces", f"{ON_CONFLICT} first_error = now()"),
    "our clock": (
        "asks for the time while it replaces",
        f"{ON_CONFLICT} first_error = least(excluded.first_error, rollouts.clock())",
    ),
    "the time as a word": ("asks for the time while it replaces", f"{ON_CONFLICT} first_error = current_timestamp"),
    "the time in a condition": (
        "asks for the time while it replaces",
        f"{ON_CONFLICT} epoch = excluded.epoch where excluded.first_error < now()",
    ),
    "a merge": (
        "merges into a data table",
        f"merge into {CUSTOMERS} c using (values (1)) v on false when matched then delete",
    ),
    "a lock": ("locks rows of a data table", f"select * from {CUSTOMERS} where customer_id = %(id)s for update"),
    "a lock within": (
        "locks rows of a data table",
        f"delete from {CUSTOMERS} where epoch in (select epoch from {CUSTOMERS} for share skip locked)",
    ),
    "a lock of a join": (
        "locks rows of a data table",
        f"select * from rollouts.feature_rollouts f join {EVENTS} e using (feature_name) for update of f",
    ),
    "another customer": ("moves a row to another place", f"update {CUSTOMERS} set customer_id = 'eve'"),
    "another customer when it is there": ("moves a row to another place", f"{ON_CONFLICT} customer_id = 'eve'"),
    "a control table from events": (
        "updates a control table from a data table",
        f"update rollouts.tally_progress set until = s.at from (select max(received_at) at from {EVENTS}) s",
    ),
    "sets of groups": (
        "groups a data table by sets",
        f"select count(*) from {EVENTS} group by grouping sets ((event), (attempt))",
    ),
    "for each row": (
        "reads a data table laterally",
        f"select * from rollouts.event_claims c, lateral (select * from {EVENTS} e where e.id = c.id) s",
    ),
}
ALLOWED = {
    "a copy": f"copy {EVENTS} (feature_name) from stdin",
    "a copy out": f"copy (select * from {EVENTS} where event = %(event)s) to stdout",
    "a lock of a control table": "select * from rollouts.tally_progress for update skip locked",
    "the time in a control table": (
        "insert into rollouts.event_claims (id) values (%(id)s) on conflict (id) do update set received_at = now()"
    ),
    "the time that was proposed": f"{ON_CONFLICT} first_error = excluded.first_error",
    "the time of a new row": (
        f"insert into {CUSTOMERS} (feature_name, epoch, customer_id, first_error) values ('a', 1, 'b', now())"
    ),
    "a percent": f"select 7 %% 2 from {EVENTS}",
}
A_FUNCTION = """
create function rollouts.f() returns void language plpgsql as $$
declare
    latest timestamptz := (select max(received_at) from rollouts.rollout_events for update);
begin
    perform from rollouts.rollout_customers for share;
    latest := (select now());
    for latest in select received_at from rollouts.rollout_events for update loop
        update rollouts.rollout_customers set customer_id = '';
    end loop;
end
$$
"""


@pytest.fixture(scope="module")
def target(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        yield connection


def test_every_statement_keeps_the_rules() -> None:
    assert len(TEXTS) > 10
    assert {name: statement_faults(text) for name, text in TEXTS.items()} == {name: [] for name in TEXTS}


def test_every_function_keeps_the_rules(target: Connection) -> None:
    functions = dict(target.execute(FUNCTIONS).fetchall())

    assert {"summarise_events", "window_tally", "epoch_tally", "forget_epochs"} <= functions.keys()
    assert {name: function_faults(text) for name, text in functions.items()} == {name: [] for name in functions}


@pytest.mark.parametrize(("fault", "text"), PROVOKED.values(), ids=PROVOKED)
def test_a_breach_is_seen(fault: str, text: str) -> None:
    assert statement_faults(text) == [fault]


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED)
def test_what_runs_there_is_allowed(text: str) -> None:
    assert statement_faults(text) == []


def test_a_breach_within_a_function_is_seen() -> None:
    lock, move = "locks rows of a data table", "moves a row to another place"

    assert sorted(function_faults(A_FUNCTION)) == [lock, lock, lock, move]
