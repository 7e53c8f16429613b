"""One call of the command line: its settings, where its result goes and how it looks."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import chosen, is_typed
from reconciler.cli.talk import Talk
from reconciler.cli.terminal import style_for
from reconciler.errors import UsageError
from reconciler.render.style import Style
from reconciler.settings import DEFAULT_AUTHOR, DEFAULT_ROOT, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What a command needs besides its own options."""

    settings: Settings
    output: str
    style: Style
    talk: Talk

    def write(self, result: str) -> None:
        """Write the result."""
        click.echo(result, nl=False, color=self.style.color)


def invocation(*formats: str) -> Invocation:
    """Return the call that click is in the middle of, whose result has one of these formats."""
    context = click.get_current_context()
    given = chosen(context)
    output = given.get("output", formats[0])
    if output not in formats:
        if is_typed(context, "output"):
            raise UsageError(f"--output {output}: this command writes {' or '.join(formats)} only")
        output = formats[0]
    return Invocation(
        settings=_settings(given, os.environ),
        output=output,
        style=style_for(sys.stdout, no_color=bool(given.get("no_color"))),
        talk=Talk(sys.stderr),
    )


def now() -> datetime:
    """Return this machine's time."""
    return datetime.now(UTC)


def _settings(given: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    # click takes an empty variable for an unset one. An empty DSN is a secret that CI didn't hand out: to go on
    # with an embedded database would report an apply that never was.
    return Settings(
        root=given.get("root", DEFAULT_ROOT),
        repository=given.get("repository", Path()),
        branch=given.get("branch"),
        dsn=given.get("dsn", "" if environment.get("RECONCILER_DSN") == "" else None),
        data_folder=given.get("data_folder"),
        postgres_bin=given.get("postgres_bin"),
        remote=given.get("remote"),
        author=given.get("author", DEFAULT_AUTHOR),
        git_token=environment.get("RECONCILER_GIT_TOKEN"),
        ssh_key=given.get("ssh_key"),
        actor=given.get("actor") or environment.get("GITHUB_ACTOR") or _user(),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user id {os.geteuid()}"
