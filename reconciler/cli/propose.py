"""`propose`: a branch with a one-line commit for each rollout that may climb."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.names import complete_feature
from reconciler.cli.options import (
    actor_option,
    database_options,
    option,
    output_options,
    remote_options,
    repository_options,
)


@click.command(
    cls=HelpfulCommand,
    short_help="Ask for one tier more, on branches, where dwell and evidence are there.",
    examples=[
        ("reconciler propose --remote origin", "a branch for each rollout that may climb"),
        ("reconciler propose new-checkout --remote origin --dry-run", "would it, and if not, why"),
        ("reconciler run --remote origin --propose", "the same again and again"),
    ],
    exit_codes={
        0: "done; also when nothing may climb",
        1: "the remote refused a branch, or can't be reached; try again",
        64: "wrong usage, or no such feature",
    },
)
@click.argument("features", nargs=-1, metavar="[FEATURES]", shell_complete=complete_feature)
@option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@output_options("text", "json")
@remote_options
@repository_options
@database_options
@actor_option
def propose(*, features: tuple[str, ...], dry_run: bool) -> int:
    """Keep a branch propose/ROOT/FEATURE, for a pull request, for each rollout that may climb; FEATURES name some.

    Its one commit raises `tier` by one, with the evidence in its message. It is renewed when the file changes and
    withdrawn when the evidence turns or a rollback comes. Push to it and it is yours; delete it and it is not
    proposed again at this tier. Tier 1, the first strangers, is never proposed.
    """
    from reconciler.cli.invocation import invocation
    from reconciler.cli.proposing import proposed

    return proposed(invocation("text", "json"), features, is_rehearsal=dry_run)
