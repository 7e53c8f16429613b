"""Edits of a definition: byte for byte what a careful person would write, or a refusal that says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from reconciler.definitions.edit import Edit, edit
from reconciler.definitions.text import LARGEST_FILE
from reconciler.errors import EditRefusedError

_EDITS = Path(__file__).parents[2] / "data" / "definitions" / "edits"
_CASES = sorted(folder.name for folder in _EDITS.iterdir())
_ROLLBACK = Edit(tier=0, rolled_back=1)
_BASE = b"feature: checkout\ntier: 3\n"


@pytest.mark.parametrize("case", _CASES)
def test_writes_what_a_person_would(case: str) -> None:
    before, after = ((_EDITS / case / f"{name}.yaml").read_bytes() for name in ("before", "after"))

    assert edit(before, "checkout.yaml", _wanted(case)) == after


@pytest.mark.parametrize("case", _CASES)
def test_once_is_enough(case: str) -> None:
    after = (_EDITS / case / "after.yaml").read_bytes()

    assert edit(after, "checkout.yaml", _wanted(case)) is after


def test_what_is_wanted_step_by_step_or_at_once_is_the_same() -> None:
    lines = b"feature: checkout\r\ntier: 3 # c\r\nwhitelist: [a]\r\n"
    at_once = edit(lines, "x", Edit(tier=0, rolled_back=1, whitelist_add=("b",), whitelist_remove=("a",)))

    steps = [
        Edit(rolled_back=0, tier=0),
        Edit(rolled_back=1),
        Edit(whitelist_remove=("a",)),
        Edit(whitelist_add=("b",)),
    ]
    content = lines
    for step in steps:
        content = edit(content, "x", step)

    assert content == at_once


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(Edit(), id="nothing"),
        pytest.param(Edit(tier=3), id="the tier it has"),
        pytest.param(Edit(attempt=1, rolled_back=0, paused=False), id="defaults"),
        pytest.param(Edit(whitelist_add=("a",), blacklist_remove=("a",)), id="customers where they are"),
    ],
)
def test_returns_the_same_object_when_nothing_changes(wanted: Edit) -> None:
    content = _BASE + b"whitelist: [a]\nonwer: unknown\n"

    assert edit(content, "checkout.yaml", wanted) is content


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "{tier: 3, feature: checkout}", '{tier: 3, feature: checkout, whitelist: [a, "2"]}', id="flow"
        ),
        pytest.param("whitelist: [\n]", 'whitelist: [a, "2"\n]', id="empty on two lines"),
        pytest.param(
            "whitelist: [# who\n]", 'whitelist: [a, "2" # who\n]', id="empty with a comment at the bracket"
        ),
        pytest.param("whitelist: [z, # z\n]", 'whitelist: [a, "2" # z\n]', id="emptied and filled on two lines"),
        pytest.param(
            "whitelist: [ x # x\n , w # w\n]", 'whitelist: [ x # x\n , w, a, "2" # w\n]', id="comma first"
        ),
        pytest.param("whitelist: [\n  x,\n  w, z\n]", 'whitelist: [\n  x,\n  w, a, "2"\n]', id="z at the end"),
        pytest.param(
            "whitelist: [x, z, q,\n  w]", 'whitelist: [x,\n  w, a, "2"]', id="z and q at the end of a line"
        ),
        pytest.param("whitelist: [\n  x,\n]", 'whitelist: [\n  x,\n  a,\n  "2",\n]', id="a comma at the end"),
        pytest.param(
            "whitelist: [\n  x\n  ,\n]", 'whitelist: [\n  x, a, "2"\n  ,\n]', id="a comma on the next line"
        ),
        pytest.param(
            "whitelist: [x, z,\n  z2, w]", 'whitelist: [x,\n  z2, w, a, "2"]', id="z at the end of a line"
        ),
        pytest.param(
            "whitelist:\n - >-\n  x\n - 'y'", "whitelist:\n - >-\n  x\n - 'y'\n - a\n - \"2\"", id="a folded x"
        ),
        pytest.param("whitelist:\n - z\n - 'y'", "whitelist:\n - 'y'\n - 'a'\n - '2'", id="all in quotes but z"),
        pytest.param('"whitelist": []', '"whitelist": [a, "2"]', id="a quoted key among lines"),
        pytest.param("whitelist: [\"x\", 'y']", 'whitelist: ["x", \'y\', "a", "2"]', id="in quotes of two kinds"),
    ],
)
def test_adds_customers_and_removes_z(before: str, after: str) -> None:
    head = "" if before.startswith("{") else _BASE.decode()

    result = edit((head + before).encode(), "x", Edit(whitelist_add=("a", "2", "a"), whitelist_remove=("z", "q")))

    assert result.decode() == head + after


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            b"feature: checkout\n? tier\n: 3\n",
            "2:3: tier is not written as `tier: value`; write by hand: `tier: 0`, `rolled_back: 1`",
            id="explicit key",
        ),
        pytest.param(
            b"{feature: checkout, ? tier : 3}\n",
            "1:23: tier is not written as `tier: value`; write by hand: `tier: 0`, `rolled_back: 1`",
            id="explicit key in braces",
        ),
        pytest.param(
            b"feature: checkout\nrolled_back: 0\n",
            "1:1: there is no tier, below which tier belongs; write by hand: `tier: 0`, `rolled_back: 1`",
            id="no tier",
        ),
        pytest.param(
            b"feature: checkout\ntier:\n",
            "2:6: tier has no value that could be replaced; write by hand: `tier: 0`, `rolled_back: 1`",
            id="no value",
        ),
        pytest.param(
            b"feature: checkout\ntier: [3]\n",
            "2:7: tier has no value that could be replaced; write by hand: `tier: 0`, `rolled_back: 1`",
            id="a list",
        ),
        pytest.param(
            b"feature: checkout\ntier: |\n  3\n",
            "2:7: the value of tier is longer than a line; write by hand: `tier: 0`, `rolled_back: 1`",
            id="block text",
        ),
        pytest.param(
            b"feature: checkout\ntier: 3\n tier: 2\n",
            "3:6: the file can't be read: a colon stands where no field can begin; mend the indentation,"
            " or quote the text that holds the colon, then write by hand: `tier: 0`, `rolled_back: 1`",
            id="no YAML",
        ),
        pytest.param(
            b"feature: checkout\ntier: 3\ntier: 2\n",
            "3:1: the file can't be read: tier stands on line 2 already; delete one of them, then write by hand:"
            " `tier: 0`, `rolled_back: 1`",
            id="two tiers",
        ),
        pytest.param(
            b"",
            "1:1: the file can't be read: the file is empty; write the fields, or delete the file, then write by"
            " hand: `tier: 0`, `rolled_back: 1`",
            id="empty",
        ),
        pytest.param(
            _BASE + b"#" * LARGEST_FILE,
            "1:1: the file can't be read: the file has 262170 bytes, the limit is 262144; shorten its lists, then"
            " write by hand: `tier: 0`, `rolled_back: 1`",
            id="too large",
        ),
        pytest.param(
            _BASE + b"owner: \xe9\n",
            "3:8: the file can't be read: the byte 0xE9 is not UTF-8; save the file as UTF-8, then write by hand:"
            " `tier: 0`, `rolled_back: 1`",
            id="Latin-1",
        ),
        pytest.param(
            "feature: checkout\n".encode("utf-16"),
            "1:1: the file can't be read: the file is UTF-16; save it as UTF-8, then write by hand: `tier: 0`,"
            " `rolled_back: 1`",
            id="UTF-16",
        ),
        pytest.param(
            b"feature: checkout\ntier: 3\nattempt: 5\nrolled_back: 4\n",
            "2:7: the edited file would be refused: attempt is 5 and rolled_back is 1; set attempt to 1 (with"
            " tier 0), or to 2 for a restart; meant was: `tier: 0`, `rolled_back: 1`",
            id="attempt and rollback that disagree",
        ),
    ],
)
def test_refuses_a_rollback(content: bytes, said: str) -> None:
    assert _refusal(content, _ROLLBACK) == said


@pytest.mark.parametrize(
    ("lines", "wanted", "said"),
    [
        pytest.param(
            "whitelist:\n",
            Edit(whitelist_add=("a", "b", "c")),
            '3:11: whitelist is no list; write by hand: "a", "b", "c" added to whitelist',
            id="no list",
        ),
        pytest.param(
            "whitelist:\n  -\n    a\n",
            Edit(whitelist_remove=("a",)),
            '5:5: this item of whitelist does not stand behind its dash; write by hand: "a" removed from whitelist',
            id="item on the next line",
        ),
        pytest.param(
            "whitelist:\n  - |-\n    a\n",
            Edit(whitelist_remove=("a",)),
            '4:5: this item of whitelist is no text on its line; write by hand: "a" removed from whitelist',
            id="item as block text",
        ),
        pytest.param(
            "whitelist:\n  - >-\n    a\n",
            Edit(whitelist_remove=("a",)),
            '4:5: this item of whitelist is no text on its line; write by hand: "a" removed from whitelist',
            id="item as folded text",
        ),
        pytest.param(
            "whitelist:\n  - b\n  - |-\n    a\n",
            Edit(whitelist_add=("c",), whitelist_remove=("b",)),
            '5:5: this item of whitelist is no text on its line; write by hand: "c" added to whitelist,'
            ' "b" removed from whitelist',
            id="last item as block text",
        ),
        pytest.param(
            "whitelist: [a\n  , b]\n",
            Edit(whitelist_remove=("a",)),
            "3:13: the comma behind this item of whitelist is not on its line; write by hand:"
            ' "a" removed from whitelist',
            id="comma on the next line",
        ),
        pytest.param(
            "whitelist: ['a\n  b', c,\n  d]\n",
            Edit(whitelist_remove=("a b",)),
            '3:13: this item of whitelist is longer than a line; write by hand: "a b" removed from whitelist',
            id="item on two lines",
        ),
        pytest.param(
            "description: |\n  text",
            Edit(whitelist_add=("a",)),
            '2:7: the edit would also change description; write by hand: "a" added to whitelist',
            id="below a block text without a line break",
        ),
        pytest.param(
            "whitelist: [b]\n",
            Edit(blacklist_add=("a", "b", "c", "d", "e")),
            '2:7: the edited file would be refused: "b" is on the whitelist too, on line 3; delete it from one of'
            ' the lists; meant was: "a", "b", "c" and 2 more added to blacklist',
            id="on both lists",
        ),
        pytest.param(
            "whitelist: [b]\n",
            Edit(whitelist_add=("a\nb",)),
            '3:12: the edited file would be refused: whitelist entry 2 is "a\\nb", it must be a text of 1 to 256'
            ' characters without line breaks or tabs; write it like customer-123; meant was: "a\\nb"'
            " added to whitelist",
            id="line break in an id",
        ),
        pytest.param(
            "",
            Edit(whitelist_add=("a\u202eb",)),
            '1:1: "a\\u202eb" holds a right-to-left override (U+202E), which no file may hold; not written:'
            ' "a\\u202eb" added to whitelist',
            id="invisible character in an id",
        ),
        pytest.param(
            "",
            Edit(blacklist_add=("\ud800",)),
            '1:1: "\\ud800" holds an invisible character (U+D800), which no file may hold; not written:'
            ' "\\ud800" added to blacklist',
            id="half a character in an id",
        ),
        pytest.param(
            "target: 3\n",
            Edit(tier=4),
            "2:7: the edited file would be refused: tier is 4, beyond its target of 3; lower tier to 3, or raise"
            " target; meant was: `tier: 4`",
            id="beyond the target",
        ),
        pytest.param(
            "",
            Edit(tier=-1),
            "2:7: the edited file would be refused: tier is -1, the least is 0; raise it; meant was: `tier: -1`",
            id="no tier at all",
        ),
    ],
)
def test_refuses_what_can_not_be_written_safely(lines: str, wanted: Edit, said: str) -> None:
    assert _refusal(_BASE + lines.encode(), wanted) == said


def test_refuses_a_list_where_there_are_no_fields() -> None:
    said = '1:1: there are no fields, below which whitelist could stand; write by hand: "a" added to whitelist'
    assert _refusal(b"{}", Edit(whitelist_add=("a",))) == said


def test_refuses_to_write_below_a_tier_that_it_can_not_read() -> None:
    said = "2:7: tier has no value that could be replaced; write by hand: `paused: true`"
    assert _refusal(b"feature: checkout\ntier: [3]\n", Edit(paused=True)) == said


def test_names_the_path_on_one_line() -> None:
    with pytest.raises(EditRefusedError, match=r"^rollouts\.d/a\\nb\.yaml:1:1: "):
        edit(b"", "rollouts.d/a\nb.yaml", _ROLLBACK)


def test_leaves_faults_that_are_not_its_own() -> None:
    content = _BASE + b"onwer: team\nwhitelist: [7, a, a]\nblacklist:\n"

    result = edit(content, "checkout.yaml", Edit(tier=0, rolled_back=1, whitelist_remove=("a",)))

    assert result == b"feature: checkout\ntier: 0\nrolled_back: 1\nonwer: team\nwhitelist: [7]\nblacklist:\n"


def test_mends_a_tier_in_quotes() -> None:
    assert edit(b"feature: checkout\ntier: '3' # c\n", "x", Edit(tier=3)) == b"feature: checkout\ntier: 3 # c\n"


def test_can_not_want_a_customer_in_and_out() -> None:
    with pytest.raises(ValueError, match="both add 'a' to blacklist and remove it"):
        Edit(blacklist_add=("b", "a"), blacklist_remove=("a",))


def test_edits_the_largest_file_within_a_second() -> None:
    white = "".join(f"  - customer-{number:05}-of-many # c\n" for number in range(7_500))
    content = _BASE + b"whitelist:\n" + white.encode()
    assert LARGEST_FILE * 0.8 < len(content) < LARGEST_FILE
    gone = tuple(f"customer-{number:05}-of-many" for number in range(0, 7_500, 2))
    started = process_time()

    result = edit(content, "x", Edit(tier=0, rolled_back=1, whitelist_remove=gone, whitelist_add=("a",)))

    assert result.count(b"\n") == content.count(b"\n") - 3_750 + 2
    assert process_time() - started < 1


def _wanted(case: str) -> Edit:
    wanted = json.loads((_EDITS / case / "wanted.json").read_bytes())
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in wanted.items()
    }
    return Edit(**fields)


def _refusal(content: bytes, wanted: Edit) -> str:
    with pytest.raises(EditRefusedError) as caught:
        edit(content, "checkout.yaml", wanted)
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix("checkout.yaml:")
