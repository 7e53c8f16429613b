"""The program: its commands, and what the process answers whatever happens inside them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from reconciler import __version__
from reconciler.cli.apply import apply
from reconciler.cli.completion import completion
from reconciler.cli.db import db
from reconciler.cli.demo import demo
from reconciler.cli.edits import EDITS
from reconciler.cli.events import events
from reconciler.cli.explain import explain
from reconciler.cli.help import HelpfulGroup
from reconciler.cli.history import history
from reconciler.cli.new import new
from reconciler.cli.options import (
    FORMATS,
    actor_option,
    database_options,
    output_options,
    repository_options,
)
from reconciler.cli.plan import plan
from reconciler.cli.preview import preview
from reconciler.cli.propose import propose
from reconciler.cli.rollback import rollback
from reconciler.cli.run import run as run_command
from reconciler.cli.stats import stats
from reconciler.cli.status import status
from reconciler.cli.validate import validate
from reconciler.cli.verify import verify
from reconciler.errors import EXIT_FAILED, EXIT_USAGE, ReconcilerError, exit_code

EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141


@click.group(
    cls=HelpfulGroup,
    examples=[
        ("reconciler new dark-mode --owner team-web", "write a definition"),
        ("reconciler plan --worktree", "see what it would do"),
        ("git commit ... && reconciler apply", "bring the database to it"),
        ("reconciler status", "see where every rollout stands"),
    ],
    exit_codes={
        0: "done, in sync, or everything open is only held",
        1: "failed",
        2: "plan and status: changes would be applied now",
        3: "something is refused or invalid: an author has something to mend",
        64: "wrong usage",
        130: "interrupted",
    },
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@output_options(*FORMATS)
@repository_options
@database_options
@actor_option
def program() -> None:
    """Bring feature rollouts, reviewed as YAML files in git, into guarded PostgreSQL state.

    A definition says how many customers have a feature: tier 0 to 4, that is 0, 1, 10, 50 or 100 %. Exposure
    rises one tier at a time, by a reviewed commit, when its dwell is served; it may fall at once. `plan` shows
    what a commit would do, `apply` does it, `status` shows where everything stands and what it waits for.
    """


for _command in (
    *(validate, plan, apply, run_command, rollback, status, stats, explain, preview, history, verify),
    *(new, *EDITS, propose),
    *(events, db, demo, completion),
):
    program.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave the process with its answer."""
    code = answer(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _closed_pipe()
    except OSError as error:
        code = _unwritten(error)
    sys.exit(code)


def answer(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code; what went wrong is said in one line on stderr."""
    _take_any_text()
    try:
        code = program.main(arguments, prog_name="reconciler", standalone_mode=False)
    except ReconcilerError as error:
        return _failed(error, exit_code(error))
    except click.ClickException as error:
        return _misused(error)
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _closed_pipe()
    except Exception as error:  # noqa: BLE001 - the last door: nobody above can say it better
        if isinstance(error, OSError) and error.filename is None:  # no file's: what is left are the streams
            return _unwritten(error)
        return _failed(error, EXIT_FAILED, unexpected=True)
    return code if isinstance(code, int) else 0


def _take_any_text() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _failed(error: Exception, code: int, *, unexpected: bool = False) -> int:
    if os.environ.get("RECONCILER_TRACEBACK"):
        import traceback

        _say("".join(traceback.format_exception(error)).rstrip())
        return code
    if not unexpected:
        _say(f"error: {error}")
        return code
    first = (str(error).strip() or "no message").splitlines()[0]
    _say(f"error: {type(error).__name__}: {first}; this is a defect: RECONCILER_TRACEBACK=1 shows where")
    return code


def _misused(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return EXIT_USAGE
    context = getattr(error, "ctx", None)
    hint = f"; see `{context.command_path} --help`" if context is not None else ""
    message = " ".join(error.format_message().split()).rstrip(".")
    _say(f"error: {message[:1].lower()}{message[1:]}{hint}")
    return EXIT_USAGE


def _say(text: str) -> None:
    from reconciler.cli.secrets import shown

    try:
        click.echo(shown(text), err=True)
    except OSError:
        return


def _closed_pipe() -> int:
    _write_no_more()
    return EXIT_CLOSED_PIPE


def _unwritten(error: OSError) -> int:
    _write_no_more()
    _say(f"error: the result can't be written: {error.strerror}; what was done stays done, `status` shows it")
    return EXIT_FAILED


def _write_no_more() -> None:
    # At exit neither: Python would complain about it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
