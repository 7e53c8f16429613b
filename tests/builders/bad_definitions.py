"""Every bad file and every bad tree that the tests know, by name: those of the data folder and those made here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reconciler.definitions.source import EntryKind
from tests.builders.definitions import Tree, a_file, a_tree

INVALID = Path(__file__).parents[1] / "data" / "definitions" / "invalid"
NEIGHBOUR = "neighbour"

_HEAD = "feature: checkout\ntier: 1\n"

_MADE: dict[str, str | bytes] = {
    "empty-file": b"",
    "latin-1": (_HEAD + "owner: Jürgen\n").encode("latin-1"),
    "latin-1-behind-a-byte-order-mark": b"\xef\xbb\xbfowner: \xfc\n",
    "truncated-utf-8": _HEAD.encode() + b"owner: \xe2\x82",
    "surrogate-as-utf-8": _HEAD.encode() + b"owner: \xed\xa0\x80\n",
    "utf-16": ("\ufeff" + _HEAD).encode("utf-16-le"),
    "utf-16-without-mark": "feature: x\n".encode("utf-16-be"),
    "nul-byte": _HEAD + "owner: a\0b\n",
    "terminal-escape": _HEAD + "owner: \x1b[31mteam\n",
    "delete-character": _HEAD + "owner: team\x7f\n",
    "hidden-tier-behind-a-carriage-return": "feature: checkout\n# harmless\rtier: 4\n",
    "carriage-returns-alone": _HEAD.replace("\n", "\r"),
    "noncharacter": _HEAD + "owner: \uffff\n",
    "brackets-5000-deep": _HEAD + "whitelist: " + "[" * 5_000,
    "braces-1500-deep": _HEAD + "dwell: " + "{a: " * 1_500 + "}" * 1_500,
    "items-5000-deep": "- " * 5_000 + "x\n",
    "mappings-600-deep": "".join(" " * depth + "a:\n" for depth in range(600)),
    "33-levels": _HEAD + "whitelist: " + "[" * 32 + "]" * 32 + "\n",
    "file-too-large": _HEAD + "# " + "x" * (256 * 1024) + "\n",
    "megabyte-of-customers": _HEAD + "whitelist:\n" + "".join(f"  - customer-{n:07}\n" for n in range(50_000)),
    "too-many-values": _HEAD + "whitelist: [" + "a," * 20_000 + "]\n",
    "too-many-customers": _HEAD + "whitelist: [" + ",".join(f"c{n}" for n in range(10_001)) + "]\n",
    "hexadecimal-of-200-kB": f"feature: checkout\ntier: 0x{'f' * 200_000}\n",
    "base-60-chain": f"feature: checkout\ntier: 1{':59' * 60_000}\n",
    "long-date": f"feature: checkout\ntier: 2026-10-01T{'1' * 200_000}\n",
    "key-of-200-kB": _HEAD + "k" * 200_000 + ": 1\n",
    "quoted-key-of-200-kB": _HEAD + '"' + "k" * 200_000 + '": 1\n',
    "anchor-of-100-kB": _HEAD + f"owner: &{'a' * 100_000} team\n",
    "control-characters-250-kB": "\x01" * 250_000,
    "many-duplicate-keys": _HEAD + "tier: 1\n" * 9_000,
    "many-bad-customers": _HEAD + "whitelist: [" + "1," * 300 + "]\n",
    "all-customers-on-both-lists": _HEAD
    + "".join(f"{name}: [{','.join(f'c{n}' for n in range(9_000))}]\n" for name in ("whitelist", "blacklist")),
    "feature-of-10-kB": f"feature: {'a' * 10_000}\ntier: 1\n",
    "deep-quotes-and-braces": _HEAD + "owner: {[{[\n",
}

_GOOD = a_file("checkout")

_TREES: dict[str, Tree] = {
    "yml-instead-of-yaml": a_tree({"checkout.yml": _GOOD}),
    "yml-beside-yaml": a_tree({"checkout.yaml": _GOOD, "checkout.yml": _GOOD}),
    "extension-in-capitals": a_tree({"checkout.YAML": _GOOD}),
    "two-files": a_tree({"a/checkout.yaml": _GOOD, "b/checkout.yaml": _GOOD}),
    "three-files": a_tree({"a/checkout.yaml": _GOOD, "checkout.yaml": _GOOD, "c/checkout.yaml": a_file(tier=3)}),
    "names-alike-but-for-case": a_tree({"checkout.yaml": _GOOD, "Checkout.yaml": _GOOD}),
    "names-alike-but-for-a-dash": a_tree({"new-checkout.yaml": a_file("new-checkout"), "new_checkout.yaml": b""}),
    "symlink": Tree().add("checkout.yaml", b"../secret", EntryKind.SYMLINK),
    "symlink-beside-a-file": a_tree({"a/checkout.yaml": _GOOD}).add("b/checkout.yaml", b"", EntryKind.SYMLINK),
    "linked-folder": Tree().add("payments", b"../elsewhere", EntryKind.SYMLINK),
    "linked-root": Tree().add("", b"elsewhere", EntryKind.SYMLINK),
    "submodule": Tree().add("payments", b"", EntryKind.SUBMODULE),
    "submodule-named-like-a-file": Tree().add("checkout.yaml", b"", EntryKind.SUBMODULE),
    "special-file": Tree().add("checkout.yaml", b"", EntryKind.OTHER),
    "executable": Tree().add("checkout.yaml", _GOOD, EntryKind.EXECUTABLE),
    "executable-and-broken": Tree().add("checkout.yaml", b"feature: checkout\ntier: 9\n", EntryKind.EXECUTABLE),
    "line-break-in-path": a_tree({"check\nout.yaml": _GOOD}),
    "line-break-in-two-paths": a_tree({"a/check\nout.yaml": _GOOD, "b/check\nout.yaml": _GOOD}),
    "line-break-after-extension": a_tree({"checkout.yaml\n": _GOOD}),
    "control-character-in-folder": a_tree({"te\x1b[2Jam/checkout.yaml": _GOOD}),
    "right-to-left-path": a_tree({"checkout\u202elmay.yaml": _GOOD}),
    "path-not-utf-8": a_tree({"caf\udce9.yaml": _GOOD}),
    "name-like-an-option": a_tree({"-x.yaml": b"", "--upload-pack=touch x.yaml": b""}),
    "name-in-capitals": a_tree({"CON.yaml": a_file("CON")}),
    "name-with-cyrillic": a_tree({"\u0441heckout.yaml": _GOOD}),
    "name-with-ligature": a_tree({"o\ufb03ce.yaml": a_file("office")}),
    "name-with-space": a_tree({"checkout .yaml": _GOOD}),
    "space-after-extension": a_tree({"checkout.yaml ": _GOOD}),
    "name-of-10-kB": a_tree({"a" * 10_000 + ".yaml": _GOOD}),
    "name-of-digits": a_tree({"2fa.yaml": a_file("two-factor")}),
    "name-with-dot": a_tree({"checkout.v2.yaml": _GOOD}),
    "no-name": a_tree({"a/ .yaml": _GOOD}),
    "underscore": a_tree({"_draft.yaml": _GOOD}),
    "policy-in-a-folder": a_tree({"payments/_policy.yaml": b"min_dwell: 0s\n"}),
    "policy-as-yml": a_tree({"_policy.yml": b"min_dwell: 72h\n", "checkout.yaml": _GOOD}),
    "policy-in-capitals": a_tree(
        {"_Policy.yaml": b"", "_policy.yaml": b"min_dwell: 72h\n", "checkout.yaml": _GOOD}
    ),
    "policy-as-symlink": a_tree({"checkout.yaml": _GOOD}).add("_policy.yaml", b"x", EntryKind.SYMLINK),
    "policy-empty": a_tree({"_policy.yaml": b"", "checkout.yaml": _GOOD}),
    "policy-and-definition-broken": a_tree({"_policy.yaml": b"dwell: soon\n", "checkout.yaml": b"tier: 9\n"}),
    "misnamed-file": a_tree({"chekout.yaml": _GOOD}),
    "misnamed-beside-the-right-file": a_tree({"chekout.yaml": _GOOD, "checkout.yaml": _GOOD}),
    "misnamed-and-unreadable": a_tree({"chekout.yaml": b"tier: [\nfeature: 'checkout' # ours\n"}),
}


def bad_tree(case: str) -> Tree:
    """Return a tree of the case's own, with a good neighbour in it."""
    return a_tree({}).plus(_ALL[case]).add(f"{NEIGHBOUR}.yaml", a_file(NEIGHBOUR))


def _bad_trees() -> Iterator[tuple[str, Tree]]:
    for file in sorted(INVALID.glob("files/*.yaml")):
        yield f"files/{file.stem}", a_tree({"checkout.yaml": file.read_bytes()})
    for name, content in _MADE.items():
        raw = content if isinstance(content, bytes) else content.encode("utf-8")
        yield f"made/{name}", a_tree({"checkout.yaml": raw})
    for file in sorted(INVALID.glob("policies/*.yaml")):
        yield f"policies/{file.stem}", a_tree({"_policy.yaml": file.read_bytes()})
    for name, tree in _TREES.items():
        yield f"trees/{name}", tree


_ALL = dict(_bad_trees())
CASES = tuple(_ALL)
