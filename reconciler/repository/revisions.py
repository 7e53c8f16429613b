"""Names of revisions: what a person or a setting wrote, made a full commit id or refused; never an option."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.errors import RepositoryError
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.text import one_line

_FULL_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NOT_FOUND = (0, 1, 128)


def is_full_id(revision: str) -> bool:
    """Whether `revision` is a whole object id, which means the same object for ever."""
    return _FULL_ID.fullmatch(revision) is not None


def resolve(git: Plumbing, revision: str) -> str:
    """Return the full commit id of any revision that git understands, or raise a RepositoryError."""
    named = revision if is_full_id(revision) else _object_named(git, revision)
    answer = git.run("rev-parse", "--verify", "--end-of-options", f"{named}^{{commit}}", accept=_NOT_FOUND)
    if answer.code == 0:
        return _text(answer.output)
    if "expected commit type" in answer.complaint:
        raise RepositoryError(f"revision {one_line(revision)!r} is not a commit; name a commit, branch or tag")
    raise _unknown(git, revision)


def commit_exists(git: Plumbing, commit: str) -> bool:
    """Whether the commit with this full id lies in the repository."""
    return git.run("cat-file", "-e", f"{commit}^{{commit}}", accept=_NOT_FOUND).code == 0


def current_branch(git: Plumbing) -> str | None:
    """Return the full name of the branch that HEAD points to, which may have no commit yet; None when detached."""
    answer = git.run("symbolic-ref", "--quiet", "HEAD", accept=(0, 1))
    return _text(answer.output) if answer.code == 0 else None


def find_branch(git: Plumbing, name: str) -> str:
    """Return the full name of the branch: a local one comes before a remote-tracking one of the same name."""
    candidates = [name] if name.startswith("refs/") else [f"refs/heads/{name}", f"refs/remotes/{name}"]
    found = [ref for ref in candidates if _is_well_formed(git, ref) and commit_at(git, ref) is not None]
    if len({commit_at(git, ref) for ref in found}) > 1:
        raise RepositoryError(
            f"branch {one_line(name)!r} is ambiguous in {_shown(git.folder)}: {' and '.join(map(one_line, found))} "
            "differ; write the full name of the one you mean"
        )
    if found:
        return found[0]
    looked_for = " nor ".join(one_line(candidate) for candidate in candidates)
    raise RepositoryError(
        f"branch {one_line(name)!r} is unknown in {_shown(git.folder)}: no {looked_for}; "
        "fetch it or name another branch"
    )


def tracking_branches(git: Plumbing, branch: str) -> tuple[str, ...]:
    """Return the remote-tracking branches of the same name as this local one; none for any other ref."""
    name = branch.removeprefix("refs/heads/")
    if name == branch:
        return ()
    listing = git.run("for-each-ref", "--format=%(refname)", "refs/remotes/").output
    refs = listing.decode(errors="surrogateescape").splitlines()
    return tuple(ref for ref in refs if ref.removeprefix("refs/remotes/").partition("/")[2] == name)


def commit_at(git: Plumbing, ref: str) -> str | None:
    """Return the commit that exactly this ref (`refs/…` or `HEAD`) points to; None when there is none."""
    answer = git.run("show-ref", "--verify", "--dereference", "--", ref, accept=_NOT_FOUND)
    if answer.code == 0:
        return _text(answer.output).splitlines()[-1].partition(" ")[0]
    if "not a valid ref" in answer.complaint:
        return None
    raise RepositoryError(
        f"{one_line(ref)} can't be read in {_shown(git.folder)}: {answer.complaint}; run `git fsck`, or clone again"
    )


def _object_named(git: Plumbing, revision: str) -> str:
    if not _can_be_a_name(revision):
        raise _unknown(git, revision)
    answer = git.run("rev-parse", "--verify", "--end-of-options", revision, accept=_NOT_FOUND)
    if "ambiguous" in answer.complaint:
        raise RepositoryError(
            f"revision {one_line(revision)!r} is ambiguous in {_shown(git.folder)}; "
            "write the full commit id or the full ref, such as refs/heads/main"
        )
    named = _text(answer.output)
    if not is_full_id(named):  # such as ^main: "all but main"
        raise _unknown(git, revision)
    return named


def _can_be_a_name(revision: str) -> bool:
    return 0 < len(revision) <= 1000 and revision.isprintable()


def _is_well_formed(git: Plumbing, ref: str) -> bool:
    return _can_be_a_name(ref) and git.run("check-ref-format", ref, accept=(0, 1)).code == 0


def _unknown(git: Plumbing, revision: str) -> RepositoryError:
    return RepositoryError(
        f"revision {one_line(revision)!r} is unknown in {_shown(git.folder)}; fetch it or name another"
    )


def _shown(folder: Path) -> str:
    return one_line(folder)


def _text(output: bytes) -> str:
    return output.decode(errors="surrogateescape").strip()
