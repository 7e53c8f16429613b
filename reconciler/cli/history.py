"""`history`: what happened to a feature: when, why, by whom and because of which commit."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.names import complete_feature
from reconciler.cli.options import actor_option, database_options, output_options, repository_options


@click.command(
    cls=HelpfulCommand,
    short_help="Show what happened to a feature.",
    examples=[
        ("reconciler history new-checkout", "oldest first: commits, transitions, evidence"),
        ("reconciler history new-checkout --output json", "for programs"),
    ],
    exit_codes={0: "shown; without git the transitions alone", 64: "no such feature"},
)
@click.argument("feature", shell_complete=complete_feature)
@output_options("text", "json", "markdown")
@repository_options
@database_options
@actor_option
def history(*, feature: str) -> int:
    """Show the past of FEATURE, oldest first: commits that changed its file, each with the transitions it caused.

    What errors or a person did stands between them, with the evidence and how git was told. A commit that nothing
    came of says why: not applied yet, superseded, or nothing to change.
    """
    from reconciler.cli.invocation import invocation
    from reconciler.cli.pages import show_history
    from reconciler.cli.pasts import past_of
    from reconciler.errors import EXIT_DONE

    call = invocation("text", "json", "markdown")
    show_history(call, past_of(call, feature))
    return EXIT_DONE
