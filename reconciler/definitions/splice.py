"""The text of a definition with the places of its nodes, and pieces of it that give way to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from reconciler.definitions.fault import Fault
from reconciler.definitions.places import Mark

_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_BOM = b"\xef\xbb\xbf"
_BLANKS = " \t"


class UnsafeError(Exception):
    """A place where nobody can tell what an edit would do, or an edit whose result is in doubt."""

    def __init__(self, place: Mark | Fault, fact: str, remedy: str = "write by hand") -> None:
        super().__init__(fact)
        of_fault = isinstance(place, Fault)
        self.line = place.line if of_fault else place.line + 1
        self.column = place.column if of_fault else place.column + 1
        self.fact = fact
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Splice:
    """The characters from `start` to before `end` give way to `text`."""

    start: int
    end: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the file: its key, its value, and the index behind the colon between them."""

    key: yaml.ScalarNode
    value: yaml.Node
    behind_colon: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file that the strict parser takes: every line of `text` is ended, `root` knows where its nodes stand."""

    text: str
    root: yaml.MappingNode
    head: bytes
    tail: str
    """The line ending that the last line of the file lacks, and that `text` has there; else empty."""
    pairs: Mapping[str, tuple[yaml.ScalarNode, yaml.Node]]

    @property
    def is_flow(self) -> bool:
        """Whether the fields stand in braces."""
        return is_flow(self.root)

    def has(self, name: str) -> bool:
        """Whether the file has this field."""
        return name in self.pairs

    def node(self, name: str) -> yaml.Node:
        """Return the value of a field that the file has."""
        return self.pairs[name][1]

    def field(self, name: str) -> Field:
        """Return a field that the file has; refuse one whose colon doesn't follow its key on the line."""
        key, value = self.pairs[name]
        colon = self.skip_blanks(key.end_mark.index)
        if self.text[colon] != ":" or self._asks(key):
            raise UnsafeError(key.start_mark, f"{name} is not written as `{name}: value`")
        return Field(key=key, value=value, behind_colon=colon + 1)

    def skip_blanks(self, index: int) -> int:
        """Return the index of the first character from `index` on that is no blank."""
        while self.text[index] in _BLANKS:
            index += 1
        return index

    def back_over_blanks(self, index: int) -> int:
        """Return the index behind the last character before `index` that is no blank."""
        while index and self.text[index - 1] in _BLANKS:
            index -= 1
        return index

    def line_start(self, index: int) -> int:
        """Return where the line of a character begins."""
        return self.text.rfind("\n", 0, index) + 1

    def next_line(self, index: int) -> int:
        """Return where the line behind that of a character begins."""
        return self.text.index("\n", index) + 1

    def line_ending(self, index: int) -> str:
        """Return how the line of a character ends."""
        end = self.text.index("\n", index)
        return "\r\n" if self.text[end - 1 : end] == "\r" else "\n"

    def is_first(self, index: int) -> bool:
        """Whether nothing but blanks stands before a character on its line."""
        before = self.back_over_blanks(index)
        return self.text[before - 1 : before] in {"", "\n"}

    def ends_line(self, index: int) -> bool:
        """Whether nothing but blanks and a comment stands from a character on to the end of its line."""
        return self.text[self.skip_blanks(index)] in "\r\n#"

    def spliced(self, splices: Iterable[Splice]) -> bytes:
        """Return the file with these pieces in place of those; pieces at one place follow each other as given."""
        pieces, at = [], 0
        for splice in sorted(splices, key=lambda each: (each.start, each.end)):
            pieces += [self.text[at : splice.start], splice.text]
            at = splice.end
        text = "".join((*pieces, self.text[at:]))
        return self.head + (_unended(text) if self.tail else text).encode()

    def _asks(self, key: yaml.ScalarNode) -> bool:
        before = self.back_over_blanks(key.start_mark.index)
        return self.text[before - 1 : before] == "?"


def is_flow(node: yaml.Node) -> bool:
    """Whether a list or mapping stands in brackets or braces."""
    return getattr(node, "flow_style", None) is True


def sheet_of(content: bytes) -> Sheet:
    """Return the sheet of a file that the strict parser has read without a fault."""
    head = _BOM if content.startswith(_BOM) else b""
    text = content[len(head) :].decode()
    tail = "" if text.endswith("\n") else _last_line_ending(text)
    root = yaml.compose(text + tail, Loader=_Loader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("the root of a definition is a mapping")
    pairs = {key.value: (key, value) for key, value in root.value}
    return Sheet(text=text + tail, root=root, head=head, tail=tail, pairs=pairs)


def _last_line_ending(text: str) -> str:
    end = text.rfind("\n")
    return "\r\n" if text[end - 1 : end] == "\r" else "\n"


def _unended(text: str) -> str:
    unended = text.removesuffix("\n").removesuffix("\r")
    # A blank line without an ending would be none.
    return text if unended.endswith("\n") else unended
