"""Why a customer had a feature, or not, at a moment: the answer and the row that made it so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.history import Transition
from reconciler.domain.state import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A row of a feature's past with all it said: what customers were answered by from then on."""

    transition: Transition
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`reason` is one of evaluation's; `bucket` is the customer's place, whether it decided or not.

    `since` is the oldest row from which on the answer and its reason were the same without a break, `current` the
    row in force at the moment; `where` is the place in the commit of `since` that says so, if the clone holds it.
    """

    feature: str
    customer: str
    as_of: datetime | None
    is_enabled: bool
    reason: str
    bucket: int
    current: Passage
    since: Passage
    where: str | None = None
