"""What an apply came to, in the words of the oracle, and how far what is stored is from what it expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from reconciler.reconcile.apply import Outcome
from tests import oracle

OPEN = {oracle.HELD, oracle.REFUSED}


def same(rows: Mapping[str, oracle.Feature], model: oracle.Model) -> None:
    """Fail, and name what is apart, unless these rows are what the model holds."""
    apart = {
        f"{name}.{fact.name}": (getattr(rows.get(name), fact.name, None), getattr(row, fact.name))
        for name, row in model.features.items()
        for fact in fields(oracle.Feature)
        if getattr(rows.get(name), fact.name, None) != getattr(row, fact.name)
    }
    assert not apart, f"(what is, what should be): {apart}"
    assert rows.keys() == model.features.keys()


def answered(outcome: Outcome | None) -> oracle.Expected:
    """Return what became of an apply, with the features that are held and refused."""
    nothing = oracle.Model()
    if outcome is None:
        return oracle.Expected(model=nothing, outcome=oracle.FORBIDDEN)
    assert (outcome.conflicts, outcome.broken, outcome.failures, outcome.is_settled) == ((), (), (), True)
    if outcome.is_stale:
        return oracle.Expected(model=nothing, outcome=oracle.STALE)
    if outcome.plan.is_blocked:
        return oracle.Expected(model=nothing, outcome=oracle.UNSAFE)
    held = {hold.feature: oracle.HELD for hold in outcome.plan.holds}
    refused = {refusal.feature: oracle.REFUSED for refusal in outcome.plan.refusals}
    return oracle.Expected(model=nothing, outcome=oracle.APPLIED, answers=held | refused)
