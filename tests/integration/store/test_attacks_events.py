"""Events are told once and for all: who may report, read, summarise and drop them, and what an event may say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import ALLOWED, DENIED, a_target, prepare, refusal
from tests.builders.chain import Connection, Row, insert, insertion
from tests.builders.database import set_clock

RECONCILER, APPLICATION, READER = "rollouts_reconciler", "rollouts_application", "rollouts_reader"
ROLES = (RECONCILER, APPLICATION, READER)
FRIDAY = datetime(2026, 3, 6, 12, tzinfo=UTC)
ID = UUID(int=1)
TODAY, LONG_AGO = "rollouts.rollout_events_20260306", "rollouts.rollout_events_20260227"
A_ROW = "('checkout', 'ada', gen_random_uuid(), 'enabled', 1, 1, true, now())"
COLUMNS = 'feature_name, customer_id, id, event, attempt, epoch, is_enabled, "timestamp"'

# What nobody may do who was granted one of our roles.
DENIED_TO_ALL = {
    "choose the time of receipt": (
        f"insert into rollouts.rollout_events ({COLUMNS}, received_at) values {A_ROW[:-1]}, now())"
    ),
    "copy the time of receipt": "copy rollouts.rollout_events (feature_name, received_at) from stdin",
    "copy all columns": "copy rollouts.rollout_events from stdin",
    "change an event": "update rollouts.rollout_events set is_enabled = false",
    "delete an event": "delete from rollouts.rollout_events where id = gen_random_uuid()",
    "lose all events": "truncate rollouts.rollout_events",
    "claim with a time": "insert into rollouts.event_claims values (gen_random_uuid(), now())",
    "claim a batch with a time": "insert into rollouts.event_batches values (gen_random_uuid(), now())",
    "claim again": (
        "insert into rollouts.event_batches (id) values (gen_random_uuid()) "
        "on conflict (id) do update set received_at = now()"
    ),
    "take a claim back": "delete from rollouts.event_claims",
    "take a batch back": "delete from rollouts.event_batches",
    "read when something was claimed": "select received_at from rollouts.event_claims",
    "read the batches": "select id from rollouts.event_batches",
    "write a customer": "insert into rollouts.rollout_customers values ('checkout', 1, 'ada', now())",
    "heal a customer": "update rollouts.rollout_customers set first_error = null",
    "forget a customer": "delete from rollouts.rollout_customers",
    "forget all customers": "truncate rollouts.rollout_customers",
    "move the mark": "update rollouts.tally_progress set until = 'infinity'",
    "lose the mark": "delete from rollouts.tally_progress",
    "write into a day itself": f"insert into {TODAY} ({COLUMNS}) values {A_ROW}",
    "read a day itself": f"select * from {LONG_AGO}",
    "change a day itself": f"update {LONG_AGO} set event = 'enabled'",
    "drop a day itself": f"drop table {LONG_AGO}",
    "empty a day": f"truncate {LONG_AGO}",
    "take a day out": f"alter table rollouts.rollout_events detach partition {LONG_AGO}",
    "add a day of one's own": (
        "create table rollouts.mine partition of rollouts.rollout_events "
        "for values from ('2020-01-01') to ('2020-01-02')"
    ),
    "add a table": "create table rollouts.mine ()",
    "inherit from the summary": "create temp table mine () inherits (rollouts.rollout_customers)",
    "hang a trigger on the events": (
        "create trigger t before insert on rollouts.rollout_events for each row "
        "execute function suppress_redundant_updates_trigger()"
    ),
    "hide what was written": "create rule r as on insert to rollouts.event_claims do instead nothing",
    "silence transitions": "alter table rollouts.rollout_transitions disable trigger announce",
}
REPORT = {
    "report": f"insert into rollouts.rollout_events ({COLUMNS}) values {A_ROW}",
    "claim a batch": "insert into rollouts.event_batches (id) values (gen_random_uuid()) on conflict do nothing",
    "claim an event": (
        "insert into rollouts.event_claims (id) values (gen_random_uuid()) on conflict do nothing returning id"
    ),
    "make partitions": "select rollouts.extend_events()",
}
READ = {
    "read events": "select * from rollouts.rollout_events",
    "see what it wrote": f"insert into rollouts.rollout_events ({COLUMNS}) values {A_ROW} returning customer_id",
    "read customers": "select * from rollouts.rollout_customers",
    "read the mark": "select * from rollouts.tally_progress",
    "ask where the mark is": "select rollouts.unsummarised_from()",
}
COUNT = {
    "count the window": "select * from rollouts.window_tally(null)",
    "count the epoch": "select * from rollouts.epoch_tally('{checkout}')",
    "name a partition": "select rollouts.event_partition('2026-03-06')",
    "ask for the time": "select rollouts.clock()",
}
KEEP = {
    "summarise": "select rollouts.summarise_events()",
    "drop a day": "select rollouts.drop_events('2026-02-27')",
    "forget claims": "select rollouts.forget_claims()",
    "forget epochs": "select rollouts.forget_epochs('infinity')",
}
MAY: dict[str, dict[str, str]] = {
    RECONCILER: REPORT | READ | COUNT | KEEP,
    APPLICATION: REPORT | COUNT,
    READER: {name: statement for name, statement in READ.items() if name != "see what it wrote"} | COUNT,
}
DROPS = {
    "a day older than two whole days": ("'2026-03-03'", ALLOWED),
    "the day before yesterday": ("'2026-03-04'", "recent_events_stay"),
    "yesterday": ("'2026-03-05'", "recent_events_stay"),
    "today": ("'2026-03-06'", "recent_events_stay"),
    "tomorrow": ("'2026-03-07'", "recent_events_stay"),
    "today, with its count": ("'2026-03-06', 0", "recent_events_stay"),
    "today, before our era": ("'2026-03-06 BC'", "recent_events_stay"),
    "a day that an archive holds whole": ("'2026-02-27', 2", ALLOWED),
    "a day of which an archive lacks an event": ("'2026-02-27', 1", "archive_is_whole"),
    "a day of which an archive has an event too many": ("'2026-02-27', 3", "archive_is_whole"),
    "a day that isn't there": ("'2020-01-01'", ALLOWED),
    "no day": ("null", ALLOWED),
    "the last of all days": ("'infinity'", ALLOWED),
}
REFUSED: dict[str, tuple[str, Row]] = {
    "an unknown kind": ("event_is_known", {"event": "seen"}),
    "a kind in capitals": ("event_is_known", {"event": "ERROR"}),
    "enabled, yet off": ("event_says_what_was_on", {"is_enabled": False}),
    "disabled, yet on": ("event_says_what_was_on", {"event": "disabled"}),
    "a rollback, yet on": ("event_says_what_was_on", {"event": "rollback", "customer_id": ""}),
    "a rollback of one customer": ("event_names_its_customer", {"event": "rollback", "is_enabled": False}),
    "nobody": ("event_names_its_customer", {"customer_id": ""}),
    "an id of 257 bytes": ("event_names_its_customer", {"customer_id": "a" * 257}),
    "an id of 129 two-byte letters": ("event_names_its_customer", {"customer_id": "é" * 129}),
    "a name in capitals": ("event_names_its_feature", {"feature_name": "Checkout"}),
    "a name and a newline": ("event_names_its_feature", {"feature_name": "checkout\n"}),
    "a name of 64 letters": ("event_names_its_feature", {"feature_name": "a" * 64}),
    "attempt 0": ("event_names_its_epoch", {"attempt": 0}),
    "epoch 0": ("event_names_its_epoch", {"epoch": 0}),
    "metadata that is a list": ("event_metadata_is_small", {"metadata": "[]"}),
    "metadata that is null": ("event_metadata_is_small", {"metadata": "null"}),
    "metadata of 8193 bytes": ("event_metadata_is_small", {"metadata": '{"a": "' + "x" * 8184 + '"}'}),
    **{f"no {name}": ("23502", {name: None}) for name in [*COLUMNS.replace('"', "").split(", "), "metadata"]},
}
TAKEN: dict[str, Row] = {
    "disabled": {"event": "disabled", "is_enabled": False},
    "an error while on": {"event": "error"},
    "an error while off": {"event": "error", "is_enabled": False},
    "a rollback of everybody": {"event": "rollback", "customer_id": "", "is_enabled": False},
    "an id of 256 bytes": {"customer_id": "é" * 128},
    "a name of 63 letters": {"feature_name": "a" * 63},
    "metadata of 8192 bytes": {"metadata": '{"a": "' + "x" * 8183 + '"}'},
    "a sender without a calendar": {"timestamp": "infinity"},
}


@pytest.fixture(scope="module")
def target(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    """A Friday with the days of a week before it, two events on the first of them and one claim."""
    with a_target(server, template) as connection:
        prepare(connection, "live")
        for ago in (7, 4, 1, 0):
            set_clock(connection, FRIDAY - timedelta(days=ago))
            connection.execute("select rollouts.extend_events()")
        for _ in range(2):
            insert(connection, "rollout_events", an_event() | {"received_at": FRIDAY - timedelta(days=7)})
        insert(connection, "event_claims", {"id": ID})
        yield connection


def an_event(**changes: object) -> Row:
    return {
        "feature_name": "checkout",
        "customer_id": "ada",
        "id": uuid4(),
        "event": "enabled",
        "attempt": 1,
        "epoch": 1,
        "is_enabled": True,
        "timestamp": FRIDAY,
        "metadata": "{}",
    } | changes


@pytest.mark.parametrize("role", ROLES)
def test_denies_every_role_what_none_may(target: Connection, role: str) -> None:
    answers = {name: refusal(target, role, statement) for name, statement in DENIED_TO_ALL.items()}

    assert answers == dict.fromkeys(DENIED_TO_ALL, DENIED)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_it_is_for(target: Connection, role: str) -> None:
    statements = REPORT | READ | COUNT | KEEP
    answers = {name: refusal(target, role, statement) for name, statement in statements.items()}

    assert answers == {name: ALLOWED if name in MAY[role] else DENIED for name in statements}


@pytest.mark.parametrize(("said", "answer"), DROPS.values(), ids=DROPS)
def test_drops_whole_old_days_only(target: Connection, said: str, answer: str) -> None:
    assert refusal(target, RECONCILER, f"select rollouts.drop_events({said})") == answer


def test_a_dropped_day_takes_its_events_along(target: Connection) -> None:
    with target.transaction(force_rollback=True):
        dropped = target.execute("select rollouts.drop_events('2026-02-27', 2), rollouts.drop_events('2026-02-27')")
        left = target.execute("select to_regclass(%s), (select count(*) from rollouts.rollout_events)", [LONG_AGO])

        assert dropped.fetchall() == [(True, False)]
        assert left.fetchall() == [(None, 0)]


@pytest.mark.parametrize("role", [APPLICATION, "rollouts_owner"])
@pytest.mark.parametrize(("rule", "changes"), REFUSED.values(), ids=REFUSED)
def test_refuses_the_event(target: Connection, role: str, rule: str, changes: Row) -> None:
    row = an_event(**changes)

    assert refusal(target, role, insertion("rollout_events", row), row) == rule


@pytest.mark.parametrize("changes", TAKEN.values(), ids=TAKEN)
def test_takes_the_event(target: Connection, changes: Row) -> None:
    row = an_event(**changes)

    assert refusal(target, APPLICATION, insertion("rollout_events", row), row) == ALLOWED


def test_a_claim_is_won_once(target: Connection) -> None:
    statement = "insert into rollouts.event_claims (id) values (%(id)s)"

    assert refusal(target, APPLICATION, statement, {"id": ID}) == "event_claims_pkey"


def test_a_claim_lasts_for_two_days(target: Connection) -> None:
    with target.transaction(force_rollback=True):
        set_clock(target, FRIDAY + timedelta(hours=48))
        kept = target.execute("select rollouts.forget_claims()").fetchone()
        set_clock(target, FRIDAY + timedelta(hours=48, microseconds=1))

        assert (kept, target.execute("select rollouts.forget_claims()").fetchone()) == ((0,), (1,))
