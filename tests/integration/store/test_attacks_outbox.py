"""A rollback and its row in the outbox are impossible without each other, and what the row says follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import ALLOWED, DENIED, READERS, WRITERS, a_target, prepare, refusal
from tests.builders.chain import Connection, Row, append, commit, contents, faults, following, insert, insertion
from tests.builders.database import Database

RECONCILER, OWNER = WRITERS
OUTBOX = "rollout_write_backs"
ROLLBACK: Row = {"kind": "rollback", "tier": 0, "rolled_back": True, "is_settled": False, "revision": None}
FOLLOWS, APPEND_ONLY = "write_back_follows_rollback", "history_is_append_only"
WRITTEN = f"status = 'written', revision = '{commit(9)}'"

EVIDENCE = {
    "a list": "[]",
    "a number": "7",
    "null": "null",
    "more than 1024 bytes": '{"a": "' + "x" * 1016 + '"}',
}
SAID = {
    "written without a commit": ("written_names_its_commit", "status = 'written'"),
    "written by a branch": ("written_names_its_commit", "status = 'written', revision = 'main'"),
    "written by a short commit": ("written_names_its_commit", "status = 'written', revision = 'abcdef1'"),
    "written by a commit and a newline": ("written_names_its_commit", f"revision = E'{commit(9)}\\n'"),
    "pending with something that is no commit": ("written_names_its_commit", "revision = 'HEAD'"),
    "a status of one's own": ("write_back_status", "status = 'done'"),
    "no status": ("23502", "status = null"),
    "offered nowhere": ("offered_names_its_branch", "status = 'offered'"),
    "offered on a tag": ("offered_names_its_branch", "status = 'offered', branch = 'refs/tags/v1'"),
    "offered on a short name": ("offered_names_its_branch", "status = 'offered', branch = 'main'"),
    "fewer refusals than none": ("write_back_texts", "refusals = -1"),
    "a note of 2049 bytes": ("write_back_texts", "note = repeat('x', 2049)"),
    "a branch of 1025 bytes": ("write_back_texts", "branch = 'refs/heads/' || repeat('x', 1014)"),
    "no note": ("23502", "note = null"),
    "no time": ("23502", "next_try_at = null"),
    "recorded or not": ("23502", "is_recorded = null"),
}
MAY_BE_SAID = {
    "written": WRITTEN,
    "written by a commit of SHA-256": f"status = 'written', revision = '{'b' * 64}'",
    "offered": "status = 'offered', branch = 'refs/heads/rollback/checkout-1', refusals = 3",
    "pending, and why": "status = 'pending', note = repeat('x', 2048)",
    "a commit that is not in git yet": f"revision = '{commit(9)}'",
    "later": "next_try_at = rollouts.clock() + interval '1 hour'",
    "among the events": "is_recorded = true",
}
FACTS = {
    "rollback_id": "gen_random_uuid()",
    "feature_name": "'search'",
    "attempt": "2",
    "from_tier": "4",
    "rolled_back_at": "'2020-01-01'",
    "in_force": f"'{commit(9)}'",
    "evidence": "'{}'",
}
REMOVALS = {
    "delete": "delete from rollouts.rollout_write_backs",
    "delete of nothing": "delete from rollouts.rollout_write_backs where false",
    "truncate": "truncate rollouts.rollout_write_backs cascade",
    "truncate with the chain": "truncate rollouts.rollout_write_backs, rollouts.rollout_transitions cascade",
    "merge": "merge into rollouts.rollout_write_backs using (select 1) s on true when matched then delete",
}


@pytest.fixture(scope="module")
def opened(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        yield connection


@pytest.fixture
def target(opened: Connection) -> Iterator[Connection]:
    with opened.transaction(force_rollback=True):
        yield opened


def tell(row: Row, **said: object) -> tuple[bytes, Row]:
    """Return the statement that puts a rollback into the outbox, and its parameters."""
    told = {"rollback_id": row["id"], **said}
    return insertion(OUTBOX, told), told


def rolled_back_untold(target: Connection) -> Row:
    """Roll `checkout` back in a transaction that has to tell of it before it ends."""
    prepare(target, "live")
    row = following(target, **ROLLBACK)
    insert(target, "rollout_transitions", row)
    return row


def update(said: str) -> str:
    return f"update rollouts.rollout_write_backs set {said}"


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize("situation", ["off", "live", "at tier 3", "held", "lowered", "restarted"])
def test_refuses_a_rollback_that_nobody_tells_git_of(target: Connection, situation: str, role: str) -> None:
    prepare(target, situation)
    row = following(target, **ROLLBACK)

    assert refusal(target, role, insertion("rollout_transitions", row), row) == "rollback_is_told"


def test_refuses_it_at_commit_and_keeps_nothing_of_it(database: Database) -> None:
    with psycopg.connect(database.dsn) as connection:
        prepare(connection, "live")
        connection.commit()
        before = contents(connection)
        connection.execute("set role rollouts_reconciler")
        insert(connection, "rollout_transitions", following(connection, **ROLLBACK))

        with pytest.raises(psycopg.errors.ForeignKeyViolation) as refused:
            connection.commit()
        connection.execute("reset role")
        assert contents(connection) == before

    assert refused.value.diag.constraint_name == "rollback_is_told"


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize("evidence", [None, '{"exposed": 100}'], ids=["a person's", "by its errors"])
def test_allows_a_rollback_that_is_told(target: Connection, evidence: str | None, role: str) -> None:
    row = rolled_back_untold(target)

    assert refusal(target, role, *tell(row, evidence=evidence)) == ALLOWED


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize("evidence", EVIDENCE.values(), ids=EVIDENCE)
def test_refuses_the_evidence(target: Connection, evidence: str, role: str) -> None:
    row = rolled_back_untold(target)

    assert refusal(target, role, *tell(row, evidence=evidence)) == "write_back_evidence"


@pytest.mark.parametrize("role", WRITERS)
def test_refuses_to_tell_of_what_is_no_rollback(target: Connection, role: str) -> None:
    prepare(target, "at tier 3")
    rows = target.execute("select id, kind from rollouts.rollout_transitions").fetchall()
    attacks = {"nothing": uuid4(), **{kind: identity for identity, kind in rows}}

    answers = {kind: refusal(target, role, *tell({"id": identity})) for kind, identity in attacks.items()}
    assert answers == dict.fromkeys(["nothing", "create", "promote"], FOLLOWS)


@pytest.mark.parametrize("role", WRITERS)
def test_refuses_to_tell_of_a_rollback_that_git_told_of(target: Connection, role: str) -> None:
    prepare(target, "live")
    row = append(target, **ROLLBACK | {"rollback_commit": commit(9)})

    assert refusal(target, role, *tell(row)) == FOLLOWS


@pytest.mark.parametrize("role", WRITERS)
def test_refuses_to_tell_twice(target: Connection, role: str) -> None:
    prepare(target, "rolled back")
    [(identity,)] = target.execute("select rollback_id from rollouts.rollout_write_backs").fetchall()

    assert refusal(target, role, *tell({"id": identity})) == "rollout_write_backs_pkey"


def test_what_it_says_follows_from_its_transition_whatever_the_owner_says(target: Connection) -> None:
    row = rolled_back_untold(target)
    forged = {"feature_name": "search", "attempt": 9, "from_tier": 4, "rolled_back_at": "2020-01-01"}
    assert refusal(target, RECONCILER, *tell(row, **forged)) == DENIED

    target.execute(*tell(row, **forged, in_force=commit(9)))
    assert faults(target) == []
    assert target.execute(
        "select feature_name, attempt, from_tier, in_force from rollouts.rollout_write_backs"
    ).fetchall() == [("checkout", 1, 1, commit(2))]


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize(("rule", "said"), SAID.values(), ids=SAID)
def test_refuses_how_far_it_is(target: Connection, rule: str, said: str, role: str) -> None:
    prepare(target, "rolled back")

    assert refusal(target, role, update(said)) == rule


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize("said", MAY_BE_SAID.values(), ids=MAY_BE_SAID)
def test_allows_how_far_it_is(target: Connection, said: str, role: str) -> None:
    prepare(target, "rolled back")
    target.execute(update(WRITTEN))

    assert refusal(target, role, update(said)) == ALLOWED


@pytest.mark.parametrize(("column", "value"), FACTS.items())
def test_refuses_another_fact(target: Connection, column: str, value: str) -> None:
    prepare(target, "rolled back")

    assert refusal(target, OWNER, update(f"{column} = {value}")) == FOLLOWS
    assert refusal(target, RECONCILER, update(f"{column} = {value}")) == DENIED


@pytest.mark.parametrize("removal", REMOVALS.values(), ids=REMOVALS)
def test_refuses_to_forget_it(target: Connection, removal: str) -> None:
    prepare(target, "rolled back")

    assert refusal(target, OWNER, removal) == APPEND_ONLY
    assert refusal(target, RECONCILER, removal) == DENIED


def test_a_session_that_turned_triggers_off_forgets_nothing(target: Connection) -> None:
    prepare(target, "rolled back")
    target.execute("set local session_replication_role = replica")

    with pytest.raises(psycopg.errors.RestrictViolation), target.transaction():
        target.execute("delete from rollouts.rollout_write_backs")


@pytest.mark.parametrize("role", READERS)
def test_denies_a_reader_all_but_a_look(target: Connection, role: str) -> None:
    prepare(target, "rolled back")
    attacks = [update(WRITTEN), *REMOVALS.values(), "select * from rollouts.rollout_write_backs for update"]
    attacks += ["select rollouts.end_idle_blockers()", "lock table rollouts.rollout_write_backs in row share mode"]
    attacks += [f"insert into rollouts.rollout_write_backs (rollback_id) values ('{UUID(int=1)}')"]

    assert [refusal(target, role, attack) for attack in attacks] == [DENIED] * len(attacks)
    look = refusal(target, role, "select * from rollouts.rollout_write_backs")
    assert look == (ALLOWED if role == "rollouts_reader" else DENIED)


def test_a_rollback_points_to_the_outbox_and_back_without_a_trigger_of_ours(target: Connection) -> None:
    row = rolled_back_untold(target)
    target.execute("alter table rollouts.rollout_write_backs disable trigger link")
    told = {"feature_name": "checkout", "attempt": 1, "from_tier": 1, "rolled_back_at": "2026-01-01"}

    assert refusal(target, OWNER, "select 1") == "rollback_is_told"
    stray = refusal(target, OWNER, *tell({"id": uuid4()}, **told))
    assert stray == "rollout_write_backs_rollback_id_fkey"
    assert refusal(target, OWNER, *tell(row, **told)) == ALLOWED
