"""`apply`: carry the plan of a commit out."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.options import actor_option, database_options, option, output_options, repository_options


@click.command(
    cls=HelpfulCommand,
    short_help="Bring the database to what a commit says.",
    examples=[
        ("reconciler apply", "the tip of the current branch"),
        ("reconciler apply --branch origin/main", "what is merged, whatever is checked out"),
        ("reconciler apply --adopt", "take over features that are live already"),
    ],
    exit_codes={
        0: "done; also when a newer commit is in force already",
        1: "failed; what was done is shown, the next apply finishes",
        3: "something was refused, invalid or unsafe; all else was done",
    },
)
@option("--worktree", is_flag=True, hidden=True)
@option(
    "--revision", metavar="COMMIT", help="Apply this commit [the tip of the branch]; an older one raises nothing."
)
@option("--adopt", is_flag=True, help="Take new features over at the tier that git says.")
@option("--allow-unsafe", metavar="REASON", help="Carry out what the guard refuses; the reason is recorded.")
@output_options("text", "json", "markdown")
@repository_options
@database_options
@actor_option
def apply(*, worktree: bool, revision: str | None, adopt: bool, allow_unsafe: str | None) -> int:
    """Bring the database to what the commit says, as far as the rules allow now.

    Features don't share a fate: what is held or refused stops nothing else. Applying twice changes nothing.
    """
    from reconciler.cli.answers import outcome_code
    from reconciler.cli.applying import Applying
    from reconciler.cli.invocation import invocation
    from reconciler.cli.pages import show_outcome
    from reconciler.cli.prospects import workplace
    from reconciler.cli.requests import only_commits, only_published_commits, only_the_reviewed_branch
    from reconciler.settings import check_reason

    call = invocation("text", "json", "markdown")
    only_commits(worktree=worktree)
    only_the_reviewed_branch(call.settings)
    reason = check_reason(allow_unsafe)
    with workplace(call) as place:
        only_published_commits(call.settings, place.repository)
        outcome = Applying(place=place, revision=revision, adopt=adopt, allow_unsafe=reason).run()
        if revision is None:
            place.note_uncommitted(outcome.view.plan, "apply; see them with `reconciler plan --worktree`")
    show_outcome(call, outcome)
    for failure in outcome.failures:
        call.talk.note(f"error: {failure}; the next apply finishes")
    return outcome_code(outcome)
