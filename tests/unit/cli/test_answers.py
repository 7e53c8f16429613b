"""The exit code of every plan and every outcome."""

from __future__ import annotations

import pytest

from reconciler.cli.answers import outcome_code, plan_code
from reconciler.domain.revision import Permission
from reconciler.render.view import BrokenRule, OutcomeView, PlanView
from tests.builders.plans import a_creation, a_demotion, a_hold, a_problem, a_promotion, a_refusal, a_view

STALE = Permission(is_stale=True)
REFUSED = Permission(refusal="rewritten")
BROKEN = (BrokenRule(change=a_promotion(), rule="no_skip", reason="skipped"),)


@pytest.mark.parametrize(
    ("view", "code"),
    [
        pytest.param(a_view(), 0, id="in sync"),
        pytest.param(a_view(holds=(a_hold(),)), 0, id="only holds"),
        pytest.param(a_view(a_creation()), 2, id="changes"),
        pytest.param(a_view(a_creation(), holds=(a_hold(),)), 2, id="changes and holds"),
        pytest.param(a_view(a_creation(), refusals=(a_refusal(),)), 3, id="a refusal beside changes"),
        pytest.param(a_view(problems=(a_problem(),)), 3, id="a problem"),
        pytest.param(a_view(a_demotion(), unsafe="too many"), 3, id="unsafe"),
        pytest.param(a_view(a_demotion(), unsafe="too many", unsafe_allowed="meant"), 2, id="unsafe and allowed"),
        pytest.param(a_view(a_demotion(), permission=STALE), 0, id="older than what is in force"),
        pytest.param(a_view(permission=REFUSED), 3, id="a revision that may not be applied"),
    ],
)
def test_a_plan_answers(view: PlanView, code: int) -> None:
    assert plan_code(view) == code


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        pytest.param(OutcomeView(view=a_view()), 0, id="in sync"),
        pytest.param(OutcomeView(view=a_view(holds=(a_hold(),)), done=(a_creation(),)), 0, id="done, some held"),
        pytest.param(OutcomeView(view=a_view(refusals=(a_refusal(),)), done=(a_creation(),)), 3, id="some refused"),
        pytest.param(OutcomeView(view=a_view(problems=(a_problem(),))), 3, id="some invalid"),
        pytest.param(OutcomeView(view=a_view(unsafe="too many")), 3, id="unsafe"),
        pytest.param(OutcomeView(view=a_view(), broken=BROKEN), 3, id="refused by the database"),
        pytest.param(OutcomeView(view=a_view(refusals=(a_refusal(),), permission=STALE)), 0, id="nothing to do"),
        pytest.param(OutcomeView(view=a_view(), conflicts=("lost",)), 0, id="conflicts that settled"),
        pytest.param(OutcomeView(view=a_view(), is_settled=False), 1, id="conflicts that did not"),
    ],
)
def test_an_apply_answers(outcome: OutcomeView, code: int) -> None:
    assert outcome_code(outcome) == code
