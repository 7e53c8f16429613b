"""Writes a result in the format that was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.cli.invocation import Invocation
from reconciler.domain.problem import Problem
from reconciler.domain.record import Verification
from reconciler.domain.timeline import Timeline
from reconciler.render.status import StatusView
from reconciler.render.view import OutcomeView, PlanView


def show_plan(call: Invocation, view: PlanView) -> None:
    """Write a plan."""
    match call.output:
        case "json":
            from reconciler.render.documents import plan_json

            call.write(plan_json(view))
        case "markdown":
            from reconciler.render.markdown import plan_markdown

            call.write(plan_markdown(view, call.style))
        case _:
            from reconciler.render.plan_text import plan_text

            call.write(plan_text(view, call.style))


def show_outcome(call: Invocation, outcome: OutcomeView) -> None:
    """Write what an apply did."""
    match call.output:
        case "json":
            from reconciler.render.documents import outcome_json

            call.write(outcome_json(outcome))
        case "markdown":
            from reconciler.render.markdown import outcome_markdown

            call.write(outcome_markdown(outcome, call.style))
        case _:
            from reconciler.render.plan_text import outcome_text

            call.write(outcome_text(outcome, call.style))


def show_problems(call: Invocation, problems: Sequence[Problem], *, revision: str, root: str, files: int) -> None:
    """Write what is wrong with the definitions."""
    match call.output:
        case "json":
            from reconciler.render.documents import problems_json

            call.write(problems_json(problems, revision=revision, root=root, files=files))
        case "markdown":
            from reconciler.render.markdown import problems_markdown

            call.write(problems_markdown(problems, files=files))
        case "github":
            from reconciler.render.problems import problems_github

            call.write(problems_github(problems))
        case _:
            from reconciler.render.problems import problems_text

            call.write(problems_text(problems, call.style, files=files))


def show_history(call: Invocation, timeline: Timeline) -> None:
    """Write the past of a feature."""
    match call.output:
        case "json":
            from reconciler.render.timeline import history_json

            call.write(history_json(timeline))
        case "markdown":
            from reconciler.render.markdown import history_markdown

            call.write(history_markdown(timeline, call.style))
        case _:
            from reconciler.render.timeline import history_text

            call.write(history_text(timeline, call.style))


def show_verification(call: Invocation, found: Verification) -> None:
    """Write what came of a check."""
    from reconciler.render import verify

    match call.output:
        case "json":
            call.write(verify.verification_json(found))
        case "markdown":
            call.write(verify.verification_markdown(found))
        case _:
            call.write(verify.verification_text(found, call.style))


def show_status(call: Invocation, status: StatusView) -> None:
    """Write where every rollout stands."""
    match call.output:
        case "json":
            from reconciler.render.documents import status_json

            call.write(status_json(status))
        case "markdown":
            from reconciler.render.markdown import status_markdown

            call.write(status_markdown(status))
        case _:
            from reconciler.render.status_text import status_text

            call.write(status_text(status, call.style))
