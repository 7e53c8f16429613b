"""`verify`: all that the database says, checked by itself and against git."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.names import complete_feature
from reconciler.cli.options import actor_option, database_options, output_options, repository_options


@click.command(
    cls=HelpfulCommand,
    short_help="Check database and git against each other.",
    examples=[
        ("reconciler verify", "everything; names what does not fit"),
        ("reconciler verify new-checkout", "one rollout alone"),
        ("reconciler verify --branch origin/main --output json", "for a job that looks every night"),
    ],
    exit_codes={
        0: "everything fits that could be checked",
        1: "failed",
        3: "something does not fit",
        64: "no such feature",
    },
)
@click.argument("features", nargs=-1, metavar="[FEATURES]", shell_complete=complete_feature)
@output_options("text", "json", "markdown")
@repository_options
@database_options
@actor_option
def verify(*, features: tuple[str, ...]) -> int:
    """Check every transition against its commit, every rollback against git in both directions, and all by itself.

    It reads the whole chain, its log, the outbox and the rules of the schema, recomputes what the database's own
    rules keep, and changes nothing. Name features to check them alone.
    """
    from reconciler.cli.invocation import invocation
    from reconciler.cli.pages import show_verification
    from reconciler.cli.verifying import verified
    from reconciler.errors import EXIT_DONE, EXIT_REFUSED

    call = invocation("text", "json", "markdown")
    found = verified(call, features)
    show_verification(call, found)
    return EXIT_DONE if found.fits else EXIT_REFUSED
