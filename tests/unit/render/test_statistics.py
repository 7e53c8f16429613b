"""How rollouts fare, as people and programs read it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.domain.analysis import Cohort, Tallies, Tally
from reconciler.domain.statistics import Statistics
from reconciler.render.rates import percent, points
from reconciler.render.statistics import fares, statistics_json, statistics_text
from reconciler.render.style import Style
from tests.builders.domain import some_statistics

PAGE = """\
checkout  ■□□□ tier 1 · 1 %, attempt 1  unhealthy

                       last 1h  since tier 1 began
customers seen             500                 500
with the feature           100                 100
of them with an error       12                  12
error rate                12 %                12 %
success rate              88 %                88 %

12 of 100 customers with an error in the window roll it back: above 5 % with
99 % certainty
`reconciler run` takes it from everybody at once; by hand: `reconciler rollback`
error rate with the feature 12 %, without 1 % (4 of 400): +11.0 points, 95 %
interval +5.8 to +18.8
"""
TABLE = """\
feature   shown  seen   on  errors  rate  limit  verdict
checkout    1 %   500  100      12  12 %     12  unhealthy
search      0 %     0    0       0     -      -  -

customers since the tier began; limit: with an error in the window, they roll it
back
2 rollouts, 1 unhealthy
"""


def checkout() -> Statistics:
    return some_statistics(exposed=(100, 12), unexposed=(400, 4), confidence=0.99)


def test_one_rollout_is_shown_in_full() -> None:
    assert statistics_text([checkout()], Style()) == PAGE


def test_many_rollouts_are_a_table() -> None:
    assert statistics_text([checkout(), some_statistics("search", 0)], Style()) == TABLE


def test_a_narrow_page_leaves_out_what_can_be_spared() -> None:
    [titles, *_] = statistics_text([checkout(), some_statistics("search", 0)], Style(width=45)).splitlines()

    assert titles == "feature    on  errors  rate  limit  verdict"


def test_a_bad_epoch_is_named_as_the_cause() -> None:
    bad, good = Cohort(customers=100, failing=12), Cohort(customers=100)
    tallies = Tallies(window=Tally(customers=100, exposed=good), epoch=Tally(customers=100, exposed=bad))
    text = " ".join(statistics_text([replace(some_statistics(), tallies=tallies)], Style()).split())

    assert "88 % since the tier began had no error, 95 % must: unhealthy by that" in text


@pytest.mark.parametrize("tier", [0, 4])
def test_where_no_raise_follows_no_promotion_is_spoken_of(tier: int) -> None:
    found = replace(some_statistics("a", tier, exposed=(9, 0)), status="planned" if not tier else "completed")

    assert "promotion" not in statistics_text([found], Style())


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        pytest.param(some_statistics("a", 2), "insufficient", id="no evidence yet"),
        pytest.param(some_statistics("a", 0), "-", id="nobody has it"),
        pytest.param(some_statistics("a", 0, exposed=(3, 3)), "unhealthy", id="whitelisted customers have it"),
    ],
)
def test_too_few_customers_are_news_only_where_a_raise_can_follow(found: Statistics, shown: str) -> None:
    text = statistics_text([found, some_statistics("b")], Style())

    assert text.splitlines()[1].split()[-1] == shown


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param(some_statistics(), "nobody with the feature was seen in the window", id="nobody"),
        pytest.param(
            some_statistics(exposed=(1, 0), confidence=0.99),
            "a single customer with an error would not roll it back",
            id="one, and certainty asked for",
        ),
        pytest.param(some_statistics(exposed=(1, 0)), "1 of 1 customer with an error in the window", id="one"),
        pytest.param(
            some_statistics(exposed=(3, 0), error_rate=1.0),
            "all of 3 customers with an error would not roll it back",
            id="a rate that nothing is above",
        ),
        pytest.param(
            some_statistics(exposed=(3, 0), min_exposed=20),
            "promotion needs 20 customers with the feature, 3 seen",
            id="too few to promote",
        ),
        pytest.param(
            some_statistics(exposed=(50, 1), unexposed=(50, 1)), "no difference shown", id="no difference"
        ),
    ],
)
def test_says_what_would_happen(found: Statistics, told: str) -> None:
    assert told in " ".join(statistics_text([found], Style()).split())


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (some_statistics(), ""),
        (
            some_statistics(exposed=(1_000, 7)),
            "7 of 1,000 customers with an error in the last 1h, 51 roll it back",
        ),
        (
            some_statistics(exposed=(1, 0), confidence=0.99),
            "0 of 1 customer with an error in the last 1h, too few to roll it back",
        ),
    ],
)
def test_says_in_a_line_how_it_fares(found: Statistics, line: str) -> None:
    assert fares(found) == line


def test_programs_get_every_count_and_limit() -> None:
    [rollout] = json.loads(statistics_json([checkout()]))["rollouts"]

    cohort = {"customers": 100, "failing": 12, "error_rate": 0.12, "success_rate": 0.88}
    assert (rollout["verdict"], rollout["is_tripped"], rollout["errors_needed"]) == ("unhealthy", True, 12)
    assert (rollout["window"]["exposed"], rollout["epoch"]["exposed"]) == (cohort, cohort)
    assert (rollout["window"]["seconds"], rollout["window"]["customers"]) == (3600, 500)
    assert rollout["comparison"]["difference"] == pytest.approx(0.11)


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, "-"), (0.0, "0 %"), (0.05, "5 %"), (0.125, "12.5 %"), (0.0004, "0.04 %"), (1.0, "100 %")],
)
def test_rates_have_the_digits_they_need(rate: float | None, text: str) -> None:
    assert percent(rate) == text


@pytest.mark.parametrize(("difference", "text"), [(0.0, "+0.0"), (0.012, "+1.2"), (-0.5, "-50.0")])
def test_differences_have_their_sign(difference: float, text: str) -> None:
    assert points(difference) == text
