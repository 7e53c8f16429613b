"""What git asks of a whole root, read at one revision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.domain.definition import Definition
from reconciler.domain.policy import Policy
from reconciler.domain.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """Every feature that has a file is in exactly one of `definitions`, `unchanged` or the features of `problems`.

    `unchanged` are features whose file and policy are in force already (same source key) and weren't read again.
    """

    definitions: Mapping[str, Definition]
    policy: Policy = Policy()
    unchanged: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
