"""`history`: what happened to a feature: when, why and by whom."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.names import complete_feature
from reconciler.cli.options import actor_option, database_options, output_options, repository_options


@click.command(
    cls=HelpfulCommand,
    short_help="Show what happened to a feature.",
    examples=[("reconciler history new-checkout", "oldest first, with commits and reasons")],
    exit_codes={0: "shown", 64: "no such feature"},
)
@click.argument("feature", shell_complete=complete_feature)
@output_options("text", "json", "markdown")
@repository_options
@database_options
@actor_option
def history(*, feature: str) -> int:
    """Show every transition of FEATURE: when, from tier to tier, because of which commit, by whom and why."""
    from contextlib import closing

    from reconciler.cli.features import unknown_feature
    from reconciler.cli.invocation import invocation
    from reconciler.cli.pages import show_history
    from reconciler.cli.prospects import store_for
    from reconciler.errors import EXIT_DONE

    call = invocation("text", "json", "markdown")
    with closing(store_for(call)) as store:
        transitions = store.history(feature)
        if not transitions:
            raise unknown_feature(feature, store.index().features)
    show_history(call, feature, transitions)
    return EXIT_DONE
