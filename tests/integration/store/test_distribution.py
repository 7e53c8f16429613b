"""The same schema runs on a distributed PostgreSQL: rules of its catalog, judged on a plain one and provoked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from psycopg.types.json import Jsonb

from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import a_target
from tests.builders.chain import Connection
from tests.builders.placement import CONTROL, PLACEMENT

# Every data table with its partitions, and the column that places a row.
DATA = """
with recursive data (oid, root, place) as (
    select class.oid, class.oid, placement.value
    from pg_class class
    join jsonb_each_text(%(placement)s) placement on placement.key = class.relname
    where class.relnamespace = 'rollouts'::regnamespace
    union all
    select inhrelid, root, place from data join pg_inherits on inhparent = data.oid
)
"""
KEYED_BY = """
exists (
    select from pg_attribute
    where attrelid = indrelid and attname = {} and attnum = any ((indkey::int2[])[0 : indnkeyatts - 1])
)
"""
# What offends, by the rule: each finds nothing.
RULES: Mapping[str, str] = {
    "a key without the place": f"""
        select indexrelid::regclass::text from data join pg_index on indrelid = data.oid
        where (indisunique or indisexclusion) and not {KEYED_BY.format("data.place")}
    """,
    "a key without the partition's column": f"""
        select indexrelid::regclass::text from data
        join pg_index on indrelid = data.oid
        join pg_partitioned_table on partrelid = data.root
        join pg_attribute parting on parting.attrelid = data.root and parting.attnum = any (partattrs)
        where (indisunique or indisexclusion) and not {KEYED_BY.format("parting.attname")}
    """,
    "no key": """
        select data.oid::regclass::text from data
        where not exists (select from pg_index where indrelid = data.oid and indisprimary)
    """,
    "a trigger": "select tgname::text from data join pg_trigger on tgrelid = data.oid where not tgisinternal",
    "a foreign key": """
        select conname::text from data join pg_constraint on data.oid in (conrelid, confrelid) where contype = 'f'
    """,
    "an enum or a domain": """
        select attname::text from data
        join pg_attribute on attrelid = data.oid and attnum > 0 and not attisdropped
        join pg_type kind on kind.oid = atttypid
        left join pg_type element on element.oid = kind.typelem
        where 'e' in (kind.typtype, element.typtype) or 'd' in (kind.typtype, element.typtype)
    """,
    "a number of the server's": """
        select attname::text from data
        join pg_attribute on attrelid = data.oid
        left join pg_attrdef on adrelid = data.oid and adnum = attnum
        where attidentity <> '' or pg_get_expr(adbin, adrelid) ~ '\\mnextval\\M'
    """,
    "a partition of a partition": """
        select data.oid::regclass::text from data join pg_class on pg_class.oid = data.oid
        where relispartition and relkind = 'p'
    """,
    "a SQL function with arguments that reads it": """
        select proname::text from pg_proc join pg_language on pg_language.oid = prolang
        where pronamespace = 'rollouts'::regnamespace and lanname = 'sql' and prokind in ('f', 'p') and pronargs > 0
            and exists (
                select from data join pg_class on pg_class.oid = data.oid
                where pg_get_functiondef(pg_proc.oid) ~ ('\\m' || relname || '\\M')
            )
    """,
}
READS = "select count(*) from rollouts.rollout_customers where feature_name = feature"
PROVOKED: Mapping[str, tuple[str, str]] = {
    "a key of the feature": (
        "a key without the place",
        "alter table rollouts.rollout_customers add unique (feature_name, epoch)",
    ),
    "a key that only includes the customer": (
        "a key without the place",
        "create unique index on rollouts.rollout_events (received_at, id) include (customer_id)",
    ),
    "a key of one day": (
        "a key without the place",
        (
            "do $$ begin execute format('create unique index on rollouts.%I (received_at, id)', "
            "rollouts.event_partition(rollouts.clock()::date)); end $$"
        ),
    ),
    "a key of one day without its time": (
        "a key without the partition's column",
        (
            "do $$ begin execute format('create unique index on rollouts.%I (customer_id, id)', "
            "rollouts.event_partition(rollouts.clock()::date)); end $$"
        ),
    ),
    "an exclusion": (
        "a key without the place",
        "alter table rollouts.rollout_customers add exclude using btree (feature_name with =)",
    ),
    "a key that was dropped": (
        "no key",
        "alter table rollouts.rollout_customers drop constraint rollout_customers_pkey",
    ),
    "a trigger of a table": (
        "a trigger",
        (
            "create trigger t after delete on rollouts.rollout_events for each row "
            "execute function rollouts.refuse_rewrite()"
        ),
    ),
    "a trigger of a statement": (
        "a trigger",
        "create trigger t before truncate on rollouts.rollout_customers execute function rollouts.refuse_rewrite()",
    ),
    "a key to a control table": (
        "a foreign key",
        (
            "alter table rollouts.rollout_events add foreign key (feature_name) "
            "references rollouts.feature_rollouts (feature_name)"
        ),
    ),
    "a key from another table": (
        "a foreign key",
        (
            'create table rollouts.notes (feature_name text collate "C", epoch int, customer_id text collate "C", '
            "foreign key (feature_name, epoch, customer_id) references rollouts.rollout_customers)"
        ),
    ),
    "an enum": (
        "an enum or a domain",
        "create type rollouts.mood as enum ('good'); alter table rollouts.rollout_events add mood rollouts.mood",
    ),
    "a list of an enum": (
        "an enum or a domain",
        (
            "create type rollouts.mood as enum ('good'); "
            "alter table rollouts.rollout_customers add moods rollouts.mood[]"
        ),
    ),
    "a domain": (
        "an enum or a domain",
        "create domain rollouts.name as text; alter table rollouts.rollout_events add name rollouts.name",
    ),
    "an identity": (
        "a number of the server's",
        "alter table rollouts.rollout_customers add number bigint generated always as identity",
    ),
    "a serial": ("a number of the server's", "alter table rollouts.rollout_events add number bigserial"),
    "an hour of a day": (
        "a partition of a partition",
        (
            "create table rollouts.rollout_events_20200101 partition of rollouts.rollout_events "
            "for values from ('2020-01-01') to ('2020-01-02') partition by range (received_at)"
        ),
    ),
    "a function": (
        "a SQL function with arguments that reads it",
        f"create function rollouts.seen(feature text) returns bigint language sql return ({READS})",
    ),
    "a function in quotes": (
        "a SQL function with arguments that reads it",
        f"create function rollouts.seen(feature text) returns bigint language sql as '{READS}'",
    ),
}
ALLOWED = {
    "a function without arguments": (
        "create function rollouts.all_seen() returns bigint language sql "
        "return (select count(*) from rollouts.rollout_events)"
    ),
    "a function over a control table": (
        "create function rollouts.known(feature text) returns boolean language sql "
        "return exists (select from rollouts.feature_rollouts where feature_name = feature)"
    ),
    "an index that is no key": "create index on rollouts.rollout_events (id)",
    "a trigger of a control table": (
        "create trigger t after delete on rollouts.event_claims execute function rollouts.refuse_rewrite()"
    ),
}


@pytest.fixture(scope="module")
def opened(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        connection.execute("select rollouts.extend_events()")
        yield connection


@pytest.fixture
def target(opened: Connection) -> Iterator[Connection]:
    with opened.transaction(force_rollback=True):
        yield opened


def broken(target: Connection) -> set[str]:
    """Return the rules that the schema breaks."""
    placement = {"placement": Jsonb(dict(PLACEMENT))}
    return {rule for rule, query in RULES.items() if target.execute((DATA + query).encode(), placement).fetchall()}


def test_every_table_has_its_place(target: Connection) -> None:
    tables = target.execute(
        """
        select relname from pg_class
        where relnamespace = 'rollouts'::regnamespace and relkind in ('r', 'p') and not relispartition
        """
    )

    assert {table for (table,) in tables.fetchall()} == PLACEMENT.keys() | CONTROL


def test_the_schema_keeps_every_rule(target: Connection) -> None:
    assert broken(target) == set()


@pytest.mark.parametrize(("rule", "provocation"), PROVOKED.values(), ids=PROVOKED)
def test_a_breach_is_seen(target: Connection, rule: str, provocation: str) -> None:
    target.execute(provocation.encode())

    assert broken(target) == {rule}


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_what_runs_there_is_allowed(target: Connection, change: str) -> None:
    target.execute(change.encode())

    assert broken(target) == set()


def test_every_rule_is_provoked() -> None:
    assert {rule for rule, _ in PROVOKED.values()} == RULES.keys()
