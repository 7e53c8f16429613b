"""Every place in the code where the product is struck, and the scenario that brings it there."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID

import psycopg

from reconciler.client import RolloutClient
from reconciler.domain.write_back import WriteBackStatus
from tests.builders.children import Child, a_child
from tests.builders.crashes import ACTIONS, RECOVERIES, Act, Case, Scenario, nothing, passes
from tests.builders.ring import REFUSES_ROLLBACKS, Ring
from tests.builders.scene import path_of

LIVE: Mapping[str, Mapping[str, Any]] = {"checkout": {"tier": 1, "whitelist": ["ada"]}}

_REASON = "double charges"
_IDS = [UUID(int=number) for number in range(1, 6)]


def cases() -> list[Case]:
    """Return every case there is, in a fixed order; each place meets each of the things that a person may push."""
    return [
        Case(
            scenario=scenario,
            point=point,
            time=time,
            action=action,
            recovery=recovery,
            pushed=_PUSHES[(number + number // len(_PUSHES)) % len(_PUSHES)],
        )
        for number, ((scenario, point, time), action, recovery) in enumerate(product(_POINTS, ACTIONS, RECOVERIES))
    ]


def a_share(of: list[Case], count: int) -> list[Case]:
    """Return so many of them, the same ones each time."""
    return random.Random(4).sample(of, count)


def points() -> set[str]:
    """Return the names that there is a scenario for."""
    return {point for _, point, _ in _POINTS}


def _report(ring: Ring) -> None:
    ring.push({"search": {"tier": 1}})
    ring.report("checkout", failing=12, healthy=10)


def _ask_for_a_raise(ring: Ring) -> None:
    ring.push({"search": {"tier": 1}})


def _roll_back(ring: Ring, name: str, failpoints: str = "") -> Child:
    return ring.start("rollback", "checkout", "--reason", _REASON, name=name, failpoints=failpoints)


def _refuse(ring: Ring, times: int = 2) -> None:
    ring.roll_back("checkout", _REASON)
    ring.hook("pre-receive", REFUSES_ROLLBACKS)
    with ring.worker("first") as worker:
        for _ in range(times):
            worker.tick()
            ring.due_now()


def _take_what_was_offered(ring: Ring) -> None:
    _refuse(ring, 3)
    ring.unhook("pre-receive")
    push_beside(ring)


def _accept(ring: Ring) -> None:
    [write_back] = ring.write_backs()
    branch = "refs/heads/rollback/rollouts.d/checkout-1"
    assert (write_back.status, write_back.branch) == (WriteBackStatus.OFFERED, branch)
    assert ring.rollback_ids(branch) == [str(write_back.id)]
    ring.unhook("pre-receive")
    ring.due_now()
    passes(ring, "a")


def _no_offer_is_left(ring: Ring) -> None:
    assert ring.remote.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def _crowd(ring: Ring) -> None:
    """Make a clone with so many loose objects that they had better be packed."""
    passes(ring, "a")
    [objects] = (ring.folder / "data").glob("a-clones/*/objects")
    (objects / "17").mkdir(exist_ok=True)
    for number in range(30):
        (objects / "17" / f"{number:038x}").touch()
    ring.roll_back("checkout", _REASON)


def _tell(ring: Ring, _name: str, failpoints: str = "") -> Child:
    return a_child(partial(_told_by_an_application, _dsn(ring)), ring.folder, failpoints=failpoints)


def _told_by_an_application(dsn: str) -> None:
    with RolloutClient(dsn, handle_sigterm=False) as rollouts:
        for identity in _IDS:
            rollouts.record_error("checkout", "ada", event_id=identity)
        assert rollouts.flush(20)


def _dsn(ring: Ring) -> str:
    return ring.database.dsn_for("rollouts_application")


def _each_error_counts_once(ring: Ring) -> None:
    with psycopg.connect(ring.database.dsn) as connection:
        query = "select id from rollouts.rollout_events where event = 'error' order by id"
        assert [row[0] for row in connection.execute(query)] == _IDS


def silence(_ring: Ring) -> None:
    """Nobody pushes anything."""


def push_beside(ring: Ring) -> None:
    """A person changes another file."""
    ring.edit("README.md", lambda text: f"{text}More words.\n", tries=5)


def push_into_it(ring: Ring) -> None:
    """A person changes the file of the feature."""
    ring.edit(path_of("checkout"), lambda text: f"{text}description: Words of a person.\n", tries=5)


_PUSHES: tuple[Act, ...] = (silence, push_beside, push_into_it)

ERRORS = Scenario(name="errors", lay=_report)
PERSON = Scenario(name="person", lay=_ask_for_a_raise, begin=_roll_back, again=_roll_back)
REFUSED = Scenario(name="refused", lay=_refuse, settle=_accept)
OFFERED = Scenario(name="offered", lay=_take_what_was_offered, settle=_no_offer_is_left)
CROWDED = Scenario(name="crowded", lay=nothing, prepare=_crowd)
APPLICATION = Scenario(name="application", lay=nothing, begin=_tell, again=_tell, settle=_each_error_counts_once)

_WRITING = (
    *("clone.fetching", "clone.fetched", "clone.making", "clone.marked", "clone.made", "clone.removing"),
    *(
        "clone.removed",
        "clone.sweeping",
        "clone.settled",
        "write-back.claimed",
        "commit.begins",
        "commit.blobs-written",
    ),
    *("commit.tree-written", "commit.committed", "write-back.built", "push.begins", "push.ended"),
    *("write-back.pushed", "write-back.marking", "write-back.marked"),
)
_DECIDING = ("rollback.decided", "rollback.committed")
_APPLYING = (
    *("watch.judged", "tick.synced", "apply.taking-revision", "apply.revision-taken", "apply.transition-begins"),
    *("apply.transition-done", "apply.sources-remembered", "events.batch-claimed", "events.copied"),
)
_REPORTING = ("recorder.sending", "recorder.stored", "events.batch-claimed", "events.copied")

_POINTS: tuple[tuple[Scenario, str, int], ...] = (
    *((ERRORS, point, 1) for point in (*_APPLYING, *_DECIDING, *_WRITING)),
    # The second time round: what was pushed is fetched, and taken into force.
    *((ERRORS, point, 2) for point in ("clone.fetching", "clone.fetched", "apply.taking-revision", "tick.synced")),
    *((PERSON, point, 1) for point in (*_DECIDING, "write-back.built", "write-back.pushed")),
    *((REFUSED, point, 1) for point in ("write-back.offering", "write-back.offered")),
    *((OFFERED, point, 1) for point in ("write-back.withdrawing", "write-back.marking")),
    *((CROWDED, point, 1) for point in ("clone.packing", "clone.packed")),
    *((APPLICATION, point, 1) for point in _REPORTING),
)
