"""What the product or a person may want of a generated definition, and what it then means and reads like."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from reconciler.definitions.edit import Edit
from tests.builders.spellings import LAST, LISTS, PLAIN_IDS, QUOTED_IDS, SCALARS, Line, Spelling

_DEFAULTS = {"attempt": 1, "rolled_back": 0, "paused": False}


def a_wish(random: Random, values: dict[str, Any]) -> Edit:
    """A change that the rules allow."""
    kinds = [
        _rollback,
        _pause,
        _customers,
        _customers,
        _everything,
        *([_restart] if values.get("rolled_back") else []),
    ]
    return random.choice(kinds)(random, values)


def meaning_of(values: dict[str, Any], wish: Edit) -> dict[str, Any]:
    """What the definition means when the wish is fulfilled."""
    meant = dict(values)
    for name in SCALARS:
        wanted = getattr(wish, name)
        if wanted is not None and values.get(name, _DEFAULTS.get(name)) != wanted:
            meant[name] = wanted
    for name in LISTS:
        old = values.get(name, [])
        gone, come = getattr(wish, f"{name}_remove"), getattr(wish, f"{name}_add")
        new = [each for each in old if each not in gone] + [each for each in come if each not in old]
        if new != old:
            meant[name] = new
    return meant


def may_change(spelling: Spelling, meant: dict[str, Any]) -> frozenset[int]:
    """The numbers of the lines that may read otherwise when the file means this."""
    open_to: set[str] = set()
    for name in _changed(spelling.values, meant):
        if name not in spelling.values:
            open_to |= {LAST if name in LISTS else "tier"} if spelling.is_flow else set()
        elif name in LISTS:
            open_to |= _items(name, spelling.values[name], meant[name])
        else:
            open_to.add(name)
    return frozenset(number for number, line in enumerate(spelling.lines) if line.owners & open_to)


def new_lines(spelling: Spelling, meant: dict[str, Any]) -> int:
    """How many lines may come at most."""
    come = 0
    for name in _changed(spelling.values, meant):
        is_missing = name not in spelling.values
        come += is_missing and not spelling.is_flow
        if name in LISTS:
            come += len(set(meant[name]) - set(spelling.values.get(name, [])))
    return come


def with_scalars(spelling: Spelling, meant: dict[str, Any]) -> bytes:
    """The bytes of the file when numbers and switches alone are as meant."""
    changed = {name: str(meant[name]).lower() for name in SCALARS if name in _changed(spelling.values, meant)}
    missing = [
        f"{spelling.quote}{name}{spelling.quote}: {changed[name]}" for name in changed.keys() - spelling.values
    ]
    missing.sort(key=lambda line: [name in line for name in SCALARS], reverse=True)
    lines: list[str] = []
    for line in spelling.lines:
        inline = "".join(f", {each}" for each in missing) if spelling.is_flow else ""
        lines.append(_spliced(line, changed, inline))
        if not spelling.is_flow and any(slot == "tier" for _, slot in line.pieces):
            lines += [spelling.indent + each for each in missing]
    return spelling.joined(lines)


def _spliced(line: Line, changed: dict[str, str], behind_tier: str) -> str:
    texts = []
    for text, slot in line.pieces:
        texts.append(changed.get(slot, text) + (behind_tier if slot == "tier" else ""))
    return "".join(texts)


def _changed(values: dict[str, Any], meant: dict[str, Any]) -> list[str]:
    return [name for name in (*SCALARS, *LISTS) if meant.get(name) != values.get(name)]


def _items(name: str, old: list[str], new: list[str]) -> set[str]:
    """The lines of items that go, of the last one that stays, and where none stays that of the field or bracket."""
    kept = [item for item in old if item in new]
    return {*(f"{name}:{item}" for item in old if item not in new), f"{name}:{kept[-1]}" if kept else name}


def _rollback(_: Random, values: dict[str, Any]) -> Edit:
    return Edit(tier=0, rolled_back=values.get("attempt", 1))


def _restart(_: Random, values: dict[str, Any]) -> Edit:
    return Edit(tier=1, attempt=values["rolled_back"] + 1)


def _pause(random: Random, _: dict[str, Any]) -> Edit:
    return Edit(paused=random.random() < 0.5)


def _customers(random: Random, values: dict[str, Any]) -> Edit:
    taken = {item for name in LISTS for item in values.get(name, [])}
    free = [each for each in random.sample([*PLAIN_IDS, *QUOTED_IDS], 18) if each not in taken]
    changes: dict[str, Any] = {}
    for name in random.sample(LISTS, random.randint(1, 2)):
        old = values.get(name, [])
        changes[f"{name}_add"] = tuple(free.pop() for _ in range(random.randint(0, 2)))
        changes[f"{name}_remove"] = tuple(random.sample(old, random.randint(0, len(old))))
    return Edit(**changes)


def _everything(random: Random, values: dict[str, Any]) -> Edit:
    return replace(_customers(random, values), tier=0, rolled_back=values.get("attempt", 1), paused=True)
