"""`completion`: the script by which a shell completes commands, options and features."""

from __future__ import annotations

import click

from reconciler.cli.help import HelpfulCommand


@click.command(
    cls=HelpfulCommand,
    short_help="Print the completion script of a shell.",
    examples=[
        ("reconciler completion bash > ~/.local/share/bash-completion/completions/reconciler", ""),
        ("reconciler completion zsh > ~/.zfunc/_reconciler", "with ~/.zfunc in fpath, before compinit"),
        ("reconciler completion fish > ~/.config/fish/completions/reconciler.fish", ""),
    ],
    exit_codes={0: "printed"},
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> int:
    """Print the completion script of SHELL; it completes commands, options and names of features."""
    from click.shell_completion import BashComplete, get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not known to click")
    maker = kind(context.find_root().command, {}, "reconciler", "_RECONCILER_COMPLETE")
    # Bash's own maker runs bash to look at its version; whoever prints for another machine may have none.
    source = maker.source_template % maker.source_vars() if isinstance(maker, BashComplete) else maker.source()
    click.echo(source)
    return 0
