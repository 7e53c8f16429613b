"""A branch asks for one tier more where the rules would let it through, and is withdrawn when they would not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.domain.proposal import Became
from tests.builders.asking import PREFIX, Proposer, a_proposer, asked, branches, rows, statuses
from tests.builders.database import Database
from tests.builders.git import GitSandbox
from tests.builders.ring import AT_ONCE, Ring, a_ring
from tests.builders.scene import ROOT, yaml_of

LIVE: Mapping[str, Any] = {"tier": 1}
ASKS = "Advance checkout: tier 1 -> 2 (1 % -> 10 %)"
SEEN: Mapping[str, Any] = {"tier": 1, "thresholds": {"min_exposed": 5, "window": "60s"}}


@pytest.fixture
def ring(tmp_path: Path, database: Database) -> Iterator[Ring]:
    with a_ring(tmp_path, database, {"checkout": LIVE}) as ring:
        yield ring


@pytest.fixture
def replica(ring: Ring) -> Iterator[Proposer]:
    with a_proposer(ring) as replica:
        replica.tick()
        yield replica


def apply(ring: Ring) -> None:
    """Apply what the remote holds, and propose nothing."""
    with ring.worker("other") as other:
        other.tick()


def a_freeze() -> dict[str, Any]:
    """Return the field of a policy that freezes raises since yesterday."""
    begins, ends = (f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M}" for days in (-1, 1))
    return {"freezes": [{"from": begins, "until": ends, "timezone": "UTC", "reason": "sale"}]}


def set_policy(ring: Ring, fields: Mapping[str, Any]) -> None:
    """Push a policy with these fields beside those that wait for nothing."""
    ring.pull()
    ring.person.commit({f"{ROOT}/_policy.yaml": yaml_of({**AT_ONCE, **fields})}, message="Change the policy")
    ring.person.git("push", "--quiet", "origin", "HEAD:main")


def test_asks_once_with_a_commit_that_changes_one_line(ring: Ring, replica: Proposer) -> None:
    assert replica.said("proposed") == ["checkout"]
    assert asked(ring, "checkout") == ASKS
    changed = ring.remote.git("diff", "--unified=0", "main", f"{PREFIX}/checkout").splitlines()
    assert [line for line in changed if line[:1] in "+-"][2:] == ["-tier: 1", "+tier: 2"]
    assert ring.remote.git("rev-list", "--count", f"main..{PREFIX}/checkout") == "1"
    assert ring.said("checkout") == {"tier": 1}


def test_leaves_it_as_it_is_in_later_passes(ring: Ring, replica: Proposer) -> None:
    before, row = branches(ring), rows(ring)["checkout"]
    replica.tick()

    assert replica.became() == {"checkout": "kept"}
    assert branches(ring) == before
    assert rows(ring)["checkout"] == row
    assert len(replica.said("proposed")) == 1


def test_the_body_holds_the_evidence(ring: Ring, replica: Proposer) -> None:
    ring.push({"search": {"tier": 1, "thresholds": {"min_exposed": 1, "error_rate": 0.2}, "owner": "team-search"}})
    replica.tick()
    assert "search" not in branches(ring)
    ring.report("search", failing=1, healthy=39)
    replica.tick()

    state, row = ring.states()["search"], rows(ring)["search"]
    began, seen = (f"{moment:%a %Y-%m-%d %H:%M:%S} UTC" for moment in (state.epoch_started_at, row.at))
    assert ring.remote.git("log", "-1", "--format=%B", f"{PREFIX}/search") == (
        "Advance search: tier 1 -> 2 (1 % -> 10 %)\n"
        "\n"
        f"At tier 1 since {began}. Its dwell of 0s was served\n"
        f"on {began}.\n"
        "\n"
        "1 of 40 exposed customers have an error since then; 95 % must have none.\n"
        "In the last 1h 1 of 40 exposed customers have an error. Of 40 within 1h,\n"
        "9 with an error would roll it back (limit 20 %).\n"
        "\n"
        "Of 40 customers that were seen with it, 1 gain it.\n"
        "\n"
        f"As of {seen}. Once merged, it is raised as soon as\n"
        "the rules allow; they did then. Until it is merged this branch is\n"
        "withdrawn when the evidence turns. Push to it and it is yours; delete it\n"
        "and it is not proposed again at tier 1.\n"
        "\n"
        "Rollout-Feature: search\n"
        "Rollout-Attempt: 1\n"
        "Rollout-Epoch: 1\n"
        "Environment: rollouts.d\n"
    )
    assert ring.remote.git("log", "-1", "--format=%an <%ae> %at", f"{PREFIX}/search") == (
        f"robot <robot@example.com> {int(row.at.timestamp())}"
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"tier": 1, "dwell": "48h"}, "at tier 1 for 0s of 48h", id="dwell not served"),
        pytest.param(
            {"tier": 1, "thresholds": {"min_exposed": 5}}, "0 exposed customers seen, 5 needed", id="no evidence"
        ),
        pytest.param({"tier": 1, "target": 1}, "its target, tier 1, is reached", id="target reached"),
        pytest.param({"tier": 0}, "the first strangers are for a person to ask for", id="nobody has it"),
    ],
)
def test_asks_for_nothing(ring: Ring, replica: Proposer, fields: Mapping[str, Any], why: str) -> None:
    ring.push({"search": fields})
    replica.tick()

    assert branches(ring).keys() == {"checkout"}
    assert replica.why("search").replace("1s of", "0s of").replace("2s of", "0s of") == why


def test_asks_for_nothing_while_it_is_paused(ring: Ring, replica: Proposer) -> None:
    ring.push({"search": LIVE})
    apply(ring)
    ring.push({"search": {"tier": 1, "paused": True}})
    replica.tick()

    assert branches(ring).keys() == {"checkout"}
    assert replica.why("search") == "the rollout is paused"


def test_asks_for_nothing_where_the_evidence_is_bad(ring: Ring, replica: Proposer) -> None:
    ring.push({"search": {"tier": 1, "thresholds": {"success_rate": 0.99, "error_rate": 0.5}}})
    apply(ring)
    ring.report("search", failing=2, healthy=38)
    replica.tick()

    assert branches(ring).keys() == {"checkout"}
    why = "2 of 40 exposed customers have an error since tier 1 began, 99 % must have none"
    assert replica.why("search") == why


def test_asks_for_nothing_in_a_freeze_and_keeps_what_is_asked_for(ring: Ring, replica: Proposer) -> None:
    ring.push({"search": LIVE})
    apply(ring)
    before = branches(ring)
    set_policy(ring, a_freeze())
    replica.tick()

    assert before.keys() == {"checkout"}
    assert replica.became(["checkout"]) == {"checkout": "kept"}
    assert replica.why("checkout") == replica.why("search") == "raises are frozen: sale"
    assert branches(ring) == before


def test_a_freeze_that_is_over_lets_it_ask(ring: Ring, replica: Proposer) -> None:
    ring.push({"search": LIVE})
    apply(ring)
    set_policy(ring, a_freeze())
    replica.tick()
    assert branches(ring).keys() == {"checkout"}

    set_policy(ring, {})
    replica.tick()
    assert branches(ring).keys() == {"checkout", "search"}


def test_asks_for_one_tier_after_another(ring: Ring, replica: Proposer) -> None:
    subjects = []
    for _ in range(3):
        subjects.append(asked(ring, "checkout"))
        merge(ring, "checkout")
        replica.tick()
    replica.tick()

    assert subjects == [
        ASKS,
        "Advance checkout: tier 2 -> 3 (10 % -> 50 %)",
        "Advance checkout: tier 3 -> 4 (50 % -> 100 %)",
    ]
    assert ring.states()["checkout"].standing.tier == 4
    assert branches(ring) == {}
    assert statuses(ring) == {"checkout": "merged"}


def merge(ring: Ring, feature: str) -> GitSandbox:
    """Merge the proposal of a feature, as a person does."""
    ring.pull()
    ring.person.git("merge", "--quiet", "--no-ff", "-m", "Merge", f"origin/{PREFIX}/{feature}")
    ring.person.git("push", "--quiet", "origin", "HEAD:main")
    return ring.person


def test_withdraws_it_when_errors_come(ring: Ring, replica: Proposer) -> None:
    ring.report("checkout", failing=12, healthy=10)
    replica.tick()

    assert branches(ring) == {}
    assert replica.worker.told("proposal-withdrawn") == [
        {
            "feature": "checkout",
            "tier": 2,
            "branch": f"refs/heads/{PREFIX}/checkout",
            "reason": "12 of 22 exposed customers have an error in the last 1h, the limit is 5 %",
        }
    ]


def test_asks_again_only_when_the_errors_are_old(ring: Ring, replica: Proposer) -> None:
    ring.push({"checkout": {"tier": 1, "thresholds": {"window": "60s", "success_rate": 0.5}}})
    ring.report("checkout", failing=2, healthy=10)
    replica.tick()
    assert branches(ring) == {}
    ring.report("checkout", failing=0, healthy=400)
    replica.tick()

    assert branches(ring) == {}
    assert replica.why("checkout").startswith("it was withdrawn: 2 of 12 exposed customers")
    [account] = replica.propose(["checkout"])
    assert account.until is not None
    assert timedelta() < account.until - datetime.now(UTC) <= timedelta(seconds=60)


def test_withdraws_it_when_it_is_rolled_back(ring: Ring, replica: Proposer) -> None:
    ring.roll_back("checkout")
    replica.tick()
    replica.tick()

    assert branches(ring) == {}
    assert statuses(ring) == {"checkout": "withdrawn"}
    [told] = replica.worker.told("proposal-withdrawn")
    assert told["reason"] == "attempt 1 was rolled back: double charges"
    assert replica.why("checkout") == "attempt 1 was rolled back: double charges"


def test_asks_again_in_the_next_attempt(ring: Ring, replica: Proposer) -> None:
    ring.roll_back("checkout")
    replica.tick()
    ring.push({"checkout": {"tier": 1, "attempt": 2, "rolled_back": 1}})
    replica.tick()

    assert asked(ring, "checkout") == ASKS
    assert rows(ring)["checkout"].attempt == 2


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"tier": 1, "paused": True}, "the rollout is paused", id="paused"),
        pytest.param({"tier": 1, "target": 1}, "its target, tier 1, is reached", id="target lowered"),
        pytest.param({"tier": 0}, "attempt 1 stands at tier 0 now", id="lowered"),
        pytest.param({"tier": 3}, "its file says so", id="raised by more than was asked for"),
        pytest.param(
            {"tier": 1, "thresholds": {"min_exposed": 3}}, "0 exposed customers seen, 3 needed", id="more evidence"
        ),
    ],
)
def test_ends_it_when_the_file_changes_its_mind(
    ring: Ring, replica: Proposer, fields: Mapping[str, Any], why: str
) -> None:
    ring.push({"checkout": fields})
    replica.tick()

    assert branches(ring) == {}
    assert rows(ring)["checkout"].note == why
    assert rows(ring)["checkout"].is_settled


def test_ends_it_when_the_file_is_gone(ring: Ring, replica: Proposer) -> None:
    ring.push({"checkout": {"tier": 1, "target": 1}})
    ring.push({"checkout": None, "search": LIVE})
    replica.tick()

    assert branches(ring).keys() == {"search"}
    assert statuses(ring)["checkout"] == "withdrawn"


def test_a_file_that_cannot_be_read_ends_nothing(ring: Ring, replica: Proposer) -> None:
    before = branches(ring)
    ring.pull()
    ring.person.commit({f"{ROOT}/checkout.yaml": "feature: checkout\ntier: [\n"})
    ring.person.git("push", "--quiet", "origin", "HEAD:main")
    replica.tick()

    assert branches(ring) == before
    assert replica.why("checkout").startswith("rollouts.d/checkout.yaml:")


def test_a_resumed_rollout_is_proposed_again(ring: Ring, replica: Proposer) -> None:
    ring.push({"checkout": {"tier": 1, "paused": True}})
    replica.tick()
    ring.push({"checkout": {"tier": 1, "paused": False}})
    replica.tick()

    assert asked(ring, "checkout") == ASKS
    assert statuses(ring) == {"checkout": "open"}


def test_a_base_that_moved_elsewhere_leaves_it_alone(ring: Ring, replica: Proposer) -> None:
    before = branches(ring)
    ring.push({"search": {"tier": 0}})
    replica.tick()

    assert branches(ring) == before


def test_a_file_that_changed_renews_it(ring: Ring, replica: Proposer) -> None:
    before = branches(ring)
    tip = ring.push({"checkout": {"tier": 1, "description": "the new one"}})
    replica.tick()

    assert branches(ring) != before
    assert ring.remote.git("rev-parse", f"{PREFIX}/checkout^") == tip
    assert 'description: "the new one"' in ring.content("checkout", f"{PREFIX}/checkout")
    assert replica.said("proposal-renewed") == ["checkout"]
    assert statuses(ring) == {"checkout": "open"}


def test_a_file_that_moved_renews_it(ring: Ring, replica: Proposer) -> None:
    ring.pull()
    ring.person.git("mv", f"{ROOT}/checkout.yaml", f"{ROOT}/moved.tmp")
    (ring.person.path / ROOT / "team").mkdir()
    ring.person.git("mv", f"{ROOT}/moved.tmp", f"{ROOT}/team/checkout.yaml")
    ring.person.commit(message="Move it")
    ring.person.git("push", "--quiet", "origin", "HEAD:main")
    replica.tick()

    assert ring.remote.git("show", f"{PREFIX}/checkout:{ROOT}/team/checkout.yaml").splitlines()[-1] == "tier: 2"


def test_a_tip_that_is_not_in_force_asks_for_nothing_more(ring: Ring, replica: Proposer) -> None:
    ring.push({"search": LIVE})
    apply(ring)
    ring.push({"basket": {"tier": 0}})
    [account] = replica.propose(["search"])

    assert account.became is Became.WAITING
    assert account.why.endswith("is not in force")
    assert branches(ring).keys() == {"checkout"}


def test_a_rehearsal_says_what_would_be_done_and_does_nothing(ring: Ring, replica: Proposer) -> None:
    ring.push({"search": LIVE, "basket": {"tier": 1, "dwell": "48h"}, "checkout": {"tier": 1, "owner": "shop"}})
    apply(ring)
    before = branches(ring), rows(ring)

    accounts = replica.propose(["basket", "checkout", "search"], is_rehearsal=True)
    assert {account.outlook.feature: account.became.value for account in accounts} == {
        "basket": "waiting",
        "checkout": "renewed",
        "search": "opened",
    }
    assert (branches(ring), rows(ring)) == before


@pytest.mark.parametrize("feature", ["a-b_c", "a", "x" * 63, "tier"])
def test_a_name_of_any_shape_gets_its_branch(ring: Ring, replica: Proposer, feature: str) -> None:
    ring.push({feature: LIVE})
    replica.tick()

    assert branches(ring).keys() == {"checkout", feature}
    assert asked(ring, feature) == f"Advance {feature}: tier 1 -> 2 (1 % -> 10 %)"


def test_every_other_byte_of_a_file_stays(ring: Ring, replica: Proposer) -> None:
    text = b"\xef\xbb\xbf# caf\xc3\xa9\r\nfeature: 'search'  # tier: 9\r\ntier:   1   # for now\r\nowner: \"shop\""
    ring.pull()
    ring.person.commit({f"{ROOT}/search.yaml": text})
    ring.person.git("push", "--quiet", "origin", "HEAD:main")
    replica.tick()
    ring.person.git("fetch", "--quiet", "origin")

    done = ring.person.git("cat-file", "-p", f"origin/{PREFIX}/search:{ROOT}/search.yaml")
    assert done == text.decode().replace("tier:   1 ", "tier:   2 ")
