"""What a process may do while events wait: end, be told to end, fork; nothing is lost or stored twice."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter

import psycopg
import pytest

from tests.builders.clients import ROLE, run_script, stored
from tests.builders.database import Database
from tests.builders.scene import a_scene

BEGIN = """
import os, signal, sys, threading, time
from reconciler.client import RolloutClient

def reported(rollouts, who, count=50):
    for number in range(count):
        rollouts.is_enabled("checkout", f"{who}-{number}")
        rollouts.record_error("checkout", f"{who}-{number}")

rollouts = RolloutClient(sys.argv[1])
"""

EXIT = (
    BEGIN
    + """
reported(rollouts, "me")
"""
)

FAILING = (
    BEGIN
    + """
reported(rollouts, "me")
raise SystemExit(3)
"""
)

TERMINATED = (
    BEGIN
    + """
reported(rollouts, "me")
print("ready", flush=True)
while True:
    time.sleep(60)
"""
)

OWN_HANDLER = (
    BEGIN
    + """
def leave(number, frame):
    print("mine", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, leave)
reported(rollouts, "me")
print("ready", flush=True)
while True:
    time.sleep(60)
"""
)

FORKED = (
    BEGIN
    + """
reported(rollouts, "parent")
children = []
for child in range(3):
    pid = os.fork()
    if pid == 0:
        reported(rollouts, f"child{child}")
        sys.exit(0)
    children.append(pid)
reported(rollouts, "after")
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print(codes, rollouts.health().is_connected, flush=True)
"""
)

IDLE_CHILD = (
    BEGIN
    + """
pid = os.fork()
if pid == 0:
    print(threading.active_count(), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
reported(rollouts, "parent")
"""
)

POOL = (
    BEGIN
    + """
import multiprocessing

def work(number):
    reported(rollouts, f"worker{number}", 20)

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=work, args=(number,)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print([process.exitcode for process in processes], flush=True)
"""
)

CLOSING = (
    BEGIN
    + """
reported(rollouts, "me")
print("ready", flush=True)
"""
)

FLUSHING = (
    BEGIN
    + """
print("ready", flush=True)
while True:
    rollouts.flush(0)
"""
)

LISTENING_CHILD = (
    BEGIN
    + """
pid = os.fork()
if pid == 0:
    print(rollouts.wait_until_ready(5), rollouts.health().is_connected, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""
)

THREADS = (
    BEGIN
    + """
threads = [threading.Thread(target=reported, args=(rollouts, f"thread{number}", 200)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
)


@pytest.fixture
def dsn(database: Database) -> str:
    """`checkout` is at 1 %; the way in of an application."""
    with a_scene(database) as scene:
        scene.commit({"checkout": {"tier": 1}})
        scene.apply()
    return database.dsn_for(ROLE)


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, talk = process.communicate(timeout=60)
    return process.returncode, out, talk


def reports(database: Database) -> Counter[tuple[str, bool]]:
    """Return how many exposures and errors each reporter has in the database: (who, is it an error)."""
    return Counter((customer.split("-")[0], event == "error") for _, customer, event, _ in stored(database))


def both(count: int, *reporters: str) -> Counter[tuple[str, bool]]:
    return Counter({(who, is_error): count for who in reporters for is_error in (True, False)})


@pytest.mark.parametrize(("script", "code"), [(EXIT, 0), (FAILING, 3)], ids=["at the end", "by SystemExit"])
def test_a_process_that_ends_stores_everything(database: Database, dsn: str, script: str, code: int) -> None:
    assert finished(run_script(script, dsn)) == (code, "", "")
    assert reports(database) == both(50, "me")


def test_a_process_that_is_terminated_stores_everything_and_dies_of_it(database: Database, dsn: str) -> None:
    process = run_script(TERMINATED, dsn)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()

    assert finished(process) == (-signal.SIGTERM, "", "")
    assert reports(database) == both(50, "me")


@pytest.mark.parametrize(
    ("ending", "number"),
    [
        pytest.param("rollouts.close()", signal.SIGTERM, id="terminated while it closes"),
        pytest.param("sys.exit()", signal.SIGTERM, id="terminated while it exits"),
        pytest.param("rollouts.close()", signal.SIGINT, id="interrupted while it closes"),
        pytest.param(
            "threading.Thread(target=rollouts.close, daemon=True).start(); time.sleep(0.1); rollouts.close()",
            None,
            id="closed from two threads",
        ),
    ],
)
def test_an_end_within_an_end_loses_nothing(
    database: Database, dsn: str, ending: str, number: signal.Signals | None
) -> None:
    with psycopg.connect(database.dsn) as busy:
        busy.execute("lock table rollouts.rollout_events in access exclusive mode")
        process = run_script(CLOSING + ending, dsn)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        if number is not None:
            process.send_signal(number)
        time.sleep(0.5)
    code, _, _ = finished(process)

    assert (code, reports(database)) == (-number if number else 0, both(50, "me"))


def test_a_process_that_is_terminated_while_it_flushes_ends(dsn: str) -> None:
    processes = [run_script(FLUSHING, dsn) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()

    assert [finished(process)[0] for process in processes] == [-signal.SIGTERM] * 4


def test_a_handler_of_the_application_is_left_alone(database: Database, dsn: str) -> None:
    process = run_script(OWN_HANDLER, dsn)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()

    assert finished(process) == (0, "mine\n", "")
    assert reports(database) == both(50, "me")


def test_forked_processes_store_their_own_events_once(database: Database, dsn: str) -> None:
    assert finished(run_script(FORKED, dsn)) == (0, "[0, 0, 0] True\n", "")
    assert reports(database) == both(50, "parent", "after", "child0", "child1", "child2")


def test_a_child_that_asks_nothing_has_no_threads(database: Database, dsn: str) -> None:
    assert finished(run_script(IDLE_CHILD, dsn)) == (0, "1\n", "")
    assert reports(database) == both(50, "parent")


def test_a_child_that_waits_for_rollouts_watches_them(dsn: str) -> None:
    assert finished(run_script(LISTENING_CHILD, dsn)) == (0, "True True\n", "")


def test_workers_of_multiprocessing_store_their_events(database: Database, dsn: str) -> None:
    assert finished(run_script(POOL, dsn)) == (0, "[0, 0, 0]\n", "")
    assert reports(database) == both(20, "worker0", "worker1", "worker2")


def test_many_threads_share_a_client(database: Database, dsn: str) -> None:
    assert finished(run_script(THREADS, dsn)) == (0, "", "")
    assert reports(database) == both(200, *(f"thread{number}" for number in range(8)))


def test_a_process_without_its_database_ends_in_time(database: Database) -> None:
    code, _, talk = finished(run_script(BEGIN + "rollouts.close(1)", "host=127.0.0.1 port=9 connect_timeout=2"))

    assert (code, "no rollouts yet, answering with defaults" in talk) == (0, True)


def test_importing_the_client_loads_nothing_that_it_does_not_need() -> None:
    script = (
        "import sys, reconciler.client; print(sorted({'click', 'git', 'yaml', 'jsonschema'} & set(sys.modules)))"
    )

    assert finished(run_script(script)) == (0, "[]\n", "")
