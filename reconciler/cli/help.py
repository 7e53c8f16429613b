"""Help that a person can learn from: purpose, own options, shared options, examples, exit codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from reconciler.cli.options import SharedOption

_WIDTH = 100


class _Helpful(click.Command):
    """Writes the sections that all commands share."""

    def __init__(
        self,
        name: str | None = None,
        examples: Sequence[tuple[str, str]] = (),
        exit_codes: Mapping[int, str] | None = None,
        **attributes: Any,
    ) -> None:
        settings = {"max_content_width": _WIDTH, "help_option_names": ["-h", "--help"]}
        super().__init__(name, context_settings=settings | attributes.pop("context_settings", {}), **attributes)
        self.examples = examples
        self.exit_codes = exit_codes or {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then those that many commands share."""
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                (shared if isinstance(parameter, SharedOption) else own).append(record)
        for title, records in (("Options", own), ("Where, as whom and how (each also as RECONCILER_...)", shared)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write examples and exit codes."""
        if self.examples:
            with formatter.section("Examples"):
                formatter.write(_examples(self.examples, formatter))
        if self.exit_codes:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(code), meaning) for code, meaning in self.exit_codes.items()])


def _examples(examples: Sequence[tuple[str, str]], formatter: click.HelpFormatter) -> str:
    """Return the commands with their meaning beside them, or all below them when that is too wide."""
    indent = " " * formatter.current_indent
    column = max(len(command) for command, _ in examples) + 2
    widest = len(indent) + column + 2 + max(len(meaning) for _, meaning in examples)
    gap = f"\n{indent}    # " if widest > formatter.width else "# "
    commands = [command if gap[0] == "\n" else command.ljust(column) for command, _ in examples]
    meanings = [f"{gap}{meaning}" if meaning else "" for _, meaning in examples]
    return "".join(f"{indent}{command}{told}\n" for command, told in zip(commands, meanings, strict=True))


class HelpfulCommand(_Helpful):
    """A command with examples and exit codes in its help."""


class HelpfulGroup(_Helpful, click.Group):
    """A group with examples and exit codes in its help."""

    command_class = HelpfulCommand

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands first: they are what a reader looks for."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands in the order in which they are met."""
        return list(self.commands)
