"""What applications report of a customer and a feature, and what may be reported at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

LONGEST_CUSTOMER = 256  # bytes
LONGEST_METADATA = 4_096  # bytes of JSON as we write it; the database keeps twice that, as it writes it wider


class EventKind(StrEnum):
    """What happened; `rollback` is written by the product alone."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    ERROR = "error"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One report: `attempt` and `epoch` of the rollout that the sender knew, `metadata` as a JSON object.

    `is_enabled` says whether the feature was on for the customer. `is_claimed` marks an id that the sender chose:
    the same id sent again, in whatever batch, stores nothing.
    """

    id: UUID
    feature: str
    customer: str
    kind: EventKind
    attempt: int
    epoch: int
    is_enabled: bool
    sent_at: datetime
    metadata: str = "{}"
    is_claimed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events that land together or not at all, and once, however often they are sent."""

    id: UUID
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedEvent:
    """An event as the database keeps it, with the time of receipt that windows use."""

    received_at: datetime
    event: Event


def fault_of_customer(customer: object) -> str | None:
    """Say why this is no id of a customer and what would be one; None for a good one."""
    if not isinstance(customer, str):
        return f"a customer id is text, not {type(customer).__name__}; pass str(...)"
    if not customer:
        return "the customer id is empty; pass the id of whom it is about"
    if "\0" in customer:
        return f"customer id {customer[:40]!a} holds a NUL, which PostgreSQL can't keep; leave it out"
    try:
        size = len(customer.encode())
    except UnicodeEncodeError:
        return f"customer id {customer[:40]!a} holds a lone surrogate, which is no character; decode it anew"
    if size > LONGEST_CUSTOMER:
        return f"the customer id has {size} bytes, the limit is {LONGEST_CUSTOMER}; pass a shorter one or its hash"
    return None
