"""What is known of the database itself, as text and JSON; never a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from reconciler.render.style import Style, Tone
from reconciler.render.text import counted, printable
from reconciler.render.view import short


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseView:
    """A database as it was found; one that doesn't run says nothing of its schema."""

    place: str
    role: str
    is_running: bool = False
    version: str | None = None
    database: str | None = None
    applied: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    root: str | None = None
    revision: str | None = None

    def with_scope(self, scope: tuple[str | None, str | None]) -> DatabaseView:
        """Return this view with the root that is served and the commit in force."""
        return replace(self, root=scope[0], revision=scope[1])


def database_text(view: DatabaseView, style: Style) -> str:
    """Render the facts one below the other."""
    lines = [f"{style.paint(name.ljust(10), Tone.QUIET)} {fact}" for name, fact in _facts(view)]
    return "\n".join(lines) + "\n"


def database_json(view: DatabaseView) -> str:
    """Render the facts as JSON."""
    facts = {
        "version": 1,
        "kind": "database",
        "place": view.place,
        "running": view.is_running,
        "server": view.version,
        "database": view.database,
        "role": view.role,
        "migrations": {"applied": list(view.applied), "missing": list(view.missing)},
        "root": view.root,
        "revision": view.revision,
    }
    return json.dumps(facts, indent=2) + "\n"


def _facts(view: DatabaseView) -> Iterator[tuple[str, str]]:
    yield "database", printable(view.place)
    if not view.is_running:
        yield "state", "not running; the next command that needs it starts it"
        return
    yield "state", f"running, PostgreSQL {view.version}, database {view.database}"
    yield "role", printable(view.role)
    if view.missing:
        missing = ", ".join(view.missing)
        yield (
            "schema",
            f"{counted(len(view.missing), 'migration')} missing ({missing}); run `reconciler db migrate`",
        )
        return
    yield "schema", f"up to date, {counted(len(view.applied), 'migration')}, last {view.applied[-1]}"
    yield "root", view.root or "none yet; the first apply records it"
    yield "in force", "nothing yet" if view.revision is None else short(view.revision)
