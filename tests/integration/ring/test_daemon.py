"""`reconciler run` as it runs: woken by what it waits for, by its poll when a hint is lost, and soon over."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from datetime import datetime
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from tests.builders.chain import insert
from tests.builders.children import a_child, reconciler
from tests.builders.clients import cut_off
from tests.builders.daemons import a_daemon, has_settled, order, stopped
from tests.builders.proxy import a_proxy
from tests.builders.remotes import a_server_that, hangs
from tests.builders.ring import Ring
from tests.builders.scene import path_of

ROLE = "rollouts_reconciler"
RING = ["rolled-back", "written-back"]


def test_errors_that_are_reported_become_a_commit_without_any_poll(ring: Ring) -> None:
    with a_daemon(ring) as child:
        ring.report("checkout", failing=12, healthy=10)
        child.until(lambda: child.told("written-back"))
        child.until(lambda: has_settled(ring))

        assert order(child, *RING) == RING
        [fact] = child.told("rolled-back")
        assert fact["level"] == "alarm"
        assert fact["actor"] == "analysis"
        assert fact["reason"] == "12 of 22 exposed customers have an error in the last 1h, the limit is 5 %"
        assert child.told("written-back")[0]["commit"] == ring.write_backs()[0].revision
        assert stopped(child)[-1] == "stopped"


def test_errors_of_which_nobody_was_told_are_found_by_the_poll(ring: Ring) -> None:
    with a_daemon(ring, watch="1s") as child, psycopg.connect(ring.database.dsn) as connection:
        insert(connection, "rollout_events", an_error())
        connection.commit()
        child.until(lambda: child.told("rolled-back"))
        child.until(lambda: child.told("written-back"))


def test_a_session_that_listens_is_opened_again_when_it_was_cut(ring: Ring) -> None:
    with a_daemon(ring) as child:
        cut_off(ring.database)
        ring.report("checkout", failing=12, healthy=10)
        child.until(lambda: child.told("written-back"))

        assert order(child, *RING) == RING


def test_what_a_person_rolls_back_elsewhere_is_told_to_git_at_once(ring: Ring) -> None:
    with a_daemon(ring) as child:
        ring.roll_back("checkout")
        child.until(lambda: child.told("written-back"))
        child.until(lambda: has_settled(ring))


def test_what_is_merged_is_found_by_the_poll(ring: Ring) -> None:
    with a_daemon(ring, git="1s") as child:
        tip = ring.push({"search": {"tier": 1}})
        child.until(lambda: child.told("applied-create"))

        [fact] = child.told("applied-create")
        assert (fact["feature"], fact["tier"], fact["revision"]) == ("search", 1, tip)


def test_a_hold_is_over_at_its_moment_without_any_poll(ring: Ring) -> None:
    ring.push({"search": {"tier": 1, "dwell": "4s"}})
    with a_daemon(ring, git="1s") as child:
        child.until(lambda: child.told("applied-create"))
        stopped(child)
    ring.push({"search": {"tier": 2, "dwell": "4s"}})
    with a_daemon(ring) as child:
        child.until(lambda: child.told("applied-promote"))

        first, *_ = child.told("held") or [{"waits_for": "dwell"}]
        assert first["waits_for"] == "dwell"
        assert ring.states()["search"].standing.tier == 2


def test_a_remote_that_hangs_delays_no_rollback_and_no_end(ring: Ring) -> None:
    with a_server_that(hangs) as port:
        with a_daemon(ring, remote=f"http://127.0.0.1:{port}/shop.git") as child:
            ring.report("checkout", failing=12, healthy=10)
            child.until(lambda: child.told("rolled-back"))
            assert child.told("git-unreachable") == []
            names = stopped(child)

        assert names[-1] == "stopped"
    with a_daemon(ring) as child:
        child.until(lambda: has_settled(ring))


def test_a_database_that_hangs_delays_no_end(ring: Ring) -> None:
    with (
        a_proxy(ring.database, ROLE) as proxy,
        a_daemon(ring, git="1s", watch="1s", RECONCILER_DSN=proxy.dsn) as child,
    ):
        proxy.hang()
        time.sleep(2)
        assert stopped(child)[-1] == "stopped"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_it_has_nothing_to_do(ring: Ring, number: int) -> None:
    with a_daemon(ring) as child:
        assert stopped(child, number, within=5)[-1] == "stopped"


def test_it_ends_when_it_is_told_so_before_it_has_begun(ring: Ring) -> None:
    child = ring.start("run", "--output", "json", failpoints="clone.settled=sleep:1")
    child.until(lambda: child.reached)

    assert stopped(child, within=5) == ["began", "stopped"]


def test_it_ends_while_the_branch_refuses_it(off: Ring) -> None:
    off.hook("pre-receive", "exit 1")
    with a_daemon(off, git="1s") as child:
        child.until(lambda: any(row.refusals for row in off.write_backs()))
        stopped(child)


@pytest.mark.slow
def test_it_ends_while_a_push_hangs_which_may_land_after_that(off: Ring) -> None:
    mark = off.folder / "begun"
    off.hook("pre-receive", f"touch {mark}; sleep 11")
    with a_daemon(off) as child:
        child.until(mark.exists)
        stopped(child)
    off.unhook("pre-receive")
    off.due_now()
    with a_daemon(off, git="1s") as child:
        time.sleep(4)
        child.until(lambda: has_settled(off))


def test_several_replicas_do_all_of_it_once(ring: Ring) -> None:
    ring.push({"search": {"tier": 1, "whitelist": ["ada"]}})
    with (
        a_daemon(ring, git="1s", watch="1s") as one,
        a_daemon(ring, git="1s", watch="1s", name="b") as two,
        a_daemon(ring, git="1s", watch="1s", name="b") as three,
    ):
        children = (one, two, three)
        one.until(lambda: "search" in ring.states())
        for feature in ("checkout", "search"):
            ring.report(feature, failing=12, healthy=10)
        one.until(lambda: len(ring.rollback_ids()) == 2)
        one.until(lambda: all(row.revision for row in ring.write_backs()))
        for child in children:
            stopped(child)

    told = [fact["feature"] for child in children for fact in child.told("rolled-back")]
    assert sorted(told) == ["checkout", "search"]
    assert sorted(ring.rollback_ids()) == sorted(str(row.id) for row in ring.write_backs())
    assert [fact for child in children for fact in child.facts if fact["fact"].endswith("-failed")] == []


@pytest.mark.parametrize("point", ["watch.judged", "tick.synced", "write-back.built", "rollback.committed"])
def test_a_defect_in_one_pass_ends_neither_thread(ring: Ring, point: str) -> None:
    with a_daemon(ring, git="1s", watch="1s", failpoints=f"{point}=exc") as child:
        ring.report("checkout", failing=12, healthy=10)
        child.until(lambda: child.reached)
        ring.due_now()
        child.until(lambda: has_settled(ring))

        assert [fact["error"] for fact in child.facts if "error" in fact] == [f"FailpointError: failpoint {point}"]
        stopped(child)


def test_a_log_that_nobody_reads_holds_nothing_up(ring: Ring) -> None:
    child = a_child(
        partial(without_a_reader, ("run", "--interval", "1s", "--watch-interval", "1s")),
        ring.folder,
        ring.variables(),
    )
    try:
        ring.report("checkout", failing=12, healthy=10)
        child.until(lambda: has_settled(ring))
    finally:
        child.kill()


def without_a_reader(words: tuple[str, ...]) -> None:
    """Be the command line, with a closed pipe to write to."""
    reader, writer = os.pipe()
    os.close(reader)
    sys.stdout = os.fdopen(writer, "w")
    reconciler(words)


def test_a_fact_is_one_line_whatever_it_says(ring: Ring) -> None:
    words = 'why\nnot\r\n\x1b[31m"{}"\x00'
    ring.commit({path_of("pages"): f"feature: pages\ntier: 1\nowner: [{words!r}]\n", path_of("Bad\nname"): "x"})
    with a_daemon(ring) as child:
        child.until(lambda: child.told("invalid"))
        stopped(child)
    plain = ring.start("run", "--once").ended()

    for fact in child.facts:
        assert {"time", "level", "fact"} <= fact.keys()
        assert fact["level"] in {"info", "alarm"}
        assert datetime.fromisoformat(fact["time"]).utcoffset() is not None
    assert child.said.isprintable() or child.said.replace("\n", "").isprintable()
    for line in plain.said.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT\S+Z (info|alarm) [a-z-]+( |$)", line), line


def an_error() -> dict[str, object]:
    """Return an error of a customer who has `checkout`, as a row that nobody announces."""
    return {
        "feature_name": "checkout",
        "customer_id": "ada",
        "id": uuid4(),
        "event": "error",
        "attempt": 1,
        "epoch": 1,
        "is_enabled": True,
        "timestamp": datetime.fromisoformat("2026-11-22T03:31:00+00:00"),
    }
