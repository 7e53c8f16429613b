"""`stats`, `explain`, `preview` and what `plan` says of customers, run as a person runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.client import RolloutClient
from reconciler.evaluation.bucketing import bucket
from tests.builders.clients import HEED_CTRL_C, a_client
from tests.builders.command import Command
from tests.builders.database import Database
from tests.builders.git import GitSandbox, a_repository

CHECKOUT = "feature: checkout\nowner: team-payments\ntier: {tier}\nwhitelist:\n  - acme\n{more}"
SEARCH = "feature: search\ntier: 0\n"
POLICY = "min_dwell: 0s\ndwell: 0s\nthresholds: {confidence: 0.99}\n"
CUSTOMERS = tuple(f"c{number}" for number in range(200))
_RUN = "from reconciler.cli.start import run; run()"
ON = ("acme", *(customer for customer in CUSTOMERS if bucket("checkout", customer) < 1))
GAIN = sum(1 for customer in CUSTOMERS if 1 <= bucket("checkout", customer) < 10)


@pytest.fixture
def repository(tmp_path: Path) -> GitSandbox:
    files = {"checkout.yaml": CHECKOUT.format(tier=1, more=""), "search.yaml": SEARCH, "_policy.yaml": POLICY}
    return a_repository(tmp_path, {f"rollouts.d/{name}": content for name, content in files.items()})


@pytest.fixture
def command(repository: GitSandbox, database: Database) -> Command:
    variables = {
        "RECONCILER_DSN": database.dsn_for("rollouts_reconciler"),
        "RECONCILER_BRANCH": "main",
        "RECONCILER_ACTOR": "ada",
    }
    command = Command(folder=repository.path, variables=variables)
    assert command("apply").code == 0
    return command


@pytest.fixture
def rollouts(command: Command, database: Database) -> Iterator[RolloutClient]:
    """A client that asked for 201 customers, one of whom met an error."""
    with a_client(database) as rollouts:
        for customer in (*CUSTOMERS, "acme"):
            rollouts.is_enabled("checkout", customer)
        rollouts.record_error("checkout", "acme")
        assert rollouts.flush()
        yield rollouts


def test_statistics_of_one_feature_say_what_rolls_it_back(command: Command, rollouts: RolloutClient) -> None:
    answer = command("stats", "checkout")

    assert (answer.code, answer.talk) == (0, "")
    assert "customers seen" in answer.out
    assert f"{rollouts.stats('checkout').errors_needed} of {len(ON)} customers with an error" in answer.out


def test_statistics_for_programs_count_both_cohorts(command: Command, rollouts: RolloutClient) -> None:
    [checkout, search] = command("stats", "--output", "json").json["rollouts"]

    assert checkout["epoch"]["exposed"] == {
        "customers": len(ON),
        "failing": 1,
        "error_rate": 1 / len(ON),
        "success_rate": 1 - 1 / len(ON),
    }
    assert (checkout["window"]["customers"], checkout["window"]["unexposed"]["customers"]) == (201, 201 - len(ON))
    assert (search["verdict"], search["errors_needed"], search["comparison"]) == ("insufficient", None, None)


def test_statistics_of_an_unknown_feature_name_the_near_ones(command: Command) -> None:
    answer = command("stats", "chekout")

    assert (answer.code, answer.out) == (64, "")
    assert answer.talk == "error: feature chekout is not in this database; did you mean checkout?\n"


def test_statistics_are_shown_again_until_one_has_seen_enough(command: Command, rollouts: RolloutClient) -> None:
    watch = subprocess.Popen(
        [sys.executable, "-c", f"{HEED_CTRL_C}{_RUN}", "stats", "search", "--watch", "--interval", "0.2"],
        cwd=command.folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **command.variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watch.stdout is not None
    heads = [line for _, line in zip(range(20), watch.stdout, strict=False) if line.startswith("search")]
    watch.send_signal(signal.SIGINT)
    _, talk = watch.communicate(timeout=20)

    assert len(heads) >= 2
    assert (watch.returncode, talk) == (0, "")


@pytest.mark.parametrize(
    ("customer", "is_on", "reason", "line"),
    [
        pytest.param("acme", True, "whitelisted", "5:5", id="whitelisted"),
        pytest.param(ON[1], True, "bucket_inside", "3:7", id="inside"),
        pytest.param("c0", False, "bucket_outside", "3:7", id="outside"),
    ],
)
def test_an_answer_is_explained_down_to_its_line(
    command: Command, customer: str, is_on: bool, reason: str, line: str
) -> None:
    answer = command("explain", "checkout", customer, "--output", "json").json

    assert (answer["enabled"], answer["reason"]) == (is_on, reason)
    assert (answer["bucket"], answer["percent"]) == (bucket("checkout", customer), 1)
    assert answer["where"] == f"rollouts.d/checkout.yaml:{line}"
    assert (answer["since"]["kind"], answer["since"]["actor"]) == ("create", "ada")


def test_an_answer_names_the_commit_that_made_it_so(command: Command, repository: GitSandbox) -> None:
    first = command("explain", "checkout", "acme", "--output", "json").json
    repository.commit({"rollouts.d/checkout.yaml": CHECKOUT.format(tier=1, more="blacklist: [c0]\n")})
    command("apply")
    acme = command("explain", "checkout", "acme", "--output", "json").json
    c0 = command("explain", "checkout", "c0", "--output", "json").json
    before = command("explain", "checkout", "c0", "--as-of", first["since"]["at"], "--output", "json").json

    assert acme["since"] == first["since"]
    assert (c0["reason"], c0["where"], c0["since"]["version"]) == (
        "blacklisted",
        "rollouts.d/checkout.yaml:6:13",
        2,
    )
    assert c0["since"]["revision"] != first["since"]["revision"]
    assert (before["reason"], before["since"]["version"]) == ("bucket_outside", 1)


def test_what_was_not_there_yet_is_said(command: Command) -> None:
    answer = command("explain", "checkout", "acme", "--as-of", "2020-01-01")

    assert (answer.code, answer.talk) == (
        64,
        "error: checkout was not there yet at Wed 2020-01-01 00:00:00 UTC; `history` shows its past\n",
    )


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("explain", "serch", "acme"), "feature serch is not in this database; did you mean search?"),
        (("explain", "checkout", ""), "the customer id is empty; pass the id of whom it is about"),
        (("explain", "checkout", "acme", "--as-of", "yesterday"), "'yesterday' is no moment; write 2026-"),
        (
            ("explain", "checkout", "acme", "--as-of", "2999-01-01"),
            "that moment is still to come; leave --as-of out",
        ),
        (("preview", "checkout"), "missing option '--tier'"),
        (("preview", "checkout", "--tier", "5"), "5 is not in the range 0<=x<=4"),
        (("preview", "serch", "--tier", "1"), "feature serch is not in this database; did you mean search?"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_wrong_questions_are_refused(command: Command, words: tuple[str, ...], fault: str) -> None:
    answer = command(*words)

    assert (answer.code, answer.out) == (64, "")
    assert fault in answer.talk


def test_a_preview_counts_whom_a_tier_moves(command: Command, rollouts: RolloutClient) -> None:
    answer = command("preview", "checkout", "--tier", "2", "--output", "json").json

    assert {name: answer[name] for name in ("seen", "enabled", "gained", "lost")} == {
        "seen": 201,
        "enabled": len(ON),
        "gained": GAIN,
        "lost": 0,
    }
    assert command("preview", "search", "--tier", "1").out == (
        "search  tier 0 ·   0 % -> tier 1 ·   1 %\n".replace("·   0", "· 0").replace("·   1", "· 1")
        + "nobody was seen with it yet: its customers are known once applications report them\n"
    )


def test_a_plan_and_its_apply_say_whom_they_move(
    command: Command, repository: GitSandbox, rollouts: RolloutClient
) -> None:
    for _ in range(3):
        rollouts.is_enabled("checkout", "c1")
    repository.commit({"rollouts.d/checkout.yaml": CHECKOUT.format(tier=0, more="")})
    planned = command("plan", "--output", "json").json
    text = command("plan").out
    markdown = command("plan", "--output", "markdown").out
    applied = command("apply", "--output", "json").json

    lost = len(ON) - 1
    expected = {"seen": 201, "enabled": len(ON), "gained": 0, "lost": lost, "is_sample": False}
    assert planned["changes"][0]["impact"] == applied["done"][0]["impact"] == expected
    assert f"of 201 customers seen {lost} lose it" in text
    assert f"of 201 customers seen {lost} lose it" in markdown


def test_a_reader_may_ask_everything(command: Command, rollouts: RolloutClient, database: Database) -> None:
    reader = {"RECONCILER_DSN": database.dsn_for("rollouts_reader")}
    asked = ("stats",), ("explain", "checkout", "acme"), ("preview", "checkout", "--tier", "2"), ("plan",)

    assert [command(*words, **reader).code for words in asked] == [0, 0, 0, 0]
