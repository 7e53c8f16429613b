"""`db`: the database itself: its schema, its server, and the commit that is in force."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand, HelpfulGroup
from reconciler.cli.options import actor_option, database_options, option, output_options, repository_options


@click.group(
    cls=HelpfulGroup,
    name="db",
    examples=[
        ("reconciler db status", "version, place, migrations, commit in force"),
        (
            "reconciler db migrate --dsn postgresql://owner@db/rollouts",
            "before the first apply, and after an upgrade",
        ),
    ],
)
def db() -> None:
    """Look after the database: migrate, inspect, stop, re-anchor.

    Without --dsn this is an embedded PostgreSQL of your own, one for each clone; it starts and migrates itself.
    """


@db.command(
    short_help="Bring the schema up to date.",
    examples=[("reconciler db migrate --dry-run", "say what is missing, change nothing")],
    exit_codes={0: "up to date now", 1: "unreachable, or made by another version"},
)
@option("--dry-run", is_flag=True, help="Only name the missing migrations.")
@repository_options
@database_options
@actor_option
def migrate(*, dry_run: bool) -> int:
    """Bring the schema up to date; connect as its owner, or as whoever may create schemas and roles."""
    from reconciler.cli.databases import owner_dsn
    from reconciler.cli.invocation import invocation
    from reconciler.errors import EXIT_DONE
    from reconciler.wiring.database import migrated

    call = invocation("text")
    with call.talk.step("migrating"):
        labels = migrated(owner_dsn(call), call.settings.actor, dry_run=dry_run)
    verb = "missing" if dry_run else "applied"
    call.write("".join(f"{verb} {label}\n" for label in labels) or "up to date\n")
    return EXIT_DONE


@db.command(
    short_help="Show the server, the schema and what is in force.",
    examples=[("reconciler db status", "starts nothing")],
    exit_codes={0: "shown, running or not", 1: "a server named by --dsn does not answer"},
)
@output_options("text", "json")
@repository_options
@database_options
@actor_option
def status() -> int:
    """Show version, place, migrations, role, root and the commit in force; starts and changes nothing."""
    from reconciler.cli.databases import examined
    from reconciler.cli.invocation import invocation
    from reconciler.errors import EXIT_DONE
    from reconciler.render.database import database_json, database_text

    call = invocation("text", "json")
    found = examined(call)
    call.write(database_json(found) if call.output == "json" else database_text(found, call.style))
    return EXIT_DONE


@db.command(
    short_help="Go on after history was rewritten.",
    examples=[("reconciler db reanchor --reason 'history cleaned of a secret'", "the tip is in force from now on")],
    exit_codes={0: "re-anchored, or there was nothing to do", 3: "a shallow clone can't tell"},
)
@option("--reason", required=True, metavar="TEXT", help="Why history was rewritten; recorded.")
@repository_options
@database_options
@actor_option
def reanchor(*, reason: str) -> int:
    """Take the tip into force although it does not contain the commit in force: history was rewritten.

    Nothing is raised or lowered by this; the next plan starts from the tip.
    """
    from reconciler.cli.anchors import reanchored
    from reconciler.cli.invocation import invocation
    from reconciler.cli.prospects import workplace
    from reconciler.cli.requests import only_the_reviewed_branch
    from reconciler.errors import EXIT_DONE
    from reconciler.settings import check_reason

    call = invocation("text")
    only_the_reviewed_branch(call.settings)
    check_reason(reason)
    with workplace(call) as place:
        call.write(reanchored(place, reason))
    return EXIT_DONE


@db.command(
    short_help="Stop the embedded PostgreSQL.",
    exit_codes={0: "stopped, or it did not run"},
    examples=[("reconciler db stop", "its data stay")],
)
@repository_options
@database_options
@actor_option
def stop() -> int:
    """Stop the embedded PostgreSQL; its data stay, and the next command starts it again."""
    from reconciler.cli.databases import stopped
    from reconciler.cli.invocation import invocation
    from reconciler.errors import EXIT_DONE

    call = invocation("text")
    with call.talk.step("stopping"):
        result = stopped(call)
    call.write(result)
    return EXIT_DONE


@db.command(
    short_help="Print how an application reaches the embedded PostgreSQL.",
    exit_codes={0: "printed; the server runs"},
    examples=[("DSN=$(reconciler db dsn)", "for a client on this machine")],
)
@repository_options
@database_options
@actor_option
def dsn() -> int:
    """Print the connection string with which an application on this machine asks and reports.

    It is for trying things out: the embedded server's only login, which `set role none` makes a superuser.
    """
    from reconciler.cli.databases import application_dsn
    from reconciler.cli.invocation import invocation
    from reconciler.errors import EXIT_DONE

    call = invocation("text")
    call.write(f"{application_dsn(call)}\n")
    return EXIT_DONE


@db.command(
    short_help="Open psql on the database.",
    cls=HelpfulCommand,
    context_settings={"ignore_unknown_options": True},
    examples=[
        ("reconciler db psql", "a prompt, as the role of the product"),
        ("reconciler db psql -- -c 'select * from rollouts.feature_rollouts'", "one statement"),
    ],
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[-- PSQL ARGUMENTS]")
@repository_options
@database_options
@actor_option
def psql(*, arguments: tuple[str, ...]) -> int:
    """Open psql on the database, as the role that the product itself uses."""
    from reconciler.cli.databases import exec_psql
    from reconciler.cli.invocation import invocation

    return exec_psql(invocation("text"), arguments)
