"""What came of a check: golden text, Markdown and JSON."""

from __future__ import annotations

import pytest

from reconciler.domain.record import Finding, Unchecked, Verification
from reconciler.render.style import Style
from reconciler.render.verify import verification_json, verification_markdown, verification_text
from tests.builders.golden import matches_golden
from tests.builders.plans import IN_FORCE, TIP, ZONE

STYLE = Style(zone=ZONE)
COUNTS = {"rollouts": 80, "transitions": 1_204, "revisions": 31, "write_backs": 6, "telling_commits": 1}


def a_finding(feature: str, version: int | None, rule: str, what: str, remedy: str = "ask why") -> Finding:
    return Finding(feature=feature, version=version, rule=rule, what=what, remedy=remedy)


FINDINGS = (
    a_finding("", None, "schema", "the database lacks a rule: rollout_transitions.no_skip"),
    a_finding(
        "quick-pay",
        4,
        "says_what_its_commit_says",
        "its commit 9b8c7d6e5f says otherwise: tier 1, not 2; whitelist +1",
        "the product never writes that, postgres did at 2026-01-09 07:48:00 UTC: ask why; "
        "`reconciler apply` brings it to what its file says now",
    ),
    a_finding("quick-pay", None, "unknown_rollback", "3f2a91c1d2 tells of a rollback | <b> \x1b[31m @team"),
    a_finding("search", 2, "git_is_told", "git was told of it by 3f2a91c1d2, which is not on main"),
)
UNCHECKED = (
    Unchecked(
        what="4 commits can't be compared: this clone holds only a part of the history",
        remedy="run `git fetch --unshallow` (in CI: fetch-depth: 0), then verify again",
    ),
)


def a_verification(
    findings: tuple[Finding, ...] = FINDINGS, unchecked: tuple[Unchecked, ...] = UNCHECKED
) -> Verification:
    return Verification(
        root="rollouts.d", tip=TIP, in_force=IN_FORCE, counts=COUNTS, findings=findings, unchecked=unchecked
    )


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("txt", verification_text(a_verification(), STYLE)),
        ("md", verification_markdown(a_verification())),
        ("json", verification_json(a_verification())),
    ],
    ids=["text", "markdown", "json"],
)
def test_a_check_reads_as_its_golden_file(ending: str, text: str) -> None:
    matches_golden("verify", ending, text)


@pytest.mark.parametrize(
    ("findings", "unchecked", "verdict"),
    [
        ((), (), "everything fits"),
        ((), UNCHECKED, "everything that could be checked fits"),
        (FINDINGS[:1], (), "1 thing does not fit"),
        (FINDINGS[:2], UNCHECKED, "2 things do not fit"),
    ],
)
def test_the_last_line_is_the_verdict(
    findings: tuple[Finding, ...], unchecked: tuple[Unchecked, ...], verdict: str
) -> None:
    told = a_verification(findings, unchecked)

    assert verification_text(told, STYLE).splitlines()[-1] == verdict
    assert f"**{verdict}**" in verification_markdown(told)


def test_hundreds_of_findings_are_cut_on_a_page_and_counted() -> None:
    many = tuple(a_finding(f"feature-{number}", 1, "no_skip", "it skips a tier") for number in range(500))

    text, page = verification_text(a_verification(many), STYLE), verification_markdown(a_verification(many))

    assert "  ... and 490 more; `--output json` lists them all" in text
    assert text.splitlines()[-1] == "500 things do not fit"
    assert "... and 300 more" in page
