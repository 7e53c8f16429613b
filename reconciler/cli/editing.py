"""What the commands that edit a definition share: where the edit goes, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from reconciler.cli.options import Decorated, option

if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation
    from reconciler.domain.definition import Definition
    from reconciler.domain.state import State
    from reconciler.reconcile.intents import Intent
    from reconciler.wiring.delivery import Order

CODES = {
    0: "edited; also when there was nothing to do",
    1: "failed; nothing is half written",
    3: "refused: the definition is invalid, or would be",
    64: "no such feature, or wrong usage",
}


def delivery_options(command: Decorated) -> Decorated:
    """Add what says where the edit goes."""
    for added in reversed(
        (
            option("--dry-run", is_flag=True, help="Show the edit, write nothing."),
            option("--commit", is_flag=True, help="Commit that file, and no other, on the current branch, as you."),
            option(
                "--to-branch",
                metavar="NAME",
                help="Commit on a new branch on top of the reviewed one: your files stay, and no hook runs.",
            ),
            option(
                "--push",
                is_flag=True,
                help="Push that branch with your git; makes rollout/... without --commit or --to-branch.",
            ),
            option("-m", "--message", metavar="TEXT", help="Message of the commit [what changes, in a line]."),
            option("--remote", metavar="NAME", help="Where --push goes [your git's remote for the branch]."),
        )
    ):
        command = added(command)
    return command


def carry_out(
    verb: str, feature: str, intend: Callable[[Definition, Invocation], Intent], given: Mapping[str, Any]
) -> int:
    """Make the edit that a command means, bring it where it is wanted, and tell of it."""
    from reconciler.cli.invocation import invocation, now
    from reconciler.cli.secrets import shown
    from reconciler.errors import EXIT_DONE
    from reconciler.render.edits import edit_json, edit_text
    from reconciler.wiring.delivery import Hands, delivered
    from reconciler.wiring.edits import Ask

    call = invocation("text", "json")
    order = _order(**given)
    ask = Ask(verb=verb, feature=feature, intend=lambda definition: intend(definition, call))
    hands = Hands(now=now(), say=lambda text: call.talk.note(shown(text)))
    view = delivered(call.settings, ask, order, hands)
    call.write(edit_json(view) if call.output == "json" else edit_text(view, call.style))
    return EXIT_DONE


def state_at_hand(call: Invocation, feature: str) -> State | None:
    """Return what the database that is named says of a feature; None without one, or when it gives no answer."""
    if call.settings.dsn is None:
        return None
    from reconciler.cli.prospects import store_for
    from reconciler.errors import ReconcilerError

    with suppress(ReconcilerError), closing(store_for(call)) as store:
        return store.states([feature]).get(feature)
    return None


def _order(
    *, dry_run: bool, commit: bool, to_branch: str | None, push: bool, message: str | None, remote: str | None
) -> Order:
    from reconciler.errors import UsageError
    from reconciler.wiring.delivery import Order

    if commit and to_branch is not None:
        raise UsageError("--commit and --to-branch name two different places for a commit; leave one out")
    # A variable may be meant for other calls.
    is_typed = click.get_current_context().get_parameter_source("message") is ParameterSource.COMMANDLINE
    if is_typed and not (commit or to_branch is not None or push):
        raise UsageError("--message is of a commit; add --commit, --to-branch or --push")
    if message is not None and not message.strip():
        raise UsageError("the message (--message) is empty; say it in a few words, or leave it out")
    return Order(
        dry_run=dry_run, commit=commit, message=message, branch=to_branch, push=push, remote=remote or None
    )
