"""`status`: where every rollout stands, and what comes next."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.options import (
    actor_option,
    database_options,
    output_options,
    remote_options,
    repository_options,
)


@click.command(
    cls=HelpfulCommand,
    short_help="Show every rollout and what it waits for.",
    examples=[
        ("reconciler status", "every rollout of this repository"),
        ("reconciler status --output json", "for programs"),
    ],
    exit_codes={
        0: "in sync, or everything open is only held",
        2: "changes would be applied now",
        3: "something is refused or invalid",
    },
)
@output_options("text", "json", "markdown")
@remote_options
@repository_options
@database_options
@actor_option
def status() -> int:
    """Show every rollout: tier, attempt, how much of its dwell is served, and what it waits for next."""
    import os
    from dataclasses import replace
    from datetime import UTC

    from reconciler.cli.answers import plan_code
    from reconciler.cli.invocation import invocation
    from reconciler.cli.pages import show_status
    from reconciler.cli.prospects import view_of, workplace
    from reconciler.render.status import Observations, status_view
    from reconciler.settings import without_login
    from reconciler.wiring.database import described

    call = invocation("text", "json", "markdown")
    with workplace(call) as place:
        prospect = place.planned(with_policy=True)
        view = view_of(prospect)
        observed = Observations(
            states=place.store.states(None),
            statistics=place.statistics(),
            place=described(call.settings, place.repository.top, os.environ),
            remote=without_login(call.settings.remote),
            untold=[each for each in place.store.write_backs(all_of_them=True) if not each.is_told],
        )
    # Programs get the same text wherever they run.
    style = replace(call.style, zone=UTC) if call.output == "json" else call.style
    show_status(call, status_view(view, observed, prospect.desired.policy, style))
    return plan_code(view)
