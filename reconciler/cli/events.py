"""`events`: what applications reported: look at it, put it away, keep it small."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from reconciler.cli.help import HelpfulGroup
from reconciler.cli.names import complete_feature
from reconciler.cli.options import actor_option, database_options, option, output_options, repository_options

_FOLDER = click.Path(path_type=Path)
_KINDS = ("enabled", "disabled", "error", "rollback")
_MOST = 10_000


class Day(click.ParamType[date]):
    """A day as ISO-8601 writes it, in UTC."""

    name = "day"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> date:
        """Return the day."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write 2026-11-28", parameter, context)


@click.group(
    cls=HelpfulGroup,
    name="events",
    short_help="Look at what was reported, keep it in order.",
    examples=[
        ("reconciler events list checkout --event error", "the errors of the last hour"),
        ("reconciler events maintain", "once an hour or a day"),
    ],
)
def events() -> None:
    """Look at what applications reported and look after it: list, archive, maintain."""


@events.command(
    name="list",
    short_help="Show the newest events.",
    examples=[
        ("reconciler events list", "of every feature, from the last hour"),
        ("reconciler events list checkout --customer acme --since 7d", "what one customer met with"),
        ("reconciler events list --event error --output json", "for programs"),
    ],
    exit_codes={0: "shown, or there are none", 64: "no such feature"},
)
@click.argument("feature", required=False, shell_complete=complete_feature)
@option("--customer", metavar="ID", help="Of this customer alone.")
@option("--event", type=click.Choice(_KINDS), help="Of this kind alone.")
@option("--since", default="1h", metavar="DURATION", help="How far to look back, such as 30m or 7d [1h].")
@option("--limit", type=click.IntRange(1, _MOST), default=50, metavar="N", help="So many at most [50].")
@output_options("text", "json")
@repository_options
@database_options
@actor_option
def list_events(*, feature: str | None, customer: str | None, event: str | None, since: str, limit: int) -> int:
    """Show the newest events of FEATURE, or of all, by the time at which the database received them."""
    from reconciler.cli.invocation import invocation
    from reconciler.cli.upkeep import checked_customer, duration_of, listed
    from reconciler.domain.events import EventKind
    from reconciler.errors import EXIT_DONE
    from reconciler.render.events import events_json, events_text
    from reconciler.store.received import Wanted

    call = invocation("text", "json")
    wanted = Wanted(
        features=() if feature is None else (feature,),
        customer=checked_customer(customer),
        kind=None if event is None else EventKind(event),
        limit=limit,
    )
    view = listed(call, wanted, duration_of(since))
    call.write(events_json(view) if call.output == "json" else events_text(view, call.style))
    return EXIT_DONE


@events.command(
    short_help="Put whole days into files.",
    examples=[
        ("reconciler events archive --to /srv/archive", "every day older than the policy keeps"),
        ("reconciler events archive --to /srv/archive --before 2026-03-01 --drop", "and then drop each"),
    ],
    exit_codes={
        0: "archived; days that may not be dropped yet are named",
        1: "a file can't be written, or differs from the database; nothing of that day was dropped",
        3: "the policy is broken, or events came in after the file was written",
    },
)
@option("--to", required=True, type=_FOLDER, metavar="FOLDER", help="Where the files go; it has to be there.")
@option(
    "--before",
    type=Day(),
    metavar="DATE",
    help="Every day before this one, in UTC [those older than the policy keeps].",
)
@option("--drop", is_flag=True, help="Drop each day whose file agrees with the database.")
@repository_options
@database_options
@actor_option
def archive(*, to: Path, before: date | None, drop: bool) -> int:
    """Put each whole day of events into FOLDER/rollout_events_YYYYMMDD.jsonl.gz, one JSON object a line.

    The finished file is read back and compared with the database. A file that is there is never written again: it
    agrees with the database, or this fails.
    """
    from reconciler.cli.invocation import invocation, now
    from reconciler.cli.upkeep import check_root, connected, retention_of, tell
    from reconciler.errors import EXIT_DONE
    from reconciler.store import upkeep

    call = invocation("text")
    older_than = retention_of(call) if before is None else before
    with connected(call) as connection:
        check_root(call, connection)
        tell(call, upkeep.archive(connection, to, older_than=older_than, local_now=now(), drop=drop))
    return EXIT_DONE


@events.command(
    short_help="Keep the events in order: once an hour or a day.",
    examples=[
        ("reconciler events maintain --dry-run", "say what it would do"),
        ("reconciler events maintain --archive /srv/archive", "no day goes that isn't in a file"),
    ],
    exit_codes={
        0: "in order; what stays for a while is named",
        1: "failed; what was done is shown, the next run goes on",
        3: "the policy is broken, or events came in after a file was written",
    },
)
@option("--archive", type=_FOLDER, metavar="FOLDER", help="Put each day into this folder before it is dropped.")
@option("--dry-run", is_flag=True, help="Only say what would be done.")
@repository_options
@database_options
@actor_option
def maintain(*, archive: Path | None, dry_run: bool) -> int:
    """Make room for the events of the next days, bring the summary of customers up to date, drop what is old.

    How long events are kept is said by `retention.events` of the policy at the tip of the branch [90d]. Days that a
    window of a rollout reaches stay longer. A second run changes nothing, and two at once are harmless.
    """
    from reconciler.cli.invocation import invocation, now
    from reconciler.cli.upkeep import check_root, connected, retention_of, tell
    from reconciler.errors import EXIT_DONE
    from reconciler.store import upkeep

    call = invocation("text")
    retention = retention_of(call)
    with connected(call) as connection:
        check_root(call, connection)
        facts = upkeep.maintain(connection, retention=retention, local_now=now(), archive=archive, dry_run=dry_run)
        tell(call, facts, dry_run=dry_run)
    return EXIT_DONE
