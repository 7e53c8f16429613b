"""`plan`: what an apply would do now."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.options import actor_option, database_options, option, output_options, repository_options


@click.command(
    cls=HelpfulCommand,
    short_help="Show what an apply would do now.",
    examples=[
        ("reconciler plan", "the tip of the current branch"),
        ("reconciler plan --worktree", "what you have not committed yet"),
        ("reconciler plan --output markdown", "a comment for a pull request"),
        ("reconciler plan --output json | jq .summary", "for programs; schemas/plan.schema.json"),
    ],
    exit_codes={
        0: "in sync, or everything open is only held",
        2: "changes would be applied now",
        3: "something is refused or invalid",
    },
)
@option("--worktree", is_flag=True, help="Plan the working tree, committed or not.")
@option("--revision", metavar="COMMIT", help="Plan this commit [the tip of the branch].")
@option("--adopt", is_flag=True, help="Take new features over at the tier that git says.")
@output_options("text", "json", "markdown")
@repository_options
@database_options
@actor_option
def plan(*, worktree: bool, revision: str | None, adopt: bool) -> int:
    """Show what an apply would do now, and change nothing.

    Changes come in the order in which they would be carried out, the safest first. A hold says what it waits
    for, until when, and what you can do; a refusal says what to write instead.
    """
    from reconciler.cli.answers import plan_code
    from reconciler.cli.invocation import invocation
    from reconciler.cli.pages import show_plan
    from reconciler.cli.prospects import view_of, workplace
    from reconciler.cli.requests import one_of

    call = invocation("text", "json", "markdown")
    one_of(worktree=worktree, revision=revision)
    with workplace(call, needs_commit=not worktree) as place:
        prospect = place.planned(revision=revision, adopt=adopt, worktree=worktree)
        view = view_of(prospect, place.moved(prospect.plan))
        if not worktree and revision is None:
            place.note_uncommitted(view.plan, "plan; see them with --worktree")
    show_plan(call, view)
    return plan_code(view)
