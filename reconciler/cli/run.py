"""`run`: the daemon, or one pass of it."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
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
    short_help="Watch, roll back, apply and write back, for as long as it runs.",
    examples=[
        ("reconciler run --remote origin --branch main", "a daemon: rollbacks within seconds"),
        ("reconciler run --once", "one pass, for a scheduled job: rollbacks within its schedule"),
        ("reconciler run --output json", "log as JSON, a line for each fact"),
    ],
    exit_codes={
        0: "stopped; --once: done",
        1: "--once: something failed, the next pass goes on with it",
        3: "--once: something was refused or invalid; all else was done",
    },
)
@option("--once", is_flag=True, help="Make one pass and end.")
@option("--interval", metavar="DURATION", default="30s", help="How often git is asked [30s].")
@option("--watch-interval", metavar="DURATION", default="10s", help="How often all events are judged [10s].")
@option("--propose", is_flag=True, help="Also keep a branch for each rollout that may climb, see `propose`.")
@output_options("text", "json")
@remote_options
@repository_options
@database_options
@actor_option
def run(*, once: bool, interval: str, watch_interval: str, propose: bool) -> int:
    """Keep git and database together: apply what is merged, raise what is due, roll back what fails, tell git.

    Errors are judged as they come in; the rest happens as the branch moves and holds fall due. Any number of these
    may run at once. SIGTERM ends it within ten seconds; after a kill the next one goes on. Without --remote it
    reads the repository here and writes nothing back.
    """
    from reconciler.cli.invocation import invocation
    from reconciler.cli.running import duration_of, run_forever, run_once
    from reconciler.wiring.loop import Pace

    call = invocation("text", "json")
    pace = Pace(
        tick_every=duration_of("--interval", interval), watch_every=duration_of("--watch-interval", watch_interval)
    )
    return run_once(call, proposes=propose) if once else run_forever(call, pace, proposes=propose)
