"""A remote of a moment's standing: a bare repository with a first commit, and what git shows of a commit."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.domain.commit import Signature
from reconciler.repository import write
from reconciler.repository.memory import held
from reconciler.repository.plumbing import Extras, Plumbing


def lay_remote(folder: Path, branch: str, author: Signature) -> None:
    """Make a bare repository in a new folder, whose branch (a full name) has one empty commit."""
    folder.mkdir(mode=0o700)
    Plumbing(folder).run("init", "--quiet", "--bare")
    git = Plumbing(folder, git_dir=folder)
    git.run("symbolic-ref", "HEAD", branch)
    with held(b"") as nothing:
        tree = git.run("mktree", stdin=nothing).output.decode().strip()
    with held(b"Begin\n") as message:
        extras = Extras(variables=write.signed(author))
        first = git.run("commit-tree", "-F", "-", tree, stdin=message, extras=extras).output.decode().strip()
    git.run("update-ref", branch, first)


def shown(folder: Path, commit: str) -> str:
    """Return a commit as `git show` has it: short id, author, message, and the lines that changed."""
    git = Plumbing(folder, git_dir=folder)
    layout = "--format=commit %h%nAuthor: %an%n%n%w(0,4,4)%B"
    options = ("--no-color", "--no-ext-diff", "--no-textconv", "--unified=0")
    output = git.run("show", *options, layout, "--end-of-options", commit).output.decode(errors="replace")
    heads = ("diff ", "index ", "--- ", "+++ ", "@@ ")
    lines = (line.rstrip() for line in output.splitlines() if not line.startswith(heads))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
