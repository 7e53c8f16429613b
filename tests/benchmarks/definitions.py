"""`validate` and `plan` for many definitions, against reading, the C loader and a compiled jsonschema.

Goals: a cold plan of 10,000 at most 1.5 times the floor; after one changed file at most 10 % of the cold plan.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry

from reconciler.definitions.load import load
from reconciler.reconcile.apply import Applier
from reconciler.reconcile.observe import Prospect, Request, prepare
from reconciler.repository.git import GitRepository
from reconciler.store.postgres import PostgresStore
from tests.benchmarks.corpus import a_repository, commit, definition, git, path
from tests.benchmarks.databases import a_migrated_database
from tests.benchmarks.measure import least, report

SIZES = (100, 1_000, 10_000)


def main() -> None:
    """Print the costs for each size."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder, a_migrated_database() as dsn:
            _measure(a_repository(Path(folder), size), size, PostgresStore.at(dsn))


def _measure(top: Path, size: int, store: PostgresStore) -> None:
    floor = least(lambda: _floor(top), runs=3)
    with GitRepository.open(top) as repository:
        checked = least(lambda: _validate(repository), runs=3)
        report(f"validate, {size} definitions", checked, floor, "-")
        cold = least(_planning(store, repository), runs=3)
        report(f"plan, {size} definitions, cold", cold, floor, "1.50 at 10,000")
        _apply(store, repository)
        unchanged = least(_planning(store, repository), runs=5)
        report(f"plan, {size} definitions, none changed", unchanged, cold, "-")
        (top / path(7)).write_text(definition(7).replace("number 7 of", "number seven of"))
        commit(top, "Change one")
        changed = least(_planning(store, repository), runs=5)
        report(f"plan, {size} definitions, one changed", changed, cold, "0.10 at 10,000")
    store.close()


def _floor(top: Path) -> int:
    """Read every blob, parse it with the C loader and validate it with one compiled validator."""
    schema = json.loads(files("reconciler").joinpath("schemas", "rollout.schema.json").read_text())
    validator = Draft202012Validator(schema, registry=Registry())
    listed = git(top, "ls-tree", "-r", "-z", "HEAD", "rollouts.d").split(b"\0")
    ids = [line.split(b"\t")[0].split(b" ")[2].decode() for line in listed if line]
    stream = git(top, "cat-file", "--batch", text="".join(f"{blob}\n" for blob in ids))
    place = valid = 0
    while place < len(stream):
        end = stream.index(b"\n", place)
        size = int(stream[place:end].split(b" ")[2])
        data = yaml.load(stream[end + 1 : end + 1 + size], Loader=yaml.CSafeLoader)
        data["dwell"] = {str(tier): text for tier, text in data["dwell"].items()}
        valid += not list(validator.iter_errors(data))
        place = end + size + 2
    assert valid == len(ids)
    return valid


def _validate(repository: GitRepository) -> None:
    entries = repository.entries(repository.tip(), "rollouts.d")
    assert entries is not None
    desired = load(entries, repository.read, "rollouts.d")
    assert not desired.problems


def _planning(store: PostgresStore, repository: GitRepository) -> Callable[[], Prospect]:
    return lambda: prepare(store, repository, Request(root="rollouts.d", local_now=datetime.now(UTC)))


def _apply(store: PostgresStore, repository: GitRepository) -> None:
    outcome = Applier(store=store, prepare=_planning(store, repository), new_id=uuid4, actor="benchmark").run()
    assert not outcome.broken
    assert outcome.is_settled


if __name__ == "__main__":
    main()
