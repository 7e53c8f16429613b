"""The remote of the settings: a private clone of it to read definitions from and to write rollbacks back to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import RepositoryError, UsageError
from reconciler.reconcile.facts import Tell
from reconciler.reconcile.ports import Outbox
from reconciler.reconcile.writeback import Target, WriteBacks
from reconciler.repository.clone import Clone, opened_clone
from reconciler.repository.discovery import Place, find_place
from reconciler.repository.git import GitRepository
from reconciler.repository.plumbing import DEFAULT_TIMEOUT, Plumbing
from reconciler.repository.remote import Remote, remote_of
from reconciler.repository.revisions import current_branch
from reconciler.settings import Settings, author_of, normal_root
from reconciler.store import embedded
from reconciler.wiring.files import open_repository

_HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True)
class LocalSource:
    """The branch of a repository on this machine, as whoever works there brings it up to date."""

    repository: GitRepository

    def sync(self) -> str:
        """Return the tip as it is now."""
        return self.repository.tip()


@dataclass(frozen=True, slots=True)
class RemoteSource:
    """The branch of a remote, fetched into a clone of our own."""

    clone: Clone

    @property
    def repository(self) -> GitRepository:
        """What was fetched last."""
        return self.clone.repository

    def sync(self) -> str:
        """Fetch the branch and return its tip."""
        return self.clone.fetch()


@contextmanager
def opened_remote(settings: Settings, environment: Mapping[str, str]) -> Iterator[Clone]:
    """Open the clone of the remote that the settings name."""
    place = _place(settings)
    remote = _remote(settings, place)
    folder = _clones(settings, environment) / hashlib.sha256(remote.url.encode()).hexdigest()[:16]
    with opened_clone(folder, remote, _branch(settings, place)) as clone:
        yield clone


@contextmanager
def opened_source(settings: Settings, environment: Mapping[str, str]) -> Iterator[LocalSource | RemoteSource]:
    """Open where definitions come from: the remote that is named, else the repository here."""
    if settings.remote is None:
        with open_repository(settings) as repository:
            yield LocalSource(repository)
    else:
        with opened_remote(settings, environment) as clone:
            yield RemoteSource(clone)


def write_backs(
    settings: Settings, clone: Clone, outbox: Outbox, *, tell: Tell, wait: Callable[[float], bool]
) -> WriteBacks:
    """Return who tells the branch of a clone of rollbacks."""
    name, address = author_of(settings.author)
    target = Target(root=normal_root(settings.root), branch=clone.branch, name=name, email=address)
    return WriteBacks(outbox=outbox, clone=clone, target=target, tell=tell, wait=wait)


def _remote(settings: Settings, place: Place | None) -> Remote:
    if settings.remote is None:
        raise UsageError("no remote is named; name one with --remote, such as origin")
    return remote_of(place, settings.remote, token=settings.git_token, ssh_key=settings.ssh_key)


def _place(settings: Settings) -> Place | None:
    try:
        return find_place(settings.repository, timeout=DEFAULT_TIMEOUT)
    except RepositoryError:
        return None  # the URL of a remote needs none


def _branch(settings: Settings, place: Place | None) -> str:
    name = settings.branch or _current(place)
    if name is None:
        raise UsageError(
            "name the branch that is reviewed with --branch, such as main: there is no repository here"
        )
    # `origin/main`, as `apply` knows it, is main there.
    for prefix in (_HEADS, f"refs/remotes/{settings.remote}/", f"{settings.remote}/"):
        name = name.removeprefix(prefix)
    return f"{_HEADS}{name}"


def _current(place: Place | None) -> str | None:
    if place is None:
        return None
    return current_branch(Plumbing(place.top, git_dir=place.git_dir))


def _clones(settings: Settings, environment: Mapping[str, str]) -> Path:
    if settings.data_folder is not None:
        return settings.data_folder.with_name(f"{settings.data_folder.name}-clones")
    return embedded.clones_folder(environment)
