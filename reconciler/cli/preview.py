"""`preview`: whom another tier would move."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.names import complete_feature
from reconciler.cli.options import actor_option, database_options, option, output_options, repository_options


@click.command(
    cls=HelpfulCommand,
    short_help="Count whom another tier would move.",
    examples=[("reconciler preview new-checkout --tier 2", "before you ask for it in a pull request")],
    exit_codes={0: "counted; nothing is changed", 64: "no such feature"},
)
@click.argument("feature", shell_complete=complete_feature)
@option("--tier", type=click.IntRange(0, 4), required=True, metavar="N", help="The tier to look at, 0 to 4.")
@output_options("text", "json")
@repository_options
@database_options
@actor_option
def preview(*, feature: str, tier: int) -> int:
    """Count how many of the customers seen with FEATURE would gain or lose it at another tier; changes nothing.

    Whether that tier may be had, and when, is what `plan` says.
    """
    from contextlib import closing
    from dataclasses import replace

    from reconciler.cli.features import unknown_feature
    from reconciler.cli.invocation import invocation
    from reconciler.cli.prospects import store_for
    from reconciler.domain.ladder import Tier
    from reconciler.errors import EXIT_DONE
    from reconciler.reconcile.impact import impact_of
    from reconciler.render.answer import preview_json, preview_text

    call = invocation("text", "json")
    with closing(store_for(call)) as store:
        state = store.states([feature]).get(feature)
        if state is None:
            raise unknown_feature(feature, store.index().features)
        # A tier can only be had by an attempt that was not rolled back.
        after = replace(state.standing, tier=Tier(tier), rolled_back=False)
        impact = impact_of(store, feature, state.standing, after)
    if call.output == "json":
        call.write(preview_json(state, Tier(tier), impact))
    else:
        call.write(preview_text(state, Tier(tier), impact, call.style))
    return EXIT_DONE
