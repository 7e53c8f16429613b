"""The meaning of one rollout file: the rules that a schema can't state, and the definition with its defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from reconciler.definitions.fault import Fault, shown
from reconciler.definitions.gates import dwell_of, floor_faults, gate_faults, thresholds_of
from reconciler.definitions.places import Document
from reconciler.definitions.text import unseen_in_id
from reconciler.domain.definition import Definition, Source
from reconciler.domain.gates import Gates
from reconciler.domain.ladder import Tier

LONGEST_ID = 256
"""No customer id has more bytes of UTF-8."""


def rollout_faults(document: Document, stem: str | None, min_dwell: timedelta) -> Iterator[Fault]:
    """Yield the faults of sound fields against each other, the file's stem and the policy's floor.

    Fields that the schema refuses are passed over, so that all faults of a file come at once.
    """
    data = document.data
    yield from _name_faults(document, data.get("feature"), stem)
    yield from _tier_faults(document, data)
    yield from _attempt_faults(document, data)
    yield from _customer_faults(document, data)
    yield from gate_faults(document)
    yield from floor_faults(document, min_dwell)


def definition_of(data: Mapping[str, Any], source: Source, defaults: Gates) -> Definition:
    """Build the definition of a file without faults; what it doesn't name comes from `defaults`."""
    return Definition(
        feature=data["feature"],
        tier=Tier(data["tier"]),
        source=source,
        description=data.get("description", ""),
        owner=data.get("owner", ""),
        target=Tier(data.get("target", Tier.FULL)),
        attempt=data.get("attempt", 1),
        rolled_back=data.get("rolled_back", 0),
        paused=data.get("paused", False),
        whitelist=frozenset(data.get("whitelist", ())),
        blacklist=frozenset(data.get("blacklist", ())),
        gates=_gates(data, defaults),
    )


def _gates(data: Mapping[str, Any], defaults: Gates) -> Gates:
    if "dwell" not in data and "thresholds" not in data:
        return defaults
    return Gates(
        dwell=dwell_of(data.get("dwell", {}), defaults.dwell),
        thresholds=thresholds_of(data.get("thresholds", {}), defaults.thresholds),
    )


def _name_faults(document: Document, feature: object, stem: str | None) -> Iterator[Fault]:
    if stem is not None and isinstance(feature, str) and feature != stem:
        yield document.fault(
            "feature",
            rule="name",
            message=f"feature is {shown(feature)}, the file is {stem}.yaml",
            remedy="make them equal",
        )


def _tier_faults(document: Document, data: Mapping[str, Any]) -> Iterator[Fault]:
    tier, target = _whole(data, "tier", 0), _whole(data, "target", Tier.FULL)
    if tier is not None and target is not None and target in range(1, 5) and target < tier <= Tier.FULL:
        yield document.fault(
            "tier",
            rule="target",
            message=f"tier is {tier}, beyond its target of {target}",
            remedy=f"lower tier to {target}, or raise target",
        )


def _attempt_faults(document: Document, data: Mapping[str, Any]) -> Iterator[Fault]:
    attempt, rolled_back = _whole(data, "attempt", 1), _whole(data, "rolled_back", 0)
    if attempt is None or rolled_back is None or rolled_back < 0:
        return
    if attempt not in {rolled_back, rolled_back + 1}:
        yield document.fault(
            "attempt" if "attempt" in data else "rolled_back",
            rule="attempt",
            message=f"attempt is {attempt} and rolled_back is {rolled_back}",
            remedy=_attempt_remedy(rolled_back),
        )
    elif attempt == rolled_back > 0 and (_whole(data, "tier", 0) or 0) > 0:
        yield document.fault(
            "tier",
            rule="rolled-back",
            message=f"tier is {data['tier']}, but attempt {attempt} was rolled back",
            remedy=f"set tier to 0, or restart with `attempt: {attempt + 1}` and `tier: 1`",
        )


def _attempt_remedy(rolled_back: int) -> str:
    if rolled_back == 0:
        return "set attempt to 1; it rises only after a rollback"
    return f"set attempt to {rolled_back} (with tier 0), or to {rolled_back + 1} for a restart"


def _customer_faults(document: Document, data: Mapping[str, Any]) -> Iterator[Fault]:
    white, black = (_texts(data.get(name)) for name in ("whitelist", "blacklist"))
    for name, customers in (("whitelist", white), ("blacklist", black)):
        for customer, index in customers.items():
            if len(customer) > LONGEST_ID // 4:
                yield from _length_faults(document, name, index, customer)
            if (unseen := unseen_in_id(customer)) is not None:
                message = f"{name} entry {index + 1} is {shown(customer)}: it holds {unseen}, which nobody can see"
                yield document.fault(name, index, rule="unseen-character", message=message, remedy="delete it")
    for customer in (each for each in black if each in white):
        line = document.value_spot("whitelist", white[customer]).start_mark.line + 1
        yield document.fault(
            "blacklist",
            black[customer],
            rule="both-lists",
            message=f"{shown(customer)} is on the whitelist too, on line {line}",
            remedy="delete it from one of the lists",
        )


def _texts(customers: object) -> dict[str, int]:
    if not isinstance(customers, list):
        return {}
    return {customer: index for index, customer in enumerate(customers) if isinstance(customer, str)}


def _length_faults(document: Document, name: str, index: int, customer: str) -> Iterator[Fault]:
    size = len(customer.encode("utf-8", "surrogatepass"))
    if size > LONGEST_ID:
        yield document.fault(
            name,
            index,
            rule="length",
            message=f"{name} entry {index + 1} has {size} bytes, the limit is {LONGEST_ID}",
            remedy="shorten it",
        )


def _whole(data: Mapping[str, Any], field: str, default: int) -> int | None:
    value = data.get(field, default)
    return value if type(value) is int else None
