"""What a person is told of a rollback: who is off, whether git knows, and how to start again."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reconciler.domain.rollback import begins_again
from reconciler.domain.state import State
from reconciler.domain.write_back import climb
from reconciler.render.documents import VERSION
from reconciler.render.moments import both, iso
from reconciler.render.style import Style, Tone
from reconciler.render.text import printable, wrapped


def rollback_text(before: State, after: State, style: Style, *, is_new: bool) -> str:
    """Return what was done, from the states before and after; with `is_new` False there was nothing to do."""
    tier = int(before.standing.tier)
    what = f"tier {tier} -> 0, off for everybody" if is_new else "is off for everybody already"
    head = f"{style.paint(after.feature, Tone.STRONG)}  {style.paint(what, Tone.BAD)}"
    lines = [head]
    for text in _facts(before, after, style, is_new=is_new):
        lines += wrapped(text, columns=style.width, first="  ", rest="  ")
    return "\n".join(lines) + "\n"


def rollback_json(before: State, after: State, *, is_new: bool) -> str:
    """Return the same as a JSON document."""
    record = after.rollback
    returns = (
        None
        if record is None or not is_new
        else record.at + climb(after.standing.gates.dwell, before.standing.tier)
    )
    document = {
        "version": VERSION,
        "kind": "rollback",
        "feature": after.feature,
        "attempt": after.standing.attempt,
        "is_new": is_new,
        "from_tier": int(before.standing.tier) if is_new else None,
        "id": None if record is None else str(record.id),
        "at": None if record is None else iso(record.at),
        "reason": None if record is None else record.reason,
        "in_git": None if record is None else record.in_git,
        "returns_at": None if returns is None else iso(returns),
    }
    return json.dumps(document, indent=2) + "\n"


def _facts(before: State, after: State, style: Style, *, is_new: bool) -> Iterator[str]:
    record = after.rollback
    if record is None:
        return
    since = both(record.at, style.zone)
    yield f"attempt {after.standing.attempt} was rolled back {since}: {printable(record.reason)}"
    if record.in_git is None:
        yield "git is not told yet, and it stays off all the same: `reconciler run --remote NAME` tells git"
    else:
        yield f"git tells of it: {record.in_git[:10]}"
    again = f"to start again set {begins_again(after)}"
    climbs = climb(after.standing.gates.dwell, before.standing.tier)
    if is_new and climbs:
        returns = record.at + climbs
        again += f"; tier {int(before.standing.tier)} can be reached on {both(returns, style.zone)} at the earliest"
    yield again
