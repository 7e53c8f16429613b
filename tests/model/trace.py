"""A way to a broken promise, as text that a person can follow."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.model.branch import BROKEN, NOWHERE, File
from tests.model.explore import Exploration
from tests.model.state import Database, Errand, Move, Plan, Row, World


def told(world: World, found: Exploration) -> str:
    """Return the steps one a line, each with the branch and the database after it.

    A commit shows what its file says: tier, attempt and rolled_back.
    """
    teller = _Teller(world)
    teller.branch(world.start().tip)
    lines = [f"{len(found.trace)} steps break this: {found.broken}"]
    for count, (move, after) in enumerate(found.trace, start=1):
        branch = teller.branch(after.tip)
        lines.append(f"{count:3}. {move.name}{teller.subject(move)}")
        lines.append(f"       branch: {branch}; database: {teller.database(after.db)}")
    return "\n".join(lines)


@dataclass(slots=True)
class _Teller:
    """Names commits in the order in which they come up."""

    world: World
    names: dict[int, str] = field(default_factory=dict)

    def subject(self, move: Move) -> str:
        match move.subject:
            case Plan(revision=revision, imported=imported, change=change):
                rows = [_row(row) for row in (imported, change) if row is not None]
                return f": {self._name(revision)}" + (f", to be {', then '.join(rows)}" if rows else "")
            case Errand(attempt=attempt, commit=commit, is_built=is_built):
                return f": {'built' if is_built else 'found'} {self._name(commit)} for attempt {attempt}"
            case int(commit):
                return f": {self._name(commit)}"
            case None:
                return ""

    def branch(self, tip: int) -> str:
        commits = self.world.history.between(NOWHERE, tip)
        return " - ".join(f"{self._name(each)} {_file(self.world.file(each))}" for each in commits)

    def database(self, db: Database) -> str:
        row = "no row" if db.row is None else f"{_row(db.row)}, version {db.version}"
        in_force = "nothing" if db.revision == NOWHERE else self._name(db.revision)
        return f"{row}, {in_force} in force{', looks back' if db.looks_back else ''}"

    def _name(self, commit: int) -> str:
        return self.names.setdefault(commit, f"c{len(self.names)}")


def _file(file: File | None) -> str:
    if file is None:
        return "gone"
    return "broken" if file == BROKEN else "/".join(map(str, file))


def _row(row: Row) -> str:
    stands = "rolled back" if row.rolled_back else f"at tier {row.tier}"
    return f"attempt {row.attempt} {stands}{', retired' if row.retired else ''}"
