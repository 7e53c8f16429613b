"""The proof of an edit: whatever an editor might break, it is not believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.definitions.edit_lists import ListChange
from reconciler.definitions.fault import Fault
from reconciler.definitions.parse import parse
from reconciler.definitions.proof import Proof, proof_of
from reconciler.definitions.splice import sheet_of

_CONTENT = b"""\
# first
feature: checkout
tier: 3  # now
owner: team

whitelist: # who
  # a comment
  - a
  - b # b
blacklist: [x]
# last
"""
_RESULT = b"""\
# first
feature: checkout
tier: 0  # now
rolled_back: 1
owner: team

whitelist: # who
  # a comment
  - a
  - c
blacklist: [x]
# last
"""
_LISTS = [ListChange(name="whitelist", removed=frozenset({1}), added=("c",))]


@pytest.mark.parametrize("convert", [lambda text: text, lambda text: text.replace(b"\n", b"\r\n"), bytes.rstrip])
def test_believes_what_was_meant(convert: Callable[[bytes], bytes]) -> None:
    assert _proof(convert(_CONTENT)).doubt(convert(_RESULT)) is None


@pytest.mark.parametrize(
    ("old", "new", "doubt"),
    [
        pytest.param(b"tier: 0", b"tier: 1", "the edit would also change tier", id="another tier"),
        pytest.param(b"tier: 0", b"tier: 0.0", "the edit would also change tier", id="a fraction"),
        pytest.param(b"tier: 0", b"tier: false", "the edit would also change tier", id="false for 0"),
        pytest.param(b"tier: 0", b"tier: '0'", "the edit would also change tier", id="text for 0"),
        pytest.param(
            b"tier: 0  # now", b"tier: 0", "the edit would change line 3", id="comment behind the tier lost"
        ),
        pytest.param(b"tier: 0  #", b"tier: 0 #", "the edit would change line 3", id="blank behind the tier lost"),
        pytest.param(b"rolled_back: 1\n", b"", "the edit would also change rolled_back", id="no rollback"),
        pytest.param(
            b"rolled_back: 1\n", b"rolled_back: 2\n", "the edit would also change rolled_back", id="another"
        ),
        pytest.param(b"owner: team", b"owner: tea", "the edit would also change owner", id="another owner"),
        pytest.param(b"owner: team\n", b"", "the edit would also change owner", id="no owner"),
        pytest.param(
            b"owner: team\n", b"owner: team\nattempt: 1\n", "the edit would also change attempt", id="more"
        ),
        pytest.param(b"  - a\n  - c", b"  - c\n  - a", "the edit would also change whitelist", id="another order"),
        pytest.param(b"  - c\n", b"  - c\n  - d\n", "the edit would also change whitelist", id="one more customer"),
        pytest.param(b"[x]", b"[]", "the edit would also change blacklist", id="one less"),
        pytest.param(b"# first", b"# First", "the edit would change line 1", id="comment changed"),
        pytest.param(b"# first\n", b"", "the edit would change line 1", id="comment lost"),
        pytest.param(b"  # a comment\n", b"", "the edit would change line 7", id="comment above an item lost"),
        pytest.param(b"whitelist: # who", b"whitelist:", "the edit would change line 6", id="comment behind lost"),
        pytest.param(b"team\n\n", b"team\n", "the edit would change line 5", id="blank line lost"),
        pytest.param(b"  - a\n", b"  -  a\n", "the edit would change line 8", id="blank added"),
        pytest.param(b"  - a\n", b"  - 'a'\n", "the edit would change line 8", id="quotes added"),
        pytest.param(b"  - a\n", b"  - a\r\n", "the edit would change line 8", id="line ending changed"),
        pytest.param(b"[x]", b"[ x ]", "the edit would change line 10", id="style changed"),
        pytest.param(b"feature", b"\xef\xbb\xbffeature", "the edited file could not be read", id="a mark in it"),
        pytest.param(b"# first", b"\xef\xbb\xbf# first", "the edit would change line 1", id="a mark before it"),
        pytest.param(b"# last\n", b"# last", "the edit would change the end of the file", id="end lost"),
        pytest.param(
            b"# last\n", b"# last\n\n\n", "the edit would write more lines than it must", id="blank lines"
        ),
        pytest.param(b"  - c\n", b"  - c\n  # b\n", "the edit would write more lines than it must", id="a comment"),
        pytest.param(b"tier: 0", b"tier: 0\ntier: 0", "the edited file could not be read", id="a field twice"),
        pytest.param(b"tier: 0", b"tier 0", "the edited file could not be read", id="no YAML"),
        pytest.param(b"tier: 0", b"tier: &a 0", "the edited file could not be read", id="an anchor"),
    ],
)
def test_doubts_what_was_not_meant(old: bytes, new: bytes, doubt: str) -> None:
    wrong = _RESULT.replace(old, new, 1)

    said = _proof(_CONTENT).doubt(wrong)

    assert isinstance(said, str)
    assert said.startswith(doubt)


def test_doubts_a_line_ending_that_was_not_there() -> None:
    proof = _proof(_CONTENT.rstrip())

    assert proof.doubt(_RESULT) == "the edit would change the end of the file"


def test_says_why_the_result_can_not_be_read() -> None:
    said = _proof(_CONTENT).doubt(_RESULT.replace(b"tier: 0", b"tier: &a 0"))

    assert said == "the edited file could not be read (&a names a value to repeat it)"


@pytest.mark.parametrize(
    ("content", "right", "wrong"),
    [
        pytest.param(
            b"{tier: 3}\n# c\n",
            b"{tier: 3, whitelist: [d]}\n# c\n",
            b"{tier: 3, whitelist: [d]}\n\n# c\n",
            id="in braces",
        ),
        pytest.param(
            b"tier: 3\n# c\n",
            b"tier: 3\nwhitelist:\n  - d\n# c\n",
            b"tier: 3\nwhitelist:\n\n  - d\n# c\n",
            id="lines",
        ),
    ],
)
def test_doubts_a_line_beside_a_new_list(content: bytes, right: bytes, wrong: bytes) -> None:
    document = parse(content).document
    assert document is not None
    lists = [ListChange(name="whitelist", removed=frozenset(), added=("d",))]
    proof = proof_of(content, document, sheet_of(content), {}, lists)

    assert proof.doubt(right) is None
    assert proof.doubt(wrong) == "the edit would write more lines than it must"


def test_names_the_fault_that_the_edit_would_bring() -> None:
    content = b"feature: checkout\ntier: 3\ntarget: 9\n"
    document = parse(content).document
    assert document is not None
    proof = proof_of(content, document, sheet_of(content), {"tier": 7}, [])

    said = proof.doubt(b"feature: checkout\ntier: 7\ntarget: 9\n")

    assert isinstance(said, Fault)
    assert said.message == "tier is 7, the most is 4"


def _proof(content: bytes) -> Proof:
    document = parse(content).document
    assert document is not None
    return proof_of(content, document, sheet_of(content), {"tier": 0, "rolled_back": 1}, _LISTS)


@pytest.mark.parametrize(
    ("content", "right", "wrong"),
    [
        pytest.param(
            b"\xef\xbb\xbf{tier: 3, a: [b, c], owner: o} # c\n",
            b"\xef\xbb\xbf{tier: 0, rolled_back: 1, a: [c, d], owner: o} # c\n",
            [
                b"{tier: 0, rolled_back: 1, a: [c, d], owner: o} # c\n",
                b"\xef\xbb\xbf{ tier: 0, rolled_back: 1, a: [c, d], owner: o} # c\n",
                b"\xef\xbb\xbf{tier: 0, rolled_back: 1, a: [c, d] , owner: o} # c\n",
                b"\xef\xbb\xbf{tier: 0, rolled_back: 1, a: [c, d], owner: o}\n",
                b"\xef\xbb\xbf{tier: 0, rolled_back: 1, a: [c, d], owner: o} # c\n\n",
            ],
            id="in braces",
        ),
        pytest.param(
            b"tier: 3\na: [b, c] # 1\n\nowner: o",
            b"tier: 0\nrolled_back: 1\na: [c, d] # 1\n\nowner: o",
            [
                b"tier: 0\nrolled_back: 1\na: [c, d]  # 1\n\nowner: o",
                b"tier: 0\nrolled_back: 1\na:  [c, d] # 1\n\nowner: o",
                b"tier: 0\nrolled_back: 1\na: [c, d]\n\nowner: o",
                b"tier: 0\nrolled_back: 1\na: [c, d] # 1\n\nowner: o\n",
                b"tier: 0\nrolled_back: 1\na: [c,\n d] # 1\n\nowner: o",
            ],
            id="brackets on one line",
        ),
        pytest.param(
            b"tier: 3\na: [ # 1\n  b, # 2\n  # 3\n  c # 4\n  ] # 5\n",
            b"tier: 0\nrolled_back: 1\na: [ # 1\n  # 3\n  c, # 4\n  d\n  ] # 5\n",
            [
                b"tier: 0\nrolled_back: 1\na: [\n  # 3\n  c, # 4\n  d\n  ] # 5\n",
                b"tier: 0\nrolled_back: 1\na: [ # 1\n  c, # 4\n  d\n  ] # 5\n",
                b"tier: 0\nrolled_back: 1\na: [ # 1\n  # 3\n c, # 4\n  d\n  ] # 5\n",
                b"tier: 0\nrolled_back: 1\na: [ # 1\n  # 3\n  c,\n  d\n  ] # 5\n",
                b"tier: 0\nrolled_back: 1\na: [ # 1\n  # 3\n  c, # 4\n  d\n  ]\n",
                b"tier: 0\nrolled_back: 1\na: [ # 1\n  # 3\n  c, # 4\n  d\n ] # 5\n",
            ],
            id="brackets on several lines",
        ),
    ],
)
def test_doubts_what_happened_beside_a_list(content: bytes, right: bytes, wrong: list[bytes]) -> None:
    document = parse(content).document
    assert document is not None
    lists = [ListChange(name="a", removed=frozenset({0}), added=("d",))]
    proof = proof_of(content, document, sheet_of(content), {"tier": 0, "rolled_back": 1}, lists)

    assert proof.doubt(right) is None
    assert [proof.doubt(each) is None for each in wrong] == [False] * len(wrong)
