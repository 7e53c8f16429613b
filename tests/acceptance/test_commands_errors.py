"""What goes wrong is said in one line: the fact, what to do, never a secret and never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.store.embedded import EmbeddedServer
from tests.builders.command import Command
from tests.builders.database import Database, a_database
from tests.builders.git import GitSandbox, a_repository

SECRET = "hunter2secret"
_SOURCE = Path(__file__).parents[2]
_WAITING_COMMAND = """
import signal
import sys
import click
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
from reconciler.cli.main import program, run
program.add_command(click.Command("wait", callback=lambda: open(sys.argv[1]).read()))
run(["wait"])
"""


@pytest.fixture
def repository(tmp_path: Path) -> GitSandbox:
    return a_repository(tmp_path, {"rollouts.d/checkout.yaml": "feature: checkout\ntier: 1\n"})


@pytest.fixture
def command(repository: GitSandbox) -> Command:
    return Command(folder=repository.path)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        pytest.param(["validate", "--root", "nowhere"], 64, "there is no such folder at", id="no such root"),
        pytest.param(["validate", "--revision", "v9"], 1, "revision 'v9' is unknown", id="unknown revision"),
        pytest.param(["validate", "--branch", "v9"], 1, "branch 'v9' is unknown", id="unknown branch"),
        pytest.param(
            ["plan", "--dsn", "host=/nowhere"], 1, "the database can't be reached", id="unreachable server"
        ),
        pytest.param(["new", "No Name"], 64, "is no feature name", id="name that is none"),
    ],
)
def test_an_error_is_one_line_with_a_remedy(command: Command, words: list[str], code: int, told: str) -> None:
    answer = command(*words)

    assert (answer.code, answer.out, answer.talk.count("\n")) == (code, "", 1)
    assert answer.talk.startswith("error: ")
    assert told in answer.talk


def test_a_folder_without_a_repository_is_named(tmp_path: Path) -> None:
    answer = Command(folder=tmp_path)("validate")

    assert (answer.code, answer.talk) == (
        1,
        f"error: {tmp_path} is not inside a git repository; run it inside a clone\n",
    )


@pytest.mark.parametrize(
    "dsn",
    [
        pytest.param(f"postgresql://ada:{SECRET}@127.0.0.1:1/rollouts", id="address"),
        pytest.param(f"postgresql://ada:p@{SECRET}@127.0.0.1:1/rollouts", id="address with a raw @"),
        pytest.param(f"postgresq://ada:{SECRET}@127.0.0.1:1/rollouts", id="misspelt address"),
        pytest.param(f"host=127.0.0.1 port=1 password={SECRET}", id="words"),
        pytest.param(f"host=127.0.0.1 port=1 password={SECRET} bogus=1", id="unknown word"),
        pytest.param(f"host=127.0.0.1 port=1 password='{SECRET}", id="open quote"),
    ],
)
def test_no_error_tells_a_password(command: Command, dsn: str) -> None:
    answers = [command("plan", RECONCILER_DSN=dsn), command("db", "status", "--dsn", dsn)]

    assert all(answer.code in {1, 64} and answer.talk for answer in answers)
    assert all(SECRET not in answer.talk + answer.out for answer in answers)


def test_a_database_without_the_schema_is_never_migrated_on_the_way(
    command: Command, server: EmbeddedServer
) -> None:
    with a_database(server) as empty:
        variables = {"RECONCILER_DSN": empty.dsn, "RECONCILER_BRANCH": "main"}
        refused = command("apply", **variables)
        dry = command("db", "migrate", "--dry-run", **variables)
        still_refused = command("plan", **variables)
        migrated = command("db", "migrate", **variables)
        again = command("db", "migrate", **variables)
        applied = command("apply", **variables)

    assert (refused.code, still_refused.code, applied.code) == (1, 1, 0)
    assert refused.talk.endswith("run `reconciler db migrate`\n")
    assert dry.out.replace("missing", "applied") == migrated.out
    assert again.out == "up to date\n"


def test_an_unexpected_failure_is_one_line_until_the_traceback_is_asked_for(tmp_path: Path) -> None:
    # A process without a current folder is nothing that the product knows of.
    gone = tmp_path / "gone"
    gone.mkdir()
    run = [sys.executable, "-m", "reconciler", "validate"]
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'

    short = subprocess.run(
        ["sh", "-c", script, "sh", str(gone), *run],
        env={**os.environ, "PYTHONPATH": str(_SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert short.returncode == 1
    assert "Traceback" not in short.stderr
    assert short.stderr.count("\n") == 1


def test_a_closed_pipe_is_quiet(command: Command, database: Database) -> None:
    pipe = f"{sys.executable} -m reconciler plan --output json | head -c 1"

    done = subprocess.run(
        ["sh", "-c", pipe],
        cwd=command.folder,
        env={**os.environ, "PYTHONPATH": str(_SOURCE), "RECONCILER_DSN": database.dsn},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("{", "")


def test_an_interrupt_answers_130_without_a_traceback(tmp_path: Path) -> None:
    fifo = tmp_path / "wait"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-c", _WAITING_COMMAND, str(fifo)],
        env={**os.environ, "PYTHONPATH": str(_SOURCE)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with fifo.open("w"):  # Opened as soon as the command waits.
        process.send_signal(signal.SIGINT)

        assert process.communicate(timeout=20)[1].strip() == "interrupted"
    assert process.returncode == 130


def test_an_interrupt_under_the_first_import_is_quiet_too() -> None:
    interrupted = (
        "import builtins, reconciler.cli.start as start\n"
        "real = builtins.__import__\n"
        "def stop(name, *rest):\n"
        "    if name == 'reconciler.cli.main': raise KeyboardInterrupt\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = stop\n"
        "start.run()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", interrupted],
        env={**os.environ, "PYTHONPATH": str(_SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("output", "code"), [pytest.param(">&-", 0, id="closed"), pytest.param("> /dev/full", 1, id="full")]
)
def test_a_result_that_can_not_be_written_ends_in_a_line(command: Command, output: str, code: int) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m reconciler validate {output}"],
        cwd=command.folder,
        env={**os.environ, "PYTHONPATH": str(_SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "defect" not in done.stderr


def test_a_format_for_other_commands_is_passed_over_and_a_typed_one_is_not(command: Command) -> None:
    meant_for_others = command("new", "gifts", RECONCILER_OUTPUT="json")
    typed = command("new", "basket", "--output", "json")

    assert (meant_for_others.code, typed.code) == (0, 64)


def test_a_repository_that_begins_takes_its_first_definition(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    command = Command(folder=tmp_path)

    written, valid = command("new", "first"), command("validate", "--worktree")

    assert (written.code, valid.code, valid.out) == (0, 0, "valid: 1 definition\n")


def test_a_bare_repository_takes_no_definition(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path)], check=True)

    answer = Command(folder=tmp_path)("new", "first")

    assert answer.code == 64
    assert not (tmp_path / "rollouts.d").exists()


@pytest.mark.parametrize("team", [".hidden", "linked"])
def test_a_definition_is_written_where_it_is_read(command: Command, tmp_path: Path, team: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (command.folder / "rollouts.d" / "linked").symlink_to(outside)

    answer = command("new", "gifts", "--team", team)

    assert answer.code == 64
    assert list(outside.iterdir()) == []
