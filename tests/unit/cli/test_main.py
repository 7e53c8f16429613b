"""What the process answers whatever happens, and what it loads to say so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from reconciler.cli.main import answer, program
from reconciler.errors import ConflictError, RevisionRefusedError, RuleViolatedError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(
            ["plan", "--surprise"], "no such option '--surprise'; see `reconciler plan", id="unknown option"
        ),
        pytest.param(["plna"], "no such command 'plna'. Did you mean 'plan'?", id="unknown command"),
        pytest.param(["plan", "--output", "github"], "'github' is not one of", id="unknown format"),
        pytest.param(
            ["--output", "github", "plan"],
            "--output github: this command writes",
            id="unknown format before the command",
        ),
        pytest.param(["plan", "--worktree", "--revision", "HEAD"], "leave one out", id="two revisions"),
        pytest.param(["validate", "--root", "../other"], "is no folder inside the repository", id="root outside"),
        pytest.param(["plan", "--dsn", ""], "is empty; unset it", id="empty DSN"),
        pytest.param(["apply", "--worktree"], "apply takes no --worktree", id="applied working tree"),
        pytest.param(["apply", "--allow-unsafe", " "], "the reason is empty", id="empty reason"),
        pytest.param(["apply", "--actor", "a\nb"], "the actor has line breaks", id="actor of two lines"),
        pytest.param(["db", "reanchor"], "missing option '--reason'", id="missing reason"),
        pytest.param(["history"], "missing argument 'FEATURE'", id="missing feature"),
    ],
)
def test_wrong_usage_answers_64_in_one_line(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = answer(words)

    out, talk = capsys.readouterr()
    assert (code, out, talk.count("\n")) == (64, "", 1)
    assert talk.startswith("error: ")
    assert told in talk


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(ConflictError("lost"), 1, id="failure"),
        pytest.param(RevisionRefusedError("rewritten"), 3, id="refused revision"),
        pytest.param(RuleViolatedError("no_skip", "tier 1 to 3"), 3, id="broken rule"),
        pytest.param(ZeroDivisionError("what"), 1, id="defect"),
        pytest.param(KeyboardInterrupt(), 130, id="interrupt"),
    ],
)
def test_every_failure_has_its_code(error: BaseException, code: int, failing: list[BaseException]) -> None:
    failing.append(error)

    assert answer(["fail"]) == code


def test_a_defect_names_itself_and_the_way_to_its_traceback(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing.append(ZeroDivisionError("first\nsecond"))

    answer(["fail"])

    assert capsys.readouterr().err == (
        "error: ZeroDivisionError: first; this is a defect: RECONCILER_TRACEBACK=1 shows where\n"
    )


def test_a_traceback_is_shown_when_asked_for(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_TRACEBACK", "1")
    failing.append(ConflictError("lost"))

    answer(["fail"])

    assert capsys.readouterr().err.startswith("Traceback (most recent call last):\n")


def test_an_error_neither_steers_the_terminal_nor_tells_a_password(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing.append(ConflictError("\x1b[31mred postgresql://ada:hunter2@db/x password=hunter2"))

    answer(["fail"])

    assert capsys.readouterr().err == "error: �[31mred postgresql://ada:***@db/x password=***\n"


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["completion", "zsh"], ["plan", "--help"], ["db", "-h"]]
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    script = (
        "import contextlib, io, json, sys\n"
        "from reconciler.cli.main import answer\n"
        "with contextlib.redirect_stdout(io.StringIO()): code = answer(json.loads(sys.argv[1]))\n"
        "heavy = {'psycopg', 'git', 'jsonschema', 'yaml'} & sys.modules.keys()\n"
        "print(code, sorted(heavy))"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(words)], capture_output=True, text=True, check=True
    )

    assert done.stdout == "0 []\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(["completion", shell]) == 0
    assert f"_RECONCILER_COMPLETE={shell}_complete" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(program.commands))
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer([name, "--help"]) == 0

    told = capsys.readouterr().out
    assert "Examples:" in told
    assert "..." not in told.split("Commands:")[-1].split("Options:")[0]


def test_every_option_is_a_variable_too() -> None:
    groups = [program, *(command for command in program.commands.values() if isinstance(command, click.Group))]
    commands = [program, *(command for group in groups for command in group.commands.values())]
    options = [each for command in commands for each in command.params if isinstance(each, click.Option)]

    assert [each.name for each in options if not each.envvar and each.name != "version"] == []


@pytest.fixture
def failing() -> Iterator[list[BaseException]]:
    """A command `fail` that raises what the test puts into this list."""
    errors: list[BaseException] = []

    def fail() -> None:
        raise errors[0]

    program.add_command(click.Command("fail", callback=fail))
    yield errors
    del program.commands["fail"]
