"""Root and an ordinary user: each runs a server of its own, and neither enters the other's folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from reconciler.errors import UsageError
from reconciler.store.embedded import ensure_running, find_binaries, status, stop
from tests.builders.embedded import a_command, said_by

_NOBODY = 65534
_NAMELESS = 54321


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A place that both root and users can reach, with binaries that both can read."""

    root: Path
    binaries: Path

    def home_of(self, user: int) -> Path:
        home = self.root / str(user)
        home.mkdir(mode=0o700, exist_ok=True)
        os.chown(home, user, user)
        return home


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else; the other files have run as this user")
    # Not below pytest's own folder: that is closed to everybody but root.
    with tempfile.TemporaryDirectory(prefix="rr-") as name:
        root = Path(name)
        root.chmod(0o755)
        package = find_binaries().parents[1]
        for part in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, root / part.name)
        yield World(root=root, binaries=root / find_binaries().relative_to(package.parent))


@pytest.mark.parametrize("user", [_NOBODY, _NAMELESS], ids=["nobody", "a user id without a name"])
def test_an_ordinary_user_runs_a_server_that_others_cannot_enter(world: World, user: int) -> None:
    folder = world.home_of(user) / "own"

    said = said_by(a_command(folder, world.binaries, user=user))

    try:
        assert said == f"host='{folder}/socket' port=5432 user=postgres dbname=rollouts"
        owners = {path.stat().st_uid for path in folder.rglob("*")}
        assert owners == {user}
        assert _connects(said, user=user)
        assert not _connects(said, user=user + 1 if user < _NOBODY else 1)
    finally:
        a_command(folder, world.binaries, "stop", user=user).communicate()


def test_root_runs_a_server_and_changes_nothing_around_it(world: World) -> None:
    home = world.home_of(0)
    before = [(path.stat().st_uid, path.stat().st_mode) for path in (home, *home.parents)]
    folder = home / "own"
    server = ensure_running(folder, world.binaries, settings={"fsync": "off"})
    try:
        assert before == [(path.stat().st_uid, path.stat().st_mode) for path in (home, *home.parents)]
        assert {path.stat().st_uid for path in folder.rglob("*")} == {0}
        assert (folder.stat().st_mode & 0o777, (folder / "data").stat().st_mode & 0o777) == (0o700, 0o700)
        assert not _connects(server.dsn, user=_NOBODY)
    finally:
        stop(folder)


def test_a_user_is_told_that_the_folder_is_roots(world: World) -> None:
    folder = world.root / "of-root"
    folder.mkdir(mode=0o700)

    command = a_command(folder, world.binaries, user=_NOBODY)

    assert said_by(command) == (
        f"UsageError: data folder {folder}: it belongs to user id 0, this command runs as {_NOBODY}; "
        f"run as its owner, or pass another folder or --dsn"
    )


@pytest.mark.parametrize("call", [ensure_running, status, stop])
def test_root_is_told_that_the_folder_is_a_users(world: World, call: object) -> None:
    folder = world.home_of(_NOBODY)

    with pytest.raises(UsageError) as refusal:
        call(folder)  # type: ignore[operator]

    assert str(refusal.value) == (
        f"data folder {folder}: it belongs to user id {_NOBODY}, this command runs as 0; "
        f"run as its owner, or pass another folder or --dsn"
    )


def test_a_user_is_told_of_a_place_that_is_closed_to_him(world: World) -> None:
    folder = world.home_of(0) / "inside"

    command = a_command(folder, world.binaries, user=_NOBODY)

    assert said_by(command) == (
        f"DatabaseUnavailableError: data folder {folder}: Permission denied; choose another folder or pass --dsn"
    )


def _connects(dsn: str, *, user: int) -> bool:
    """Try it in a child that gives up root first."""
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0
