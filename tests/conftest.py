"""Fixtures for every test: an empty home, and a real database for those that ask for one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from reconciler.store.embedded import EmbeddedServer
from reconciler.store.migrate import migrate
from tests.builders.database import Database, a_database, a_quick_folder, a_server, name_of

_BINARIES = os.environ.get("RECONCILER_TEST_POSTGRES_BIN")
_FOREIGN = ("RECONCILER_", "GIT_", "PG", "XDG_", "GITHUB_")
_HOMES = count(1)


_WHOLE = (
    *("integration/ring", "integration/test_propose", "integration/test_verify", "integration/test_rollback"),
    "model",
)


# Of these the default run has each third case.
_SHARED = (
    *("integration/test_propose_faults", "integration/test_propose_random", "integration/repository/test_clone_"),
    *("acceptance/edits", "integration/ring/test_crash_points", "integration/ring/test_edit_strikes"),
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is too long for the default run, which has a share of it, and what is too long for CI."""
    for number, item in enumerate(items):
        path = item.path.relative_to(config.rootpath / "tests").as_posix()
        if path.startswith(_SHARED) and number % 3:
            item.add_marker("slow")
        if item.get_closest_marker("slow") is not None and path.startswith(_WHOLE):
            item.add_marker("whole")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shield the test from the settings, the home and the git identity of whoever runs it."""
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "homes" / str(next(_HOMES))
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for name, folder in {
        "DATA": ".local/share",
        "CONFIG": ".config",
        "CACHE": ".cache",
        "STATE": ".local/state",
    }.items():
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / folder))
    return home


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A PostgreSQL for this worker; RECONCILER_TEST_POSTGRES_BIN names other binaries than the package's."""
    binaries = Path(_BINARIES) if _BINARIES else None
    folder = a_quick_folder(otherwise=tmp_path_factory.mktemp("server"))
    with a_server(folder, binaries=binaries) as running:
        yield running


@pytest.fixture(scope="session")
def template(server: EmbeddedServer) -> Iterator[str]:
    """The name of a database with every migration applied, for clones only."""
    with a_database(server) as migrated:
        with psycopg.connect(migrated.dsn) as connection:
            migrate(connection, applied_by="tests")
        yield name_of(migrated)


@pytest.fixture
def database(server: EmbeddedServer, template: str) -> Iterator[Database]:
    """A database of this test's own, migrated and empty."""
    with a_database(server, template=template) as clone:
        yield clone
