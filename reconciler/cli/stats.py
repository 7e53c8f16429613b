"""`stats`: how rollouts fare."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.names import complete_feature
from reconciler.cli.options import actor_option, database_options, option, output_options, repository_options


@click.command(
    cls=HelpfulCommand,
    short_help="Show customers, errors and verdicts.",
    examples=[
        ("reconciler stats", "every rollout, a line each"),
        ("reconciler stats new-checkout", "one of them in full, with what would roll it back"),
        ("reconciler stats new-checkout --watch", "again every two seconds, until Ctrl-C"),
    ],
    exit_codes={0: "shown, whatever the verdict", 64: "no such feature"},
)
@click.argument("features", nargs=-1, metavar="[FEATURES]", shell_complete=complete_feature)
@option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C; as JSON an object a line.")
@option(
    "--interval",
    type=click.FloatRange(0.2, 3600),
    default=2.0,
    metavar="SECONDS",
    help="How often with --watch [2].",
)
@output_options("text", "json")
@repository_options
@database_options
@actor_option
def stats(*, features: tuple[str, ...], watch: bool, interval: float) -> int:
    """Show how rollouts fare: customers seen, with the feature, with an error; rate, limit and verdict.

    A customer counts once, however often they were seen. A rollout is unhealthy by its window, or by all since
    the tier began when too few of them had no error.
    """
    from contextlib import closing

    from reconciler.cli.invocation import invocation
    from reconciler.cli.prospects import store_for
    from reconciler.cli.watching import repeated, statistics_of
    from reconciler.errors import EXIT_DONE
    from reconciler.render.statistics import statistics_json, statistics_text

    call = invocation("text", "json")
    with closing(store_for(call)) as store:

        def page() -> str:
            found = statistics_of(store, features)
            if call.output == "json":
                return statistics_json(found, is_line=watch)
            return statistics_text(found, call.style)

        if watch:
            repeated(call, page, interval)
        else:
            call.write(page())
    return EXIT_DONE
