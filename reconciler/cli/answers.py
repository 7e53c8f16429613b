"""What the process answers: the exit code of a plan and of an apply."""

from __future__ import annotations

from reconciler.errors import EXIT_CHANGES, EXIT_DONE, EXIT_FAILED, EXIT_REFUSED
from reconciler.render.view import OutcomeView, PlanView


def plan_code(view: PlanView) -> int:
    """Return 3 when somebody has something to mend, 2 when changes would be applied now, else 0."""
    if view.permission.is_stale:
        return EXIT_DONE
    is_forbidden = view.permission.refusal is not None and not view.permission.is_foreign
    if is_forbidden or view.plan.is_refused:
        return EXIT_REFUSED
    return EXIT_CHANGES if view.plan.changes else EXIT_DONE


def outcome_code(outcome: OutcomeView) -> int:
    """Return 1 when it failed or others never let it settle, 3 when somebody has something to mend, else 0."""
    if not outcome.is_settled or outcome.failures:
        return EXIT_FAILED
    if outcome.broken:
        return EXIT_REFUSED
    if outcome.view.permission.is_stale:
        return EXIT_DONE
    view = outcome.view
    return EXIT_REFUSED if view.permission.refusal is not None or view.plan.is_refused else EXIT_DONE
