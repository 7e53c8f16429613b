"""Options that many commands share: given before or after the command, or as RECONCILER_… variables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click
from click.core import ParameterSource

Decorator: TypeAlias = Callable[[Any], Any]
Decorated = TypeVar("Decorated", bound=Callable[..., Any])

FORMATS = ("text", "json", "markdown", "github")
_CHOSEN = "reconciler.chosen"
_PATH = click.Path(path_type=Path)


class SharedOption(click.Option):
    """An option whose value is kept for the whole call; the command line wins over a variable."""

    def __init__(self, *declarations: str, **attributes: Any) -> None:
        name = max(declarations, key=len).lstrip("-").replace("-", "_")
        super().__init__(
            declarations,
            envvar=f"RECONCILER_{name.upper()}",
            expose_value=False,
            callback=_remember,
            **attributes,
        )


def chosen(context: click.Context) -> dict[str, Any]:
    """Return the shared options that were given, by name."""
    return {name: value for name, (value, _) in _kept(context).items()}


def is_typed(context: click.Context, name: str) -> bool:
    """Tell whether a shared option was given on the command line; a variable may be meant for other commands."""
    return _kept(context).get(name, (None, False))[1]


def option(*declarations: str, **attributes: Any) -> Decorator:
    """Add an option of one command, which can also be set as a RECONCILER_… variable."""
    name = max(declarations, key=len).lstrip("-").replace("-", "_")
    return click.option(*declarations, envvar=f"RECONCILER_{name.upper()}", **attributes)


def repository_options(command: Decorated) -> Decorated:
    """Add what says where the definitions are."""
    return _added(
        command,
        SharedOption("--root", metavar="FOLDER", help="Folder of the definitions in the repository [rollouts.d]."),
        SharedOption("--repository", type=_PATH, metavar="PATH", help="A folder inside the repository [here]."),
        SharedOption(
            "--branch",
            metavar="NAME",
            help="The branch that is reviewed and applied [the current one]; to change a --dsn needs it.",
        ),
    )


def database_options(command: Decorated) -> Decorated:
    """Add what says which database it is."""
    return _added(
        command,
        SharedOption("--dsn", metavar="DSN", help="PostgreSQL 15 to 18 to use [an embedded one of your own]."),
        SharedOption(
            "--data-folder", type=_PATH, metavar="PATH", help="Where the embedded PostgreSQL keeps its data."
        ),
        SharedOption("--postgres-bin", type=_PATH, metavar="PATH", help="Binaries for the embedded PostgreSQL."),
    )


def remote_options(command: Decorated) -> Decorated:
    """Add what says where rollbacks are written back; a token is a variable and never an argument."""
    return _added(
        command,
        SharedOption(
            "--remote",
            metavar="NAME",
            help="Remote or URL that is fetched from and told of rollbacks [none]; RECONCILER_GIT_TOKEN opens it.",
        ),
        SharedOption("--author", metavar="'NAME <MAIL>'", help="Who signs these commits [rollout-reconciler]."),
        SharedOption("--ssh-key", type=_PATH, metavar="FILE", help="The key for an ssh remote [your agent's]."),
    )


def actor_option(command: Decorated) -> Decorated:
    """Add who is recorded."""
    return _added(command, SharedOption("--actor", metavar="NAME", help="Who is recorded [GITHUB_ACTOR or you]."))


def output_options(*formats: str) -> Decorator:
    """Add the format of the result and its colour."""

    def added(command: Decorated) -> Decorated:
        choice = click.Choice(formats)
        return _added(
            command,
            SharedOption("--output", type=choice, help=f"Format of the result [{formats[0]}]."),
            SharedOption(
                "--no-color", is_flag=True, default=None, help="Never write colour; NO_COLOR does the same."
            ),
        )

    return added


def _added(command: Decorated, *options: SharedOption) -> Decorated:
    # Commands list their options from last to first, as decorators stack.
    if isinstance(command, click.Command):
        command.params.extend(options)
    else:
        kept: list[click.Parameter] = getattr(command, "__click_params__", [])
        command.__click_params__ = [*kept, *reversed(options)]  # type: ignore[attr-defined]  # where click looks
    return command


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    if value is None or parameter.name is None:
        return value
    is_typed = context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    kept = _kept(context)
    if is_typed or parameter.name not in kept or not kept[parameter.name][1]:
        kept[parameter.name] = (value, is_typed)
    return value


def _kept(context: click.Context) -> dict[str, tuple[Any, bool]]:
    kept: dict[str, tuple[Any, bool]] = context.find_root().meta.setdefault(_CHOSEN, {})
    return kept
