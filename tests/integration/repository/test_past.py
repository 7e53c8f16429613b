"""The whole past in a few runs of git: commits, what each changed, who wrote it, and which tell of rollbacks."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from reconciler.definitions.source import EntryKind
from reconciler.domain.record import Telling
from reconciler.repository.git import GitRepository
from tests.builders.git import GitSandbox, Submodule, Symlink, a_repository

ID = "6b1f7a0e-6d0c-4b6b-9a55-0d6f0c1d2e3f"
ROOT = "rollouts.d"
GONE = "e" * 40


@pytest.fixture(params=["sha1", "sha256"])
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> GitSandbox:
    return a_repository(tmp_path, {f"{ROOT}/checkout.yaml": "tier: 1\n", "README": ""}, object_format=request.param)


def test_every_commit_is_there_with_its_parents(sandbox: GitSandbox) -> None:
    first = sandbox.tip()
    sandbox.branch("side")
    second = sandbox.commit({"README": "a"})
    sandbox.checkout("side")
    side = sandbox.commit({"README": "a", "more": ""})
    sandbox.checkout("main")
    merge = sandbox.merge("side")
    sandbox.checkout("side")
    off = sandbox.commit()

    with GitRepository.open(sandbox.path, branch="main") as repository:
        lineage = repository.lineage([off, GONE, "--all", first])

    assert lineage.parents == {
        first: (),
        second: (first,),
        side: (first,),
        merge: (second, side),
        off: (side,),
    }
    assert (lineage.tip, lineage.is_complete, lineage.is_on_branch(off)) == (merge, True, False)
    assert lineage.place(first) == 0


def test_a_shallow_clone_has_what_it_has(sandbox: GitSandbox) -> None:
    sandbox.commit()
    last = sandbox.commit()
    shallow = sandbox.clone(sandbox.path.parent / "shallow", depth=1)

    with GitRepository.open(shallow.path) as repository:
        lineage = repository.lineage([])

    assert (dict(lineage.parents), lineage.is_complete) == ({last: ()}, False)


def test_what_differs_is_told_pair_by_pair(sandbox: GitSandbox) -> None:
    first = sandbox.tip()
    second = sandbox.commit(
        {
            f"{ROOT}/a\nb.yaml": "tier: 0\n",
            f"{ROOT}/link.yaml": Symlink("/etc/passwd"),
            f"{ROOT}/sub": Submodule("1" * len(first)),
            "outside": "",
        },
        delete=[f"{ROOT}/checkout.yaml"],
    )
    third = sandbox.commit({"README": "more"})

    with GitRepository.open(sandbox.path) as repository:
        asked = [(first, None), (second, first), (third, second), (first, third)]
        told = [
            {path: None if entry is None else entry.kind for path, entry in changes}
            for changes in repository.changes(asked, ROOT)
        ]

    added = {
        f"{ROOT}/a\nb.yaml": EntryKind.FILE,
        f"{ROOT}/link.yaml": EntryKind.SYMLINK,
        f"{ROOT}/sub": EntryKind.SUBMODULE,
        f"{ROOT}/checkout.yaml": None,
    }
    assert told == [
        {f"{ROOT}/checkout.yaml": EntryKind.FILE},
        added,
        {},
        {**dict.fromkeys(added), f"{ROOT}/checkout.yaml": EntryKind.FILE},
    ]


def test_a_change_names_the_content_that_is_there_now(sandbox: GitSandbox) -> None:
    first = sandbox.tip()
    second = sandbox.commit({f"{ROOT}/checkout.yaml": "tier: 2\n"})

    with GitRepository.open(sandbox.path) as repository:
        [[(_, entry)]] = repository.changes([(second, first)], ROOT)
        assert entry is not None
        assert list(repository.read([entry])) == [b"tier: 2\n"]


def test_thousands_of_changes_in_one_commit_are_all_told(sandbox: GitSandbox) -> None:
    first = sandbox.tip()
    files = {f"{ROOT}/team-{number % 7}/{'feature' * 8}_{number}.yaml": "" for number in range(3_000)}
    second = sandbox.commit(files)

    with GitRepository.open(sandbox.path) as repository:
        [changes] = repository.changes([(second, first)], ROOT)

    assert {path for path, _ in changes} == files.keys()


def test_commits_are_described_in_one_run(sandbox: GitSandbox) -> None:
    first = sandbox.tip()
    second = sandbox.commit(message="A\x1b[31m subject\x00"[:-1] + "\n\nand a body")

    with GitRepository.open(sandbox.path) as repository:
        told = repository.described([second, GONE, first, "main"])

    assert {commit: (facts.subject, facts.author) for commit, facts in told.items()} == {
        second: ("A\N{REPLACEMENT CHARACTER}[31m subject", "Ada Author"),
        first: ("Lay the first rollouts", "Ada Author"),
    }


def test_every_commit_that_tells_of_a_rollback_is_named(sandbox: GitSandbox) -> None:
    def message(attempt: int, environment: str = ROOT) -> str:
        named = f"Rollback-Id: {ID}\nRollout-Feature: checkout\nRollout-Attempt: {attempt}"
        return f"Roll back\n\n{named}\nEnvironment: {environment}\n"

    one = sandbox.commit(message=message(1))
    sandbox.commit(message=message(1, "other.d"))
    sandbox.commit(message=f"Quote it\n\n> {message(7)}\n\nand go on")
    two = sandbox.commit(message=message(2))

    with GitRepository.open(sandbox.path) as repository:
        told = repository.tellings("main", ROOT)

    plain = {"rollback_id": UUID(ID), "feature": "checkout"}
    assert told == (
        Telling(commit=two, attempt=2, **plain),  # type: ignore[arg-type]
        Telling(commit=one, attempt=1, **plain),  # type: ignore[arg-type]
    )


def test_nothing_is_asked_of_git_for_nothing(sandbox: GitSandbox) -> None:
    with GitRepository.open(sandbox.path) as repository:
        assert (list(repository.changes([], ROOT)), repository.described([])) == ([], {})
