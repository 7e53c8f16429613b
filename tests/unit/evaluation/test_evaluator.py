"""Who has a feature: precedence, reasons, and what raising and lowering do to customers."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.evaluation.bucketing import bucket
from reconciler.evaluation.evaluator import Evaluation, Reason, explain, is_enabled
from reconciler.evaluation.snapshot import Rollout

PLACE = bucket("checkout", "ada")
EXPOSURES = (0, 1, 10, 50, 100)
LISTS = st.frozensets(st.sampled_from(["ada", "bob", "cy"]))


def a_rollout(exposure: int = 0, **named: object) -> Rollout:
    return Rollout(feature="checkout", tier=EXPOSURES.index(exposure), exposure=exposure, **named)  # type: ignore[arg-type]


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    whitelist = draw(LISTS)
    return a_rollout(
        draw(st.sampled_from(EXPOSURES)),
        whitelist=whitelist,
        blacklist=draw(LISTS) - whitelist,
        is_rolled_back=draw(st.booleans()),
    )


@pytest.mark.parametrize(
    ("rollout", "answer", "reason"),
    [
        pytest.param(a_rollout(100, blacklist=frozenset({"ada"})), False, Reason.BLACKLISTED, id="blacklist"),
        pytest.param(
            a_rollout(0, blacklist=frozenset({"ada"}), is_rolled_back=True),
            False,
            Reason.BLACKLISTED,
            id="blacklist before rollback",
        ),
        pytest.param(
            a_rollout(0, whitelist=frozenset({"ada"}), is_rolled_back=True),
            False,
            Reason.ROLLED_BACK,
            id="rollback before whitelist",
        ),
        pytest.param(
            a_rollout(0, whitelist=frozenset({"ada"})), True, Reason.WHITELISTED, id="whitelist at tier 0"
        ),
        pytest.param(a_rollout(100), True, Reason.BUCKET_INSIDE, id="everybody"),
        pytest.param(a_rollout(0), False, Reason.BUCKET_OUTSIDE, id="nobody"),
    ],
)
def test_the_first_reason_that_fits_decides(rollout: Rollout, answer: bool, reason: Reason) -> None:
    told = explain({"checkout": rollout}, "checkout", "ada")

    place = PLACE if reason in {Reason.BUCKET_INSIDE, Reason.BUCKET_OUTSIDE} else None
    assert told == Evaluation(is_enabled=answer, reason=reason, bucket=place, rollout=rollout)


@pytest.mark.parametrize("default", [False, True])
def test_of_an_unknown_feature_the_default_is_told(default: bool) -> None:
    assert is_enabled({}, "checkout", "ada", default) is default
    assert explain({}, "checkout", "ada", default=default) == Evaluation(
        is_enabled=default, reason=Reason.UNKNOWN_FEATURE
    )


@pytest.mark.parametrize(("exposure", "answer"), [(PLACE, False), (PLACE + 1, True)])
def test_a_customer_is_inside_when_the_bucket_is_below_the_exposure(exposure: int, answer: bool) -> None:
    rollout = Rollout(feature="checkout", tier=1, exposure=exposure)

    assert is_enabled({"checkout": rollout}, "checkout", "ada") is answer


@given(rollouts(), st.sampled_from(["ada", "bob", "cy", "dee"]))
def test_the_answer_is_the_same_with_and_without_its_reason(rollout: Rollout, customer: str) -> None:
    known = {"checkout": rollout}

    assert is_enabled(known, "checkout", customer) is explain(known, "checkout", customer).is_enabled


@given(st.text(max_size=40).filter(lambda text: text.isprintable()), LISTS, LISTS)
def test_raising_takes_from_nobody_and_lowering_takes_the_buckets_above(
    customer: str, whitelist: frozenset[str], blacklist: frozenset[str]
) -> None:
    lists = {"whitelist": whitelist, "blacklist": blacklist - whitelist}
    answers = [is_enabled({"checkout": a_rollout(each, **lists)}, "checkout", customer) for each in EXPOSURES]

    assert answers == sorted(answers)
    if customer not in whitelist | blacklist:
        assert answers == [bucket("checkout", customer) < exposure for exposure in EXPOSURES]


def test_importing_the_evaluator_loads_next_to_nothing() -> None:
    script = (
        "import sys; before = set(sys.modules); import reconciler.evaluation.evaluator;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before"
        " if name.partition('.')[0] not in sys.stdlib_module_names}))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["mmh3", "reconciler"]
