"""Files in random styles: an edit changes the lines that it must and no other, or refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
import yaml

from reconciler.definitions.edit import Edit, edit
from reconciler.definitions.parse import parse
from reconciler.errors import EditRefusedError
from tests.builders.spellings import LISTS, SCALARS, Spelling, a_spelling
from tests.builders.wishes import a_wish, may_change, meaning_of, new_lines, with_scalars

_LARGE = [pytest.mark.slow, pytest.mark.timeout(600)]
_JUNK = [
    *(
        b"\n",
        b"\r\n",
        b"\r",
        b"\t",
        b"  ",
        b"- ",
        b"? ",
        b": ",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b"#",
        b" # c",
        b"'",
        b'"',
        b"|",
    ),
    *(
        b"\\",
        b"\n  ",
        b"---\n",
        b"...\n",
        b"&a",
        b"*a",
        b"!!str ",
        b"\xc3\xa9",
        b"\xc3",
        b"0",
        b"\xef\xbb\xbf",
        b"[]",
    ),
    *(b"tier: 1\n", b"whitelist:\n", b"- a\n", b"? a\n", b"null", b""),
]
_SHARES = [range(300), pytest.param(range(300, 5_300), marks=_LARGE, id="5000")]


@pytest.mark.parametrize("seeds", _SHARES)
def test_changes_what_is_meant_or_refuses(seeds: range) -> None:
    refused = []
    for seed in seeds:
        spelling, wish = _case(seed)
        content, meant = spelling.content, meaning_of(spelling.values, wish)
        try:
            result = edit(content, "checkout.yaml", wish)
        except EditRefusedError:
            refused.append(spelling)
        else:
            _assert_meant(seed, spelling, meant, result)
            assert edit(result, "checkout.yaml", wish) is result
            assert (result is content) == (meant == spelling.values)

    assert not [spelling.content for spelling in refused if spelling.is_plain]
    assert len(refused) <= len(seeds) * 0.05


@pytest.mark.parametrize("seeds", _SHARES)
def test_refuses_or_edits_whatever_the_bytes_are(seeds: range) -> None:
    for seed in seeds:
        random = Random(seed)
        spelling = a_spelling(random)
        content, wish = _damaged(random, spelling.content), a_wish(random, spelling.values)
        try:
            result = edit(content, "checkout.yaml", wish)
        except EditRefusedError as error:
            said = str(error)
            assert said.isprintable()
        else:
            assert _others(result) == _others(content), seed
            assert edit(result, "checkout.yaml", wish) is result


def _damaged(random: Random, content: bytes) -> bytes:
    for _ in range(random.randint(1, 3)):
        at = random.randint(0, len(content))
        content = content[:at] + random.choice(_JUNK) + content[at + random.choice([0, 0, 1, 3]) :]
    return content


def _others(content: bytes) -> dict[str, Any]:
    document = parse(content).document
    assert document is not None
    return {name: value for name, value in document.data.items() if name not in {*SCALARS, *LISTS}}


def _assert_meant(seed: int, spelling: Spelling, meant: dict[str, Any], result: bytes) -> None:
    assert yaml.load(result, yaml.CSafeLoader) == meant, seed
    if all(meant.get(name) == spelling.values.get(name) for name in LISTS):
        assert result == with_scalars(spelling, meant), seed
    old, new = (content.split(spelling.ending.encode()) for content in (spelling.content, result))
    assert _are_left(old, new, may_change(spelling, meant)), seed
    assert len(new) - len(old) <= new_lines(spelling, meant), seed
    assert all(comment in result for comment in _comments(spelling, meant)), seed


def _are_left(old: list[bytes], new: list[bytes], changed: frozenset[int]) -> bool:
    """Whether every line but those that may change is there, in order."""
    rest = iter(new)
    return all(line in rest for number, line in enumerate(old) if number not in changed)


def _comments(spelling: Spelling, meant: dict[str, Any]) -> Iterator[bytes]:
    """The numbered comments, but for those on the lines of items that go."""
    gone = {f"{name}:{item}" for name in LISTS for item in spelling.values.get(name, []) if item not in meant[name]}
    for line in spelling.lines:
        if not line.owners or not line.owners <= gone:
            yield from (found.encode() for found in re.findall(r"# c\d+\..*", line.text))


def _case(seed: int) -> tuple[Spelling, Edit]:
    random = Random(seed)
    spelling = a_spelling(random)
    return spelling, a_wish(random, spelling.values)
