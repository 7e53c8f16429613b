"""The same definition in the thousand ways in which people and tools write YAML, and wishes to change it.

A seed gives a file, what it means (known here, not read from it) and what stands on each of its lines: a test of
edits compares by these, and by nothing that the editor knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, TypeAlias

Piece: TypeAlias = tuple[str, str]
"""A text, and the name of the field whose value it is; else empty."""

SCALARS = ("tier", "rolled_back", "attempt", "paused")
LISTS = ("whitelist", "blacklist")
LAST = "the end of the last field"
PLAIN_IDS = ("acme", "globex", "customer-17", "tier", "initech", "umbrella-2", "hooli")
QUOTED_IDS = ("007", "yes", "1e3", "a, b", "it's", "tier: 3", "# x", "Müller \U0001f600", "[x]", 'say "hi"', "null")
_TEXTS = ("Checkout", "tier-3 of 4", "a tier, and more", "rolled_back 3 times", "für alle \U0001f600")
_LONG_TEXTS = ("tier: 3\n# no comment\n\nrolled_back: 9\n", "one\n  tier: 3")


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its ending; `owners` are the fields and the items (`field:item`) that end on it."""

    pieces: tuple[Piece, ...]
    owners: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.pieces)

    def between(self, before: str, behind: str) -> Line:
        return Line(((before, ""), *self.pieces, (behind, "")), self.owners)

    def owned_by(self, *names: str) -> Line:
        return Line(self.pieces, self.owners | set(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """A file, its meaning and its lines; `is_plain` when nothing in it is written as hardly anybody does."""

    values: dict[str, Any]
    lines: list[Line]
    ending: str
    is_marked: bool
    is_ended: bool
    is_flow: bool
    is_plain: bool
    indent: str
    quote: str

    @property
    def content(self) -> bytes:
        return self.joined([line.text for line in self.lines])

    def joined(self, lines: list[str]) -> bytes:
        """Return the file with these lines instead."""
        text = self.ending.join(lines) + (self.ending if self.is_ended else "")
        return b"\xef\xbb\xbf" * self.is_marked + text.encode()


def a_spelling(random: Random) -> Spelling:
    """A sound definition in a style of its own."""
    writer = _Writer(random)
    values = _values(random)
    lines = [*writer.head(), *(writer.flow(values) if writer.is_flow else writer.block(values)), *writer.foot()]
    is_ended = writer.chance(0.8)
    if not is_ended and (lines[-1].owners & {"description"} or not lines[-1].text.strip()):
        # Without an ending a blank line is none, and a block text loses its last line break.
        lines.append(_line("# the end"))
    return Spelling(
        values=values,
        lines=lines,
        ending=random.choice(["\n", "\n", "\r\n"]),
        is_marked=writer.chance(0.2),
        is_ended=is_ended,
        is_flow=writer.is_flow,
        is_plain=writer.is_plain,
        indent=writer.indent,
        quote=writer.quote,
    )


def _values(random: Random) -> dict[str, Any]:
    rolled_back = random.choice([0, 0, 0, 1, 3])
    is_off = rolled_back > 0 and random.random() < 0.5
    ids = random.sample([*PLAIN_IDS, *QUOTED_IDS], 10)
    split = random.randint(0, 6)
    optional: dict[str, Any] = {
        "description": random.choice([*_TEXTS, *_LONG_TEXTS]),
        "owner": random.choice(_TEXTS),
        "target": 4,
        "paused": random.random() < 0.5,
        "whitelist": ids[:split],
        "blacklist": ids[split : split + random.randint(0, 4)],
        "dwell": {1: "48h", 3: "7d"},
        "thresholds": {"error_rate": 0.03, "min_exposed": 3},
    }
    kept = {name: value for name, value in optional.items() if random.random() < 0.5}
    kept |= {"feature": "checkout", "tier": 0 if is_off else random.randint(0, 4)}
    if rolled_back or random.random() < 0.3:
        kept["rolled_back"] = rolled_back
    attempt = rolled_back if is_off else rolled_back + 1
    if attempt > 1 or random.random() < 0.3:
        kept["attempt"] = attempt
    names = random.sample(list(kept), len(kept))
    return {name: kept[name] for name in names}


def _line(text: str, *owners: str, slot: str = "") -> Line:
    return Line(((text, slot),), frozenset(owners))


@dataclass(slots=True)
class _Writer:
    random: Random
    is_plain: bool = True
    is_flow: bool = field(init=False)
    indent: str = field(init=False)
    quote: str = field(init=False)
    comments: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.is_flow = self.chance(0.25)
        self.indent = self.random.choice(["", "", "", "  ", "    "])
        self.quote = self.random.choice(["", "", "", "'", '"'])

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def head(self) -> list[Line]:
        start = [*([_line("%YAML 1.2")] if self.chance(0.3) else []), _line("---" + self.remark())]
        return [*self.remarks(""), *(start if self.chance(0.2) else []), *self.remarks("")]

    def foot(self) -> list[Line]:
        return [
            *self.remarks(""),
            *([_line("..." + self.remark())] if self.chance(0.15) else []),
            *self.remarks(""),
        ]

    def remarks(self, indent: str) -> list[Line]:
        text = self.random.choice(
            ["", f"{indent}# c{next(self.comments)}. ä tier: 3", f"{indent}#c. tier: 3", "  "]
        )
        return [_line(text)] if self.chance(0.3) else []

    def remark(self) -> str:
        blank = self.random.choice(["", "", " ", "   ", "\t"])
        return f"{blank or ' '}# c{next(self.comments)}. tier: 3, \U0001f600" if self.chance(0.4) else blank

    def key(self, name: str) -> str:
        return f"{self.quote}{name}{self.quote}{' ' if self.chance(0.1) else ''}:"

    def text(self, value: str) -> str:
        """Spell a text on one line; in quotes, if it needs them or by chance."""
        can_be_plain = value in PLAIN_IDS or (value in _TEXTS and not (self.is_flow and "," in value))
        if can_be_plain and self.chance(0.6):
            return value
        is_single = "\n" not in value and self.chance(0.5)
        return "'" + value.replace("'", "''") + "'" if is_single else json.dumps(value, ensure_ascii=False)

    def one_line(self, value: Any) -> str:
        match value:
            case bool():
                return self.random.choice([str(value), str(value).lower(), str(value).upper()])
            case str():
                return self.text(value)
            case dict():
                return "{" + ", ".join(f"{key}: {item}" for key, item in value.items()) + "}"
            case _:
                return str(value)

    # A field on each line

    def block(self, values: dict[str, Any]) -> list[Line]:
        lines: list[Line] = []
        for name, value in values.items():
            lines += [*self.remarks(self.indent), *self.block_field(name, value)]
        return lines

    def block_field(self, name: str, value: Any) -> list[Line]:
        if isinstance(value, list):
            if value and self.chance(0.6):
                return self.block_list(name, value)
            return self.wrapped(f"{self.indent}{self.key(name)} ", self.flow_list(name, value), self.remark())
        if isinstance(value, dict) and self.chance(0.5):
            inner = [_line(f"{self.indent}  {key}: {item}{self.remark()}") for key, item in value.items()]
            return [_line(f"{self.indent}{self.key(name)}{self.remark()}"), *inner]
        if isinstance(value, str) and "\n" in value and self.chance(0.7):
            texts = [f"{self.indent}  {text}" if text else "" for text in value.splitlines()]
            header = f"{self.indent}{self.key(name)} |{'' if value.endswith(chr(10)) else '-'}{self.remark()}"
            return [_line(header), *(_line(text, name) for text in texts)]
        return self.scalar(name, _line(self.one_line(value), name, slot=name))

    def scalar(self, name: str, value: Line) -> list[Line]:
        if self.chance(0.02):
            self.is_plain = False
            return [_line(f"{self.indent}? {name}"), value.between(f"{self.indent}: ", "")]
        if self.chance(0.15):
            key = _line(f"{self.indent}{self.key(name)}{self.remark()}")
            return [key, *self.remarks(self.indent + "  "), value.between(f"{self.indent}  ", self.remark())]
        blank = self.random.choice([" ", " ", " ", "    ", "\t"])
        return [value.between(f"{self.indent}{self.key(name)}{blank}", self.remark())]

    def block_list(self, name: str, items: list[str]) -> list[Line]:
        indent = self.indent + self.random.choice(["", "  ", "  ", "     "])
        dash = self.random.choice(["- ", "- ", "-   "])
        lines = [_line(f"{self.indent}{self.key(name)}{self.remark()}", name)]
        for item in items:
            owner = f"{name}:{item}"
            lines += self.remarks(indent)
            if self.chance(0.03):
                self.is_plain = False
                first = self.random.choice(["-", "- |-"])
                text = item if first != "-" else json.dumps(item, ensure_ascii=False)
                lines += [_line(indent + first, owner), _line(f"{indent}    {text}", owner)]
            else:
                lines.append(_line(f"{indent}{dash}{self.text(item)}{self.remark()}", owner))
        return lines

    # In brackets

    def flow(self, values: dict[str, Any]) -> list[Line]:
        if self.chance(0.4):
            return [self.flow_on_one_line(values)]
        lines = [_line("{" + self.remark())]
        for name, value in values.items():
            is_last = name == list(values)[-1]
            comma = "" if is_last and self.chance(0.7) else ","
            lines += self.remarks("  ")
            written = self.flow_list(name, value) if isinstance(value, list) else [self.slot(name, value)]
            written[-1] = written[-1].owned_by(*([LAST] if is_last else []))
            lines += self.wrapped(f"  {self.key(name)} ", written, comma + self.remark())
        return [*lines, *self.remarks(""), _line("}" + self.remark())]

    def flow_on_one_line(self, values: dict[str, Any]) -> Line:
        pieces: list[Piece] = []
        owners = {LAST, *values}
        for name, value in values.items():
            items = value if isinstance(value, list) else []
            owners |= {f"{name}:{item}" for item in items}
            inside = ", ".join(self.text(item) for item in items)
            line = _line(f"[{inside}]") if isinstance(value, list) else self.slot(name, value)
            pieces += [(", " if pieces else "", ""), (self.key(name) + " ", ""), *line.pieces]
        return Line((("{", ""), *pieces, ("}" + self.remark(), "")), frozenset(owners))

    def slot(self, name: str, value: Any) -> Line:
        return _line(self.one_line(value), name, slot=name)

    def flow_list(self, name: str, items: list[str]) -> list[Line]:
        texts = [(self.text(item), f"{name}:{item}") for item in items]
        if self.chance(0.5):
            pad, comma = self.random.choice(["", "", " "]), "," if items and self.chance(0.2) else ""
            inside = ", ".join(text for text, _ in texts)
            return [_line(f"[{pad}{inside}{comma}{pad}]", name, *(owner for _, owner in texts))]
        if len(texts) > 2 and self.chance(0.2):
            self.is_plain = False
            first, *others = texts
            lines = [_line(f"    , {text}{self.remark()}", owner) for text, owner in others]
            return [_line(f"[ {first[0]}{self.remark()}", name, first[1]), *lines, _line("    ]")]
        return [_line("[" + self.remark(), name), *self.flow_items(texts), _line("    ]")]

    def flow_items(self, texts: list[tuple[str, str]]) -> list[Line]:
        lines: list[Line] = []
        a_line = self.random.choice([1, 1, 2])
        last_comma = "," if self.chance(0.3) else ""
        for start in range(0, len(texts), a_line):
            group = texts[start : start + a_line]
            comma = "," if start + a_line < len(texts) else last_comma
            inside = ", ".join(text for text, _ in group)
            lines += self.remarks("      ")
            lines.append(_line(f"      {inside}{comma}{self.remark()}", *(owner for _, owner in group)))
        return lines

    def wrapped(self, before: str, lines: list[Line], behind: str) -> list[Line]:
        lines[0] = lines[0].between(before, "")
        lines[-1] = lines[-1].between("", behind)
        return lines
