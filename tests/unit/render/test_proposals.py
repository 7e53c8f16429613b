"""What is said of proposals: the message of the commit, and the pages of `propose`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.domain.analysis import NO_EVIDENCE, Cohort, Evidence, Verdict
from reconciler.domain.impact import Impact
from reconciler.domain.ladder import Tier
from reconciler.domain.proposal import Account, Became, Outlook
from reconciler.render.messages import proposal_message
from reconciler.render.proposals import proposals_json, proposals_text
from reconciler.render.style import Style
from tests.builders.domain import NOW, a_state, hours, some_gates
from tests.builders.golden import matches_golden

SEEN = Evidence(verdict=Verdict.HEALTHY, window=Cohort(customers=40), epoch=Cohort(customers=412, failing=3))
ACCOUNTS = (
    ("new-checkout", 2, Became.OPENED, {"commit": "1" * 40}),
    ("basket", 1, Became.RENEWED, {"commit": "2" * 40}),
    ("search", 3, Became.KEPT, {"commit": "3" * 40, "why": "raises are frozen: sale", "until": NOW + hours(30)}),
    ("banner", 1, Became.WITHDRAWN, {"why": "12 of 100 exposed customers have an error in the last 1h"}),
    ("wishlist", 1, Became.REFUSED, {"commit": "4" * 40, "why": "the remote refused: protected branch"}),
    ("dark-mode", 2, Became.MERGED, {"why": "its file says so; `reconciler plan` tells what that waits for"}),
    ("upsell", 1, Became.TOUCHED, {"why": "a person changed its branch, which is theirs now"}),
    (
        "gift",
        1,
        Became.DECLINED,
        {"why": "its branch was deleted; it is proposed again at the next tier or attempt"},
    ),
    (
        "coupon",
        0,
        Became.WAITING,
        {"why": "the first strangers are for a person to ask for", "remedy": "set `tier: 1`"},
    ),
    ("reviews", 1, Became.WAITING, {"why": "at tier 1 for 2h of 48h", "until": NOW + hours(46)}),
)


def an_account(feature: str, tier: int, became: Became, named: dict[str, Any]) -> Account:
    """Return what became of a feature; it has a branch unless it waits."""
    outlook = Outlook(feature=feature, state=a_state(tier, feature=feature))
    branch = None if became is Became.WAITING else f"refs/heads/propose/rollouts.d/{feature}"
    return replace(Account(outlook=outlook, became=became, branch=branch), **named)


def message(evidence: Evidence = SEEN, impact: Impact | None = None, **gates: Any) -> list[str]:
    """Return the paragraphs of the message for tier 2 -> 3."""
    outlook = Outlook(
        feature="checkout", state=a_state(2, served=hours(50)), gates=some_gates(**gates), evidence=evidence
    )
    return proposal_message(outlook, impact, "rollouts.d/production", NOW).split("\n\n")


def test_the_message_says_what_why_and_what_next() -> None:
    assert "\n\n".join(message(impact=Impact(seen=1200, gained=480))) == (
        "Advance checkout: tier 2 -> 3 (10 % -> 50 %)\n\n"
        "At tier 2 since Sat 2026-02-28 07:00:00 UTC. Its dwell of 48h was served\n"
        "on Mon 2026-03-02 07:00:00 UTC.\n\n"
        "3 of 412 exposed customers have an error since then; 95 % must have\n"
        "none. In the last 1h 0 of 40 exposed customers have an error. Of 40\n"
        "within 1h, 3 with an error would roll it back (limit 5 %).\n\n"
        "Of 1200 customers that were seen with it, 480 gain it.\n\n"
        "As of Mon 2026-03-02 09:00:00 UTC. Once merged, it is raised as soon as\n"
        "the rules allow; they did then. Until it is merged this branch is\n"
        "withdrawn when the evidence turns. Push to it and it is yours; delete it\n"
        "and it is not proposed again at tier 2.\n\n"
        "Rollout-Feature: checkout\nRollout-Attempt: 1\nRollout-Epoch: 2\nEnvironment: rollouts.d/production\n"
    )


@pytest.mark.parametrize(
    ("evidence", "gates", "expected"),
    [
        pytest.param(
            NO_EVIDENCE,
            {"min_exposed": 0},
            "Nobody was seen with it; with `thresholds.min_exposed: 0` it needs no\nevidence.",
            id="without evidence",
        ),
        pytest.param(
            replace(SEEN, window=Cohort()),
            {"error_rate": 0.01},
            "3 of 412 exposed customers have an error since then; 95 % must have\n"
            "none. Of 412 within 1h, 5 with an error would roll it back (limit 1 %).",
            id="nobody in the window",
        ),
        pytest.param(
            Evidence(verdict=Verdict.HEALTHY, window=Cohort(customers=1), epoch=Cohort(customers=1)),
            {"confidence": 0.99, "dwell": timedelta(days=7)},
            "0 of 1 exposed customers have an error since then; 95 % must have none.\n"
            "In the last 1h 0 of 1 exposed customers have an error. With so few, no\n"
            "number of errors rolls it back (limit 5 %).",
            id="too few to roll back",
        ),
    ],
)
def test_the_message_says_what_the_evidence_is(evidence: Evidence, gates: dict[str, Any], expected: str) -> None:
    assert message(evidence, **gates)[2] == expected


def test_the_message_says_of_a_sample_that_it_is_one() -> None:
    said = message(impact=Impact(seen=100_000, gained=40_000, is_sample=True))
    assert said[3] == "Of 100000 customers of a sample that were seen with it, 40000 gain it."


@pytest.mark.parametrize(("name", "is_rehearsal"), [("proposals", False), ("proposals-rehearsed", True)])
def test_a_page_names_each_feature_the_news_first(name: str, *, is_rehearsal: bool) -> None:
    accounts = [an_account(*each) for each in ACCOUNTS]

    matches_golden(name, "txt", proposals_text(accounts, NOW, Style(), is_rehearsal=is_rehearsal))
    matches_golden(name, "json", proposals_json(accounts, "rollouts.d", "c" * 40, is_rehearsal=is_rehearsal))


def test_a_page_without_features_says_so() -> None:
    said = proposals_text([], NOW, Style(), is_rehearsal=False)
    assert said == "nothing to propose: no rollout is under way\n"


def test_a_long_list_is_cut() -> None:
    many = [an_account(f"feature-{number}", 1, Became.WAITING, {"why": "paused"}) for number in range(40)]
    said = proposals_text(many, NOW, Style(), is_rehearsal=False)

    assert "  ... and 30 more; `--output json` lists them all\n" in said
    assert said.endswith("\n40 not proposed\n")


def test_what_would_be_asked_for_ends_at_the_top() -> None:
    assert Outlook(feature="checkout", state=a_state(4)).asked is Tier.FULL
