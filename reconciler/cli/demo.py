"""`demo`: the whole ring in a minute."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.options import option, output_options


@click.command(
    cls=HelpfulCommand,
    short_help="Watch the whole ring in under a minute.",
    examples=[
        ("reconciler demo", "merge, climb, bug, rollback, commit, restart"),
        ("reconciler demo --keep", "and leave remote and database to look around in"),
    ],
    exit_codes={0: "played to its end", 1: "something did not come about; it is said what"},
)
@option("--keep", is_flag=True, help="Keep the remote and the database, and say how to look at them.")
@output_options("text")
def demo(*, keep: bool) -> int:
    """Play the whole ring: merge, promotion, errors, rollback, the commit in git, a refused revert, the restart.

    Everything is real: a bare git remote and a PostgreSQL in a folder of its own, 2,000 customers who ask through
    the client of applications, and the loop of `reconciler run`. Nothing outside that folder is touched.
    """
    from reconciler.cli.invocation import invocation
    from reconciler.cli.playing import played
    from reconciler.errors import EXIT_DONE

    played(invocation("text"), keep=keep)
    return EXIT_DONE
