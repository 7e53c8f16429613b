"""`validate`: whether the definitions are sound; needs no database."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.options import option, output_options, repository_options

_FORMATS = ("text", "json", "markdown", "github")


@click.command(
    cls=HelpfulCommand,
    short_help="Check every definition, without a database.",
    examples=[
        ("reconciler validate", "the tip of the current branch"),
        ("reconciler validate --worktree", "what you have not committed yet"),
        ("reconciler validate --output github", "annotations at the lines of a pull request"),
    ],
    exit_codes={0: "every definition is valid", 3: "something is invalid"},
)
@option("--worktree", is_flag=True, help="Read the working tree, committed or not.")
@option("--revision", metavar="COMMIT", help="Read this commit [the tip of the branch].")
@output_options(*_FORMATS)
@repository_options
def validate(*, worktree: bool, revision: str | None) -> int:
    """Check every definition, without a database.

    Each fault comes with file, line, column, the rule and what to do; all faults of all files come at once.
    """
    from reconciler.cli.invocation import invocation
    from reconciler.cli.pages import show_problems
    from reconciler.cli.requests import one_of
    from reconciler.definitions.load import load
    from reconciler.errors import EXIT_DONE, EXIT_REFUSED
    from reconciler.wiring.files import committed, open_repository, root_of, uncommitted

    call = invocation(*_FORMATS)
    one_of(worktree=worktree, revision=revision)
    root = root_of(call.settings)
    opened = open_repository(call.settings, needs_commit=not worktree)
    with opened as repository, call.talk.step("reading definitions"):
        checkout = uncommitted(repository, root) if worktree else committed(repository, root, revision)
        desired = load(checkout.files.entries, checkout.files.read, root)
        if not worktree and revision is None and repository.is_dirty(root):
            call.talk.note(f"note: uncommitted changes in {root} are not checked; check them with --worktree")
    valid = len(desired.definitions)
    show_problems(call, desired.problems, revision=checkout.revision, root=root, files=valid)
    return EXIT_REFUSED if desired.problems else EXIT_DONE
