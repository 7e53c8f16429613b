"""Two rows of a chain, one after the other: what the second may say, and what the server fills in for it."""

from __future__ import annotations

import re
from datetime import UTC, timedelta

from reconciler.domain.gates import Gates, stricter
from reconciler.domain.ladder import Tier
from reconciler.domain.record import Link, Previous

FIRST_KINDS = frozenset({"create", "adopt"})
"""What the first row of a chain may be, and no other."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def seconds_at(gates: Gates, tier: int) -> int:
    """Return the dwell of a tier as the chain keeps it."""
    return int(gates.dwell.at(Tier(tier)).total_seconds())


def as_previous(link: Link) -> Previous:
    """Return what the row after this one has to say of it."""
    standing = link.standing
    return Previous(
        version=link.version,
        tier=int(standing.tier),
        target=int(standing.target),
        attempt=standing.attempt,
        rolled_back=standing.rolled_back,
        retired=standing.retired,
        at=link.at,
        epoch=link.epoch,
        epoch_started_at=link.epoch_started_at,
        settled_revision=link.settled_revision,
        settled_dwell=link.settled_dwell,
        settled_exposed=link.settled_exposed,
    )


def written_by(link: Link) -> str:
    """Say who wrote a row that the product never writes."""
    return (
        f"the product never writes that, {link.recorded_by} did at {link.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    )


def is_raise(link: Link) -> bool:
    """Tell whether a row exposes more customers by tier; a new attempt counts."""
    return link.kind in {"promote", "restart"} or (link.kind in FIRST_KINDS and link.standing.tier > Tier.DISABLED)


def is_commit(text: str | None) -> bool:
    """Tell whether a text is the id of a commit, or none at all."""
    return text is None or _COMMIT.fullmatch(text) is not None


def is_no_looser(gates: Gates, settled: Gates) -> bool:
    """Tell whether none of these gates is looser than the settled one."""
    return stricter(settled, gates) == gates


def stays(before: Link, link: Link) -> bool:
    """Tell whether a row keeps tier and attempt."""
    one, other = before.standing, link.standing
    return (one.tier, one.attempt) == (other.tier, other.attempt)


def is_one_stay(before: Link, link: Link) -> bool:
    """Tell whether the epoch follows from the row before."""
    here = (link.epoch, link.epoch_started_at)
    if stays(before, link):
        return here == (before.epoch, before.epoch_started_at)
    return here == (before.epoch + 1, link.at)


def dwelt(before: Link, link: Link) -> bool:
    """Tell whether a promotion waited as long as the gates before it, and its own, asked for."""
    if link.kind != "promote" or not before.standing.tier:
        return True
    if link.gate_dwell is None:
        return False
    tier = before.standing.tier
    asked = max(seconds_at(before.standing.settled, tier), seconds_at(link.standing.settled, tier))
    served = min(link.at, link.clocked_at) - before.epoch_started_at
    return asked <= link.gate_dwell and served >= timedelta(seconds=link.gate_dwell)


def is_proven(before: Link, link: Link) -> bool:
    """Tell whether a promotion had the evidence that the gates asked for."""
    if link.kind != "promote" or not before.standing.tier or link.verdict == "healthy":
        return True
    asked = [each.standing.settled.thresholds.min_exposed for each in (before, link)]
    return link.verdict == "insufficient" and not any(asked)


def attempt_follows(before: Link, link: Link) -> bool:
    """Tell whether the attempt follows from the row before."""
    one, other = before.standing.attempt, link.standing.attempt
    if link.kind == "restart":
        return other in {one, one + 1}
    return other == one or (link.kind == "rollback" and other > one and link.rollback_commit is not None)


def rolls_back(before: Link, link: Link) -> bool:
    """Tell whether a rollback does what its name says."""
    is_new = link.standing.attempt > before.standing.attempt or not before.standing.rolled_back
    return link.kind != "rollback" or (link.standing.rolled_back and not link.standing.tier and is_new)


def restarts(before: Link, link: Link) -> bool:
    """Tell whether a restart does what its name says."""
    one, other = before.standing, link.standing
    is_next = other.attempt == one.attempt + 1 and other.tier <= Tier.INTERNAL
    return link.kind != "restart" or (one.rolled_back and not other.rolled_back and is_next)


def retires(before: Link, link: Link) -> bool:
    """Tell whether a retirement does what its name says."""
    one, other = before.standing, link.standing
    is_finished = one.rolled_back or one.tier in (Tier.DISABLED, one.target)
    is_so = other.retired and not one.retired and other.tier == one.tier and is_finished
    return link.kind != "retire" or is_so


def climbs_one(before: Link, link: Link) -> bool:
    """Tell whether a promotion does what its name says."""
    one = before.standing
    is_so = link.standing.tier == one.tier + 1 and not one.rolled_back and not one.retired
    return link.kind != "promote" or is_so


def settles_on_change(link: Link, *, stays: bool) -> bool:
    """Tell whether a row that moves has its whole definition in force."""
    return link.is_settled or link.standing.rolled_back or stays


def server_settled(link: Link, before: Link | None) -> bool:
    """Tell whether the commit that settled the gates is the one that the server would have written."""
    carried = before.settled_revision if before is not None and stays(before, link) else ""
    return link.settled_revision == ((link.revision or "") if link.is_settled else carried)


def server_rollback(link: Link, before: Link | None) -> bool:
    """Tell whether the rollback that holds it is the one that the server would have written."""
    expected = link.id if link.standing.rolled_back else None
    if before is not None and link.standing.rolled_back and before.standing.rolled_back:
        expected = before.rollback_id if before.standing.attempt == link.standing.attempt else link.id
    return link.rollback_id == expected


def server_started(link: Link, before: Link | None) -> bool:
    """Tell whether the attempt began when the server would have written."""
    expected = link.at if link.standing.tier else None
    if before is not None and before.started_at is not None and before.standing.attempt == link.standing.attempt:
        expected = before.started_at
    return link.started_at == expected


def server_completed(link: Link, before: Link | None) -> bool:
    """Tell whether it is complete since when the server would have written."""
    now = link.standing
    if now.tier != now.target or now.rolled_back:
        return link.completed_at is None
    if before is not None and before.standing.tier == before.standing.target == now.target:
        return link.completed_at == (before.completed_at or link.at)
    return link.completed_at == link.at


def generated(link: Link) -> bool:
    """Tell whether the columns that follow from tier, kind and gates do."""
    standing, settled = link.standing, link.standing.settled
    return (link.percentage, link.is_raise, link.settled_dwell, link.settled_exposed) == (
        standing.tier.exposure,
        is_raise(link),
        seconds_at(settled, standing.tier),
        settled.thresholds.min_exposed,
    )
