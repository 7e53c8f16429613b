"""`advance`, `pause`, `resume`, `restart`, `allow` and `deny`: edits of a definition, for review like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.editing import CODES, carry_out, delivery_options
from reconciler.cli.help import HelpfulCommand
from reconciler.cli.names import complete_feature
from reconciler.cli.options import database_options, option, output_options, repository_options

if TYPE_CHECKING:
    from reconciler.cli.invocation import Invocation
    from reconciler.domain.definition import Definition
    from reconciler.reconcile.intents import Intent, Roster


@click.command(
    cls=HelpfulCommand,
    short_help="Ask for one tier more.",
    examples=[
        ("reconciler advance new-checkout", "edit the file; look, commit, open a pull request"),
        ("reconciler advance new-checkout --push", "a branch with this one commit, pushed; your files stay"),
        ("reconciler advance new-checkout --to 3 --commit", "for scripts: the second time it does nothing"),
    ],
    exit_codes=CODES,
)
@click.argument("feature", shell_complete=complete_feature)
@option("--to", type=click.IntRange(0, 4), metavar="N", help="The tier to ask for [one more].")
@delivery_options
@output_options("text", "json")
@repository_options
def advance(*, feature: str, to: int | None, **given: Any) -> int:
    """Set `tier` of FEATURE one higher in its definition, and show what that means.

    Nobody gets the feature by this: the commit is reviewed and applied like any other, and `apply` raises it when
    its dwell is served and it fares well.
    """
    from reconciler.domain.ladder import Tier
    from reconciler.reconcile import intents

    def intend(definition: Definition, _call: Invocation) -> Intent:
        return intents.advance(definition, None if to is None else Tier(to))

    return carry_out("advance", feature, intend, given)


@click.command(
    cls=HelpfulCommand,
    short_help="Begin again after a rollback.",
    examples=[
        ("reconciler restart new-checkout", "the next attempt, at tier 1"),
        ("reconciler restart new-checkout --tier 0", "for the whitelist alone, to begin with"),
    ],
    exit_codes=CODES,
)
@click.argument("feature", shell_complete=complete_feature)
@option("--tier", type=click.IntRange(0, 1), default=1, metavar="0|1", help="The tier to begin at [1].")
@delivery_options
@output_options("text", "json")
@repository_options
@database_options
def restart(*, feature: str, tier: int, **given: Any) -> int:
    """Begin the next attempt of FEATURE in its definition, and say when it can be where it was.

    Only when the file says that its attempt was rolled back: before that commit has reached you there is nothing
    to build on. No database is needed; one that is named is asked what it knows.
    """
    from reconciler.cli.editing import state_at_hand
    from reconciler.domain.ladder import Tier
    from reconciler.reconcile import intents

    def intend(definition: Definition, call: Invocation) -> Intent:
        known = None if definition.is_rolled_back else state_at_hand(call, feature)
        return intents.restart(definition, Tier(tier), known)

    return carry_out("restart", feature, intend, given)


@click.command(
    cls=HelpfulCommand,
    short_help="Stop raises of a rollout.",
    examples=[("reconciler pause new-checkout --push", "a branch for a pull request")],
    exit_codes=CODES,
)
@click.argument("feature", shell_complete=complete_feature)
@delivery_options
@output_options("text", "json")
@repository_options
def pause(*, feature: str, **given: Any) -> int:
    """Set `paused: true` for FEATURE: it stays where it is, and errors are watched as before."""
    from reconciler.reconcile import intents

    return carry_out("pause", feature, lambda definition, _call: intents.pause(definition), given)


@click.command(
    cls=HelpfulCommand,
    short_help="Let raises of a rollout go on.",
    examples=[("reconciler resume new-checkout --push", "a branch for a pull request")],
    exit_codes=CODES,
)
@click.argument("feature", shell_complete=complete_feature)
@delivery_options
@output_options("text", "json")
@repository_options
def resume(*, feature: str, **given: Any) -> int:
    """Set `paused: false` for FEATURE: what it waits for otherwise holds it as before."""
    from reconciler.reconcile import intents

    return carry_out("resume", feature, lambda definition, _call: intents.resume(definition), given)


@click.command(
    cls=HelpfulCommand,
    short_help="Let customers have a feature always.",
    examples=[
        ("reconciler allow new-checkout acme-internal globex-beta", "on the whitelist, off the blacklist"),
        ("reconciler allow new-checkout acme-internal --remove", "off the whitelist: their bucket decides"),
    ],
    exit_codes=CODES,
)
@click.argument("feature", shell_complete=complete_feature)
@click.argument("customers", metavar="CUSTOMERS", nargs=-1, required=True)
@option("--remove", is_flag=True, help="Take them off the whitelist instead.")
@delivery_options
@output_options("text", "json")
@repository_options
def allow(*, feature: str, customers: tuple[str, ...], remove: bool, **given: Any) -> int:
    """Put customers on the whitelist of FEATURE, and take them off its blacklist."""
    from reconciler.reconcile.intents import Roster

    return _listed("allow", feature, Roster.WHITELIST, customers, remove=remove, given=given)


@click.command(
    cls=HelpfulCommand,
    short_help="Keep a feature from customers.",
    examples=[
        ("reconciler deny new-checkout initech", "on the blacklist, off the whitelist"),
        ("reconciler deny new-checkout initech --remove", "off the blacklist: their bucket decides"),
    ],
    exit_codes=CODES,
)
@click.argument("feature", shell_complete=complete_feature)
@click.argument("customers", metavar="CUSTOMERS", nargs=-1, required=True)
@option("--remove", is_flag=True, help="Take them off the blacklist instead.")
@delivery_options
@output_options("text", "json")
@repository_options
def deny(*, feature: str, customers: tuple[str, ...], remove: bool, **given: Any) -> int:
    """Put customers on the blacklist of FEATURE, and take them off its whitelist."""
    from reconciler.reconcile.intents import Roster

    return _listed("deny", feature, Roster.BLACKLIST, customers, remove=remove, given=given)


def _listed(
    verb: str, feature: str, roster: Roster, customers: tuple[str, ...], *, remove: bool, given: dict[str, Any]
) -> int:
    from reconciler.reconcile import intents

    change = intents.strike if remove else intents.enlist
    return carry_out(verb, feature, lambda definition, _call: change(definition, roster, customers), given)


EDITS = (advance, pause, resume, restart, allow, deny)
