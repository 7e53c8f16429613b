"""A fault in a file: where it is, which rule it breaks and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault; `line` and `column` count from 1, `features` are the rollouts that must keep their state.

    `is_of_policy` says that those without a file must as well.
    """

    path: str
    line: int
    column: int
    rule: str
    message: str
    remedy: str
    features: frozenset[str] = frozenset()
    is_of_policy: bool = False

    @property
    def hides_files(self) -> bool:
        """Whether nobody can tell which rollouts it is about, so that none of them may be taken for deleted."""
        return self.is_of_policy or not self.features

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}; {self.remedy} [{self.rule}]"
