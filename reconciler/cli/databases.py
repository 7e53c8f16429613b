"""What the `db` commands do with a server."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from reconciler.cli.invocation import Invocation
from reconciler.errors import UsageError
from reconciler.render.database import DatabaseView
from reconciler.store import embedded
from reconciler.store.connection import apart, place_of
from reconciler.wiring.database import APPLICATION, ROLE, embedded_dsn, folder_of, inspected, start, store_at
from reconciler.wiring.files import open_repository

_SEARCH_PATH = "-c search_path=rollouts,public"


def owner_dsn(call: Invocation) -> str:
    """Return the way in that may migrate."""
    if call.settings.dsn is not None:
        return call.settings.dsn
    return start(call.settings, data_folder(call), call.talk.note).dsn


def data_folder(call: Invocation) -> Path:
    """Return the folder of the embedded server; a repository is only looked for when no folder is named."""
    if call.settings.data_folder is not None:
        return call.settings.data_folder
    with open_repository(call.settings, needs_commit=False) as repository:
        return folder_of(call.settings, repository.top, os.environ)


def examined(call: Invocation) -> DatabaseView:
    """Look at the database and start nothing."""
    dsn, role = call.settings.dsn, None
    place = "" if dsn is None else place_of(dsn)
    if dsn is None:
        folder = data_folder(call)
        place, role = f"embedded PostgreSQL in {folder}", ROLE
        server = embedded.status(folder)
        if server is None:
            return DatabaseView(place=place, role=role)
        dsn = server.dsn
    found = inspected(dsn)
    view = DatabaseView(
        place=place,
        role=role or found.user,
        is_running=True,
        version=found.version,
        database=found.database,
        applied=found.schema.applied,
        missing=found.schema.missing,
    )
    return view if found.schema.missing else view.with_scope(_scope(dsn))


def _scope(dsn: str) -> tuple[str | None, str | None]:
    with closing(store_at(dsn)) as store:
        scope = store.scope()
    return scope.root, scope.revision


def application_dsn(call: Invocation) -> str:
    """Return the embedded server's DSN for an application; the server runs then."""
    if call.settings.dsn is not None:
        raise UsageError(
            "db dsn is about the embedded PostgreSQL; a server named by --dsn is reached by that, "
            "as a login that was granted rollouts_application"
        )
    return embedded_dsn(call.settings, data_folder(call), call.talk.note, role=APPLICATION)


def stopped(call: Invocation) -> str:
    """Stop the embedded server and say what happened."""
    if call.settings.dsn is not None:
        raise UsageError("db stop ends the embedded PostgreSQL only; a server named by --dsn is not ours to stop")
    folder = data_folder(call)
    if embedded.stop(folder):
        return f"stopped embedded PostgreSQL in {folder}\n"
    return f"embedded PostgreSQL in {folder} was not running\n"


def exec_psql(call: Invocation, arguments: Sequence[str]) -> NoReturn:
    """Become psql; a password travels in the environment, where no other user sees it."""
    environment = dict(os.environ)
    if call.settings.dsn is not None:
        dsn, password = apart(call.settings.dsn)
        program = _program(call, required=False)
        environment |= {} if password is None else {"PGPASSWORD": password}
    else:
        dsn = embedded_dsn(call.settings, data_folder(call), call.talk.note)
        program = _program(call, required=True)
        dsn = dsn.replace(f"-c role={ROLE}", f"-c role={ROLE} {_SEARCH_PATH}")
    sys.stdout.flush()
    os.execve(program, [program, f"--dbname={dsn}", *arguments], environment)  # noqa: S606 - no shell; psql's own words


def _program(call: Invocation, *, required: bool) -> str:
    if call.settings.postgres_bin is not None:
        return str(call.settings.postgres_bin / "psql")
    found = None if required else shutil.which("psql")
    return found or str(embedded.find_binaries() / "psql")
