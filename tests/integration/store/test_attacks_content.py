"""No row holds bad content, a forged predecessor or a time of its writer's choosing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from reconciler.store.embedded import EmbeddedServer
from tests.builders.attacks import ALLOWED, DENIED, GENERATED, WRITERS, a_target, prepare, refusal
from tests.builders.chain import Connection, append, commit, following, insertion, some_gates

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ID = UUID(int=1)
GATES = json.loads(some_gates())
NOT_NULL = [
    *("id", "feature_name", "kind", "tier", "target", "attempt", "rolled_back", "retired", "paused", "description"),
    *("owner", "whitelisted_customers", "blacklisted_customers", "is_settled", "reason", "actor"),
]


def dwell(value: object, tier: str = "1") -> str:
    return json.dumps(GATES | {"dwell": GATES["dwell"] | {tier: value}})


def threshold(name: str, value: object) -> str:
    return json.dumps(GATES | {"thresholds": GATES["thresholds"] | {name: value}})


NAMES = {
    "upper case": "Checkout",
    "a newline at the end": "checkout\n",
    "a space": "check out",
    "a letter of another alphabet": "ch\u0435ckout",
    "a digit first": "1checkout",
    "an underscore first": "_checkout",
    "64 characters": "a" * 64,
    "empty": "",
    "a path": "../checkout",
    "a quote": "checkout'",
    "a combining accent": "cafe\u0301",
}
LISTS: dict[str, tuple[str, list[Any]]] = {
    "twice the same customer": ("whitelist_is_a_list", ["ada", "ada"]),
    "an empty id": ("whitelist_is_a_list", [""]),
    "an id of 257 bytes": ("whitelist_is_a_list", ["a" * 257]),
    "an id of 129 two-byte letters": ("whitelist_is_a_list", ["é" * 129]),
    "a null": ("whitelist_is_a_list", ["ada", None]),
    "nothing but a null": ("whitelist_is_a_list", [None]),
    "two dimensions": ("whitelist_is_a_list", [["ada"], ["bob"]]),
}
BAD_GATES = {
    "an empty object": "{}",
    "no object": "[]",
    "null": "null",
    "a list for dwell": json.dumps(GATES | {"dwell": [0, 0, 0, 0]}),
    "a missing dwell": json.dumps(GATES | {"dwell": {"1": 0, "2": 0}}),
    "a dwell too many": json.dumps(GATES | {"dwell": GATES["dwell"] | {"4": 0}}),
    "a threshold too many": threshold("mood", 1),
    "a key too many": json.dumps(GATES | {"mood": 1}),
    "no confidence": json.dumps(GATES | {"thresholds": {**GATES["thresholds"], "confidence": False}}),
    "a negative dwell": dwell(-1),
    "a dwell of half a second": dwell(0.5),
    **{f"a dwell of half a second at tier {tier}": dwell(0.5, tier) for tier in "23"},
    "a dwell as text": dwell("0"),
    "a dwell over 366 days": dwell(31_622_401),
    "a dwell that is no integer of SQL": dwell(10**30),
    "a rate above 1": threshold("error_rate", 1.01),
    "a rate below 0": threshold("error_rate", -0.01),
    "a rate as text": threshold("error_rate", "0.05"),
    "a rate that is not a number": threshold("error_rate", "NaN"),
    "a rate without end": threshold("success_rate", "Infinity"),
    "no rate": threshold("success_rate", None),
    "a success above 1": threshold("success_rate", 1.01),
    "a window of nothing": threshold("window", 0),
    "half a second": threshold("window", 0.5),
    "a negative count": threshold("min_exposed", -1),
    "a count that is no integer of SQL": threshold("min_exposed", 2**31),
    "half a customer": threshold("min_exposed", 0.5),
    "confidence 0.4": threshold("confidence", 0.4),
    "confidence 1": threshold("confidence", 1),
    "confidence as text": threshold("confidence", "0.9"),
}
TEXTS: dict[str, tuple[str, dict[str, object]]] = {
    "no reason": ("texts_are_short", {"reason": ""}),
    "a reason of 2049 bytes": ("texts_are_short", {"reason": "x" * 2049}),
    "nobody": ("texts_are_short", {"actor": ""}),
    "a name of 257 bytes": ("texts_are_short", {"actor": "x" * 257}),
    "an owner of 801 bytes": ("texts_are_short", {"owner": "x" * 801}),
    "a description of 8193 bytes": ("texts_are_short", {"description": "x" * 8193}),
    "a rollback commit that is none": ("revision_is_a_commit", {"rollback_commit": "HEAD"}),
    "a rollback commit and a newline": ("revision_is_a_commit", {"rollback_commit": commit(1) + "\n"}),
    "a rollback commit in upper case": ("revision_is_a_commit", {"rollback_commit": "A" * 40}),
    "the version of the last row": ("version_conflict", {"version": 1}),
    "a version ahead": ("version_conflict", {"version": 3}),
    "version 0": ("version_conflict", {"version": 0}),
    "a negative version": ("version_conflict", {"version": -1}),
    "no version": ("version_conflict", {"version": None}),
    "the id of another row": ("rollout_transitions_pkey", {"id": ID}),
}
FORGED: dict[str, tuple[str, object]] = {
    "at": ("time_is_the_servers", LONG_AGO),
    "epoch": ("time_is_the_servers", 1),
    "epoch_started_at": ("time_is_the_servers", LONG_AGO),
    "settled_revision": ("time_is_the_servers", commit(9)),
    "rollout_id": ("time_is_the_servers", ID),
    "rollback_id": ("time_is_the_servers", ID),
    "started_at": ("time_is_the_servers", LONG_AGO),
    "completed_at": ("time_is_the_servers", LONG_AGO),
    "recorded_by": ("time_is_the_servers", "somebody"),
    "percentage": (GENERATED, 100),
    "is_raise": (GENERATED, False),
    "settled_dwell": (GENERATED, 0),
    "settled_exposed": (GENERATED, 0),
    "write_back_id": (GENERATED, None),
}
PREDECESSOR: dict[str, object] = {
    "previous_tier": 0,
    "previous_target": 3,
    "previous_attempt": 7,
    "previous_rolled_back": True,
    "previous_retired": True,
    "previous_at": LONG_AGO,
    "previous_epoch": 0,
    "previous_epoch_started_at": LONG_AGO,
    "previous_settled_revision": commit(9),
    "previous_settled_dwell": 0,
    "previous_settled_exposed": 5,
}


@pytest.fixture(scope="module")
def target(server: EmbeddedServer, template: str) -> Iterator[Connection]:
    with a_target(server, template) as connection:
        yield connection


def refused(target: Connection, role: str, situation: str, changes: dict[str, Any]) -> str:
    with target.transaction(force_rollback=True):
        prepare(target, situation)
        append(target, feature_name="search", id=ID)
        row = following(target, **changes)
        return refusal(target, role, insertion("rollout_transitions", row), row)


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_refuses_the_name(target: Connection, role: str, name: str) -> None:
    assert refused(target, role, "nothing", {"feature_name": name}) == "feature_name_is_valid"


@pytest.mark.parametrize("name", ["a", "a" * 63, "check-out_2"])
def test_allows_a_name_within_the_limits(target: Connection, name: str) -> None:
    assert refused(target, "rollouts_reconciler", "nothing", {"feature_name": name}) == ALLOWED


@pytest.mark.parametrize("column", ["whitelisted_customers", "blacklisted_customers"])
@pytest.mark.parametrize(("rule", "customers"), LISTS.values(), ids=LISTS)
def test_refuses_the_customers(target: Connection, rule: str, customers: list[Any], column: str) -> None:
    named = rule if column.startswith("white") else rule.replace("white", "black")
    assert refused(target, "rollouts_reconciler", "live", {column: customers}) == named


def test_refuses_a_customer_on_both_lists(target: Connection) -> None:
    both = {"whitelisted_customers": ["ada", "bob"], "blacklisted_customers": ["cy", "bob"]}
    assert refused(target, "rollouts_owner", "live", both) == "lists_are_disjoint"


def test_allows_a_customer_of_256_bytes(target: Connection) -> None:
    assert refused(target, "rollouts_reconciler", "live", {"whitelisted_customers": ["é" * 128]}) == ALLOWED


@pytest.mark.parametrize("column", ["gates", "settled_gates"])
@pytest.mark.parametrize("gates", BAD_GATES.values(), ids=BAD_GATES)
def test_refuses_the_gates(target: Connection, gates: str, column: str) -> None:
    assert refused(target, "rollouts_reconciler", "live", {column: gates}) == "gates_are_whole"


@pytest.mark.parametrize(
    "gates",
    [some_gates(error_rate=0), some_gates(error_rate=1, confidence=0.5), dwell(31_622_400), dwell(2.0)],
    ids=["never an error", "any error", "a dwell of 366 days", "a dwell with a point"],
)
def test_allows_gates_within_the_limits(target: Connection, gates: str) -> None:
    assert refused(target, "rollouts_reconciler", "live", {"gates": gates, "settled_gates": gates}) == ALLOWED


@pytest.mark.parametrize("tier", ["1", "2", "3"])
def test_refuses_a_shorter_dwell_at_any_tier(target: Connection, tier: str) -> None:
    settled = json.loads(some_gates(dwell=3600))
    shorter = json.dumps(settled | {"dwell": settled["dwell"] | {tier: 3599}})

    changes = {"gates": shorter, "settled_gates": json.dumps(settled)}

    assert refused(target, "rollouts_reconciler", "live", changes) == "gates_are_no_looser"


@pytest.mark.parametrize("role", WRITERS)
@pytest.mark.parametrize(("rule", "changes"), TEXTS.values(), ids=TEXTS)
def test_refuses_the_content(target: Connection, role: str, rule: str, changes: dict[str, object]) -> None:
    assert refused(target, role, "live", changes) == rule


@pytest.mark.parametrize("column", NOT_NULL)
def test_refuses_a_row_that_leaves_something_out(target: Connection, column: str) -> None:
    assert refused(target, "rollouts_reconciler", "nothing", {column: None}) == "23502"


@pytest.mark.parametrize("column", ["gates", "settled_gates"])
def test_refuses_a_row_without_gates(target: Connection, column: str) -> None:
    assert refused(target, "rollouts_reconciler", "nothing", {column: None}) == "gates_are_whole"


@pytest.mark.parametrize(("column", "rule", "value"), [(column, *value) for column, value in FORGED.items()])
def test_refuses_what_is_the_servers_to_say(target: Connection, column: str, rule: str, value: object) -> None:
    changes = {column: value}
    assert refused(target, "rollouts_owner", "live", changes) == rule
    assert refused(target, "rollouts_reconciler", "live", changes) in {DENIED, GENERATED}


@pytest.mark.parametrize(("column", "value"), PREDECESSOR.items())
def test_refuses_a_forged_predecessor(target: Connection, column: str, value: object) -> None:
    """The owner names all twelve values of the row before, one of them false."""
    with target.transaction(force_rollback=True):
        prepare(target, "dwelling")
        row = following(target, whitelisted_customers=["ada"])
        row |= _predecessor(target) | {column: value}

        assert refusal(target, "rollouts_owner", insertion("rollout_transitions", row), row) in {
            "epoch_is_one_stay",
            "follows_predecessor",
            "attempt_follows",
            "returns_no_higher",
            "rolled_back_stays_off",
            "update_keeps_the_tier",
        }
        assert refusal(target, "rollouts_reconciler", insertion("rollout_transitions", row), row) == DENIED


@pytest.mark.parametrize("situation", ["nothing", "live"])
def test_refuses_half_a_predecessor(target: Connection, situation: str) -> None:
    half = {"previous_version": 1, "previous_tier": 0}
    assert (
        refused(target, "rollouts_owner", situation, half)
        == {
            "nothing": "follows_directly",
            "live": "epoch_is_one_stay",
        }[situation]
    )


def test_a_predecessor_of_the_second_row_only_is_no_predecessor_of_the_first(target: Connection) -> None:
    assert refused(target, "rollouts_owner", "nothing", {"previous_tier": 0}) == "has_whole_predecessor"


def test_refuses_two_rows_of_one_feature_in_one_statement(target: Connection) -> None:
    with target.transaction(force_rollback=True):
        prepare(target, "live")
        first = following(target)
        second = first | {"id": uuid4(), "version": first["version"] + 1}
        row = first | {f"{column}_2": value for column, value in second.items()}
        values = b"), (" + b", ".join(b"%%(%s_2)s" % column.encode() for column in second) + b")"
        statement = insertion("rollout_transitions", first).removesuffix(b")") + values

        assert refusal(target, "rollouts_reconciler", statement, row) == "derived_from_history"


def _predecessor(target: Connection) -> dict[str, object]:
    row = target.execute(
        """
        select version, tier, target, attempt, rolled_back, retired, at, epoch, epoch_started_at, settled_revision,
            settled_dwell, settled_exposed
        from rollouts.rollout_transitions
        where feature_name = 'checkout'
        """
    )
    found = row.fetchone()
    assert found is not None
    assert row.description is not None
    return {f"previous_{column.name}": value for column, value in zip(row.description, found, strict=True)}
