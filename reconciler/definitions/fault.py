"""A fault of one file before its path is known, and how values are shown to the reader."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice

from reconciler.domain.problem import Problem

MOST_FAULTS = 100
"""So many faults of one file are reported."""

_LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault at a place of a file; `line` and `column` count from 1."""

    line: int
    column: int
    rule: str
    message: str
    remedy: str

    def in_file(self, path: str, features: frozenset[str]) -> Problem:
        """Return the problem that this fault is in the file at `path`."""
        return Problem(
            path=path,
            line=self.line,
            column=self.column,
            rule=self.rule,
            message=self.message,
            remedy=self.remedy,
            features=features,
        )


def at_most(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return the faults in the order of the file: the first hundred, then one that says there are more."""
    # A fault too many is made and no further one: a hostile file may hold hundreds of thousands.
    ordered = sorted(islice(faults, MOST_FAULTS + 1), key=lambda fault: (fault.line, fault.column))
    if len(ordered) <= MOST_FAULTS:
        return tuple(ordered)
    more = replace(
        ordered.pop(),
        rule="more",
        message=f"the file has more than {MOST_FAULTS} faults",
        remedy="mend those above first",
    )
    return (*ordered, more)


def shown(text: str) -> str:
    """Quote a text for one line of a message: long ones cut, all but plain ASCII as escapes."""
    # Escapes show a lookalike letter for what it is and let no text reach a terminal as a command.
    cut = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
    return json.dumps(cut).replace("\x7f", "\\u007f")


def shown_path(path: str) -> str:
    """Return a path as it is if it prints on one line, else with escapes."""
    return path if path.isprintable() else path.encode("unicode_escape", "backslashreplace").decode("ascii")
