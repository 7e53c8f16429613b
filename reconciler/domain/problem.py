"""A fault in a file: where it is, which rule it breaks and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault; `line` and `column` count from 1, `features` are the rollouts that must keep their state."""

    path: str
    line: int
    column: int
    rule: str
    message: str
    remedy: str
    features: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}; {self.remedy} [{self.rule}]"
