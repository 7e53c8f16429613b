"""`rollback`: off for everybody, now."""

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
    short_help="Take a feature from everybody at once.",
    examples=[
        ("reconciler rollback new-checkout --reason 'double charges'", "off within a second"),
        ("reconciler rollback new-checkout --reason '...' --remote origin", "and git is told right away"),
    ],
    exit_codes={0: "off for everybody; also when it was already", 1: "failed; try again", 64: "no such feature"},
)
@click.argument("feature", shell_complete=complete_feature)
@option("--reason", required=True, metavar="TEXT", help="Why; it stands in the history and in the commit.")
@output_options("text", "json")
@remote_options
@repository_options
@database_options
@actor_option
def rollback(*, feature: str, reason: str) -> int:
    """Take FEATURE from everybody at once, whitelisted customers too; git is told afterwards and may be down.

    It stays off, whatever is merged or applied, until a reviewed commit begins a new attempt. Twice is as good as
    once.
    """
    from contextlib import closing
    from uuid import uuid4

    from reconciler.cli.features import unknown_feature
    from reconciler.cli.invocation import invocation
    from reconciler.cli.prospects import store_for
    from reconciler.cli.running import write_back_now
    from reconciler.errors import EXIT_DONE, UsageError
    from reconciler.reconcile.override import Grounds, roll_back
    from reconciler.render.rollback import rollback_json, rollback_text
    from reconciler.settings import check_reason

    call = invocation("text", "json")
    grounds = Grounds(reason=check_reason(reason) or "", actor=call.settings.actor)
    with closing(store_for(call)) as store:
        with call.talk.step("rolling back"):
            try:
                done = roll_back(store, feature, grounds, uuid4)
            except UsageError:
                raise unknown_feature(feature, store.index().features) from None
        state = store.states([feature])[feature]
        if call.settings.remote is not None:
            write_back_now(call, store)
            state = store.states([feature])[feature]
    if call.output == "json":
        call.write(rollback_json(done.before, state, is_new=done.is_new))
    else:
        call.write(rollback_text(done.before, state, call.style, is_new=done.is_new))
    return EXIT_DONE
