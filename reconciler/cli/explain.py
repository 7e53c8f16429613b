"""`explain`: why a customer has a feature, or not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.names import complete_feature
from reconciler.cli.options import actor_option, database_options, option, output_options, repository_options


class Moment(click.ParamType[datetime]):
    """A moment as ISO-8601 writes it; without a zone it is this machine's."""

    name = "moment"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> datetime:
        """Return the aware moment."""
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return moment.astimezone() if moment.tzinfo is None else moment
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no moment; write 2026-11-28T14:30+01:00 or 2026-11-28", parameter, context)


@click.command(
    cls=HelpfulCommand,
    short_help="Say why a customer has a feature, or not.",
    examples=[
        ("reconciler explain new-checkout acme", "now"),
        ("reconciler explain new-checkout acme --as-of 2026-11-27T09:00Z", "what it was, and why"),
    ],
    exit_codes={0: "explained, on or off", 64: "no such feature, or not yet at that time"},
)
@click.argument("feature", shell_complete=complete_feature)
@click.argument("customer")
@option(
    "--as-of",
    type=Moment(),
    metavar="TIME",
    help="At this moment instead of now; ISO-8601, without a zone in yours.",
)
@output_options("text", "json")
@repository_options
@database_options
@actor_option
def explain(*, feature: str, customer: str, as_of: datetime | None) -> int:
    """Say whether CUSTOMER has FEATURE and why: list, bucket, tier, since when, by which commit, file and line."""
    from contextlib import closing
    from dataclasses import replace

    from reconciler.cli.features import unknown_feature
    from reconciler.cli.invocation import invocation, now
    from reconciler.cli.prospects import store_for
    from reconciler.domain.events import fault_of_customer
    from reconciler.errors import EXIT_DONE, UsageError
    from reconciler.render.answer import answer_json, answer_text
    from reconciler.render.moments import exactly
    from reconciler.wiring.answers import answer_for, found_in_git

    call = invocation("text", "json")
    if (fault := fault_of_customer(customer)) is not None:
        raise UsageError(fault)
    if as_of is not None and as_of > now():
        raise UsageError("that moment is still to come; leave --as-of out for what is so now")
    with closing(store_for(call)) as store:
        answer = answer_for(store, feature, customer, as_of)
        if answer is None and as_of is not None and store.history(feature):
            raise UsageError(
                f"{feature} was not there yet at {exactly(as_of, call.style.zone)}; `history` shows its past"
            )
        if answer is None:
            raise unknown_feature(feature, store.index().features)
    answer = replace(answer, where=found_in_git(call.settings, answer))
    call.write(answer_json(answer) if call.output == "json" else answer_text(answer, call.style))
    return EXIT_DONE
