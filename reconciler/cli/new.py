"""`new`: the file that a rollout begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.help import HelpfulCommand
from reconciler.cli.options import option, repository_options

if TYPE_CHECKING:
    pass


@click.command(
    cls=HelpfulCommand,
    short_help="Write a definition to begin with.",
    examples=[
        ("reconciler new dark-mode", "rollouts.d/dark-mode.yaml at tier 0"),
        ("reconciler new dark-mode --team web --owner team-web", "rollouts.d/web/dark-mode.yaml"),
    ],
    exit_codes={0: "written", 64: "the name is taken or not allowed"},
)
@click.argument("feature")
@option("--owner", default="", metavar="NAME", help="Who answers for it: a team or an address.")
@option("--team", default="", metavar="FOLDER", help="Folder below the root; for CODEOWNERS, means nothing else.")
@option("--description", default="", metavar="TEXT", help="What it does, in a sentence.")
@repository_options
def new(*, feature: str, owner: str, team: str, description: str) -> int:
    """Write a commented definition of FEATURE at tier 0, sound as it stands; nothing is overwritten."""
    from reconciler.cli.invocation import invocation
    from reconciler.errors import EXIT_DONE
    from reconciler.wiring.drafts import Draft, write
    from reconciler.wiring.files import open_repository, root_of

    call = invocation("text")
    draft = Draft(feature=feature, owner=owner, description=description, folder=team)
    with open_repository(call.settings, needs_commit=False) as repository:
        written = write(repository, root_of(call.settings), draft)
    call.write(f"wrote {written[0]}\n")
    for companion in written[1:]:
        call.talk.note(f"wrote {companion}, which the first line names so that editors help; commit it too")
    call.talk.note(
        "next: look it through, `reconciler plan --worktree` shows what it does; then commit it for review.\n"
        "`tier: 1` begins the rollout with 1 % of the customers."
    )
    return EXIT_DONE
