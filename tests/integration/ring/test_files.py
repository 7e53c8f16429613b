"""How files are written and where they lie: the commit changes two lines of one file, whatever that looks like."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise

import pytest

from reconciler.domain.write_back import WriteBackStatus
from tests.builders.git import Content, Executable
from tests.builders.ring import Ring
from tests.builders.scene import ROOT, path_of

FILE = path_of("pages")
TEXTS: Mapping[str, tuple[str | bytes, str | bytes]] = {
    "Windows": (b"feature: pages\r\ntier: 1\r\n", b"feature: pages\r\ntier: 0\r\nrolled_back: 1\r\n"),
    "a byte order mark": (
        b"\xef\xbb\xbffeature: pages\ntier: 1\n",
        b"\xef\xbb\xbffeature: pages\ntier: 0\nrolled_back: 1\n",
    ),
    "no last line end": ("feature: pages\ntier: 1", "feature: pages\ntier: 0\nrolled_back: 1"),
    "comments": (
        "# a page\nfeature: pages\ntier: 1   # since May\n\n# the end\n",
        "# a page\nfeature: pages\ntier: 0   # since May\nrolled_back: 1\n\n# the end\n",
    ),
    "one line": ("{feature: pages, tier: 1}\n", "{feature: pages, tier: 0, rolled_back: 1}\n"),
    "a second attempt": (
        "feature: pages\ntier: 1\nrolled_back: 1\nattempt: 2\n",
        "feature: pages\ntier: 0\nrolled_back: 2\nattempt: 2\n",
    ),
}


def rolled_back(ring: Ring, files: Mapping[str, Content]) -> None:
    """Commit these files, bring them into force, and roll `pages` back as far as git."""
    ring.commit(files)
    with ring.worker() as worker:
        worker.tick()
        ring.roll_back("pages")
        worker.tick()


@pytest.mark.parametrize(("before", "after"), TEXTS.values(), ids=TEXTS)
def test_two_lines_change_and_not_one_other_byte(ring: Ring, before: str | bytes, after: str | bytes) -> None:
    begun = isinstance(before, str) and "attempt: 2" in before
    if begun:
        rolled_back(ring, {FILE: "feature: pages\ntier: 1\n"})
    rolled_back(ring, {FILE: before})
    ring.pull()

    assert (ring.person.path / FILE).read_bytes() == (after if isinstance(after, bytes) else after.encode())
    assert ring.remote.git("show", "--format=", "--name-only", "main").split() == [FILE]
    assert [row.status for row in ring.write_backs()][-1] is WriteBackStatus.WRITTEN


def test_a_file_that_was_made_a_program_stays_one(off: Ring) -> None:
    """It is a problem of its author's; to lower it is not to be held up by that."""
    off.commit({path_of("checkout"): Executable(off.content("checkout"))})
    with off.worker() as worker:
        worker.tick()

    assert off.said("checkout") == {"tier": 0, "rolled_back": 1}
    assert off.remote.git("ls-tree", "main", "--", path_of("checkout")).startswith("100755 ")


@pytest.mark.parametrize("folder", ["shop/", "a/b/c/", "with space/", "ü/", "-x/", "'q'/"])
def test_a_file_in_a_folder_is_found(ring: Ring, folder: str) -> None:
    path = path_of("pages", folder)
    rolled_back(ring, {path: "feature: pages\ntier: 1\n"})

    assert ring.said("pages", path=path) == {"tier": 0, "rolled_back": 1}


def test_files_of_the_same_name_elsewhere_are_not_touched(ring: Ring) -> None:
    others = {
        "pages.yaml": "tier: 1\n",
        f"{ROOT}/.drafts/pages.yaml": "tier: 1\n",
        "rollouts.d.old/pages.yaml": "tier: 1\n",
    }
    rolled_back(ring, {FILE: "feature: pages\ntier: 1\n", **others})
    ring.pull()

    assert {path: (ring.person.path / path).read_text() for path in others} == others
    assert ring.said("pages") == {"tier": 0, "rolled_back": 1}


@pytest.mark.slow
def test_a_hundred_rollbacks_at_once_are_a_hundred_commits_in_one_push(ring: Ring) -> None:
    names = [f"feature-{number:03}" for number in range(100)]
    ring.push({name: {"tier": 1} for name in names})
    pushes = ring.folder / "pushes"
    ring.hook("pre-receive", f"echo push >> {pushes}")
    with ring.worker() as worker:
        worker.tick()
        for name in names:
            ring.roll_back(name)
        begun = time.monotonic()
        worker.tick()
        took = time.monotonic() - begun

    rows = ring.write_backs()
    assert [row.status for row in rows] == [WriteBackStatus.WRITTEN] * 100
    assert pushes.read_text() == "push\n"
    assert ring.rollback_ids()[::-1] == [str(row.id) for row in rows]
    assert ring.subjects()[:100][::-1] == [f"Roll back {name}: tier 1 -> 0" for name in names]
    assert all(before.at <= after.at for before, after in pairwise(rows))
    print(f"100 rollbacks in git after {took:.1f} s")
    assert took < 30
