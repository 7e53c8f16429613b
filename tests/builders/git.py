"""Real git repositories for tests: fixed author and dates, nobody's configuration, everything inside `tmp_path`.

    sandbox = a_repository(tmp_path, {"rollouts.d/checkout.yaml": "feature: checkout\\n"})
    first = sandbox.tip()
    second = sandbox.commit({"rollouts.d/search.yaml": "…"}, message="Add search", delete=["rollouts.d/old.yaml"])
    sandbox.branch("feature"), sandbox.checkout("feature"), sandbox.merge("main"), sandbox.reset(first)
    sandbox.write({"rollouts.d/draft.yaml": "…"})        # in the working tree only
    copy = sandbox.clone(tmp_path / "copy", depth=1)
    sandbox.git("tag", "v1")                             # anything else

The value of a path is its text, its bytes, or one of `Symlink`, `Executable` and `Submodule`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

_FIRST_COMMIT_AT = 1_750_000_000  # 2025-06-15T15:06:40Z; each further commit is a minute later
_CONFIGURATION = {"protocol.file.allow": "always", "safe.directory": "*", "gc.auto": "0", "core.autocrlf": "false"}


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link to `target`."""

    target: str


@dataclass(frozen=True, slots=True)
class Executable:
    """A file with mode 100755."""

    text: str


@dataclass(frozen=True, slots=True)
class Submodule:
    """A commit of another repository; nothing is checked out."""

    commit: str = "1" * 40


Content: TypeAlias = str | bytes | Symlink | Executable | Submodule


def a_repository(
    tmp_path: Path,
    files: Mapping[str, Content] | None = None,
    *,
    name: str = "repository",
    bare: bool = False,
    object_format: str = "sha1",
) -> GitSandbox:
    """Make a repository at `tmp_path / name` on branch `main`; with `files` (also `{}`) with a first commit."""
    sandbox = GitSandbox(path=tmp_path / name)
    sandbox.path.mkdir(parents=True)
    kind = ["--bare"] if bare else []
    sandbox.git("init", "--quiet", "--initial-branch=main", f"--object-format={object_format}", *kind)
    if files is not None:
        sandbox.commit(files, message="Lay the first rollouts")
    return sandbox


@dataclass
class GitSandbox:
    """A repository of a test; each method is one git command or two."""

    path: Path
    _commits: int = field(default=0, repr=False)

    def git(self, *arguments: str, stdin: str = "") -> str:
        """Run any git command here and return what it printed, without the last newline."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=self._environment(),
            input=os.fsencode(stdin),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode(errors='replace')}"
        return os.fsdecode(done.stdout).removesuffix("\n")

    def commit(
        self,
        files: Mapping[str, Content] | None = None,
        *,
        message: str = "Change the rollouts",
        delete: Sequence[str] = (),
    ) -> str:
        """Write and commit these files, remove those to `delete`, and return the commit's id; may be empty."""
        files = files or {}
        self.write(files)
        for path, content in files.items():
            if isinstance(content, Submodule):
                self.git("update-index", "--add", "--cacheinfo", f"160000,{content.commit},{path}")
        written = [path for path, content in files.items() if not isinstance(content, Submodule)]
        if written:
            self.git("add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", stdin="\0".join(written))
        if delete:
            self.git("rm", "-r", "--quiet", "--", *delete)
        self._commits += 1
        self.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "--file=-", stdin=message)
        return self.tip()

    def write(self, files: Mapping[str, Content]) -> None:
        """Write these files into the working tree without committing them."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink() or path.is_file():
                path.unlink()
            match content:
                case str():
                    path.write_bytes(content.encode())
                case bytes():
                    path.write_bytes(content)
                case Symlink(target):
                    path.symlink_to(target)
                case Executable(text):
                    path.write_bytes(text.encode())
                    path.chmod(0o755)
                case Submodule():
                    path.mkdir(exist_ok=True)

    def tip(self, revision: str = "HEAD") -> str:
        """Return the full id of the commit that `revision` names."""
        return self.git("rev-parse", "--verify", f"{revision}^{{commit}}")

    def branch(self, name: str) -> None:
        """Create a branch at HEAD without switching to it."""
        self.git("branch", name)

    def checkout(self, revision: str) -> None:
        """Switch to a branch, or detach HEAD at any other revision."""
        self.git("checkout", "--quiet", revision)

    def merge(self, revision: str, *, message: str = "Merge") -> str:
        """Merge with a merge commit and return its id."""
        self._commits += 1
        self.git("merge", "--quiet", "--no-ff", "--no-edit", "-m", message, revision)
        return self.tip()

    def reset(self, revision: str) -> None:
        """Move the branch, index and working tree to `revision`: how history is rewritten."""
        self.git("reset", "--quiet", "--hard", revision)

    def clone(self, path: Path, *, depth: int | None = None, bare: bool = False) -> GitSandbox:
        """Clone this repository over a transport (so that `depth` counts) with `origin` as its remote."""
        options = [*(["--bare"] if bare else []), *([f"--depth={depth}"] if depth else [])]
        self.git("clone", "--quiet", *options, self.path.as_uri(), str(path))
        return GitSandbox(path=path, _commits=self._commits)

    def _environment(self) -> dict[str, str]:
        date = f"{_FIRST_COMMIT_AT + 60 * max(self._commits - 1, 0)} +0000"
        settings = {"GIT_CONFIG_COUNT": str(len(_CONFIGURATION))}
        for number, (key, value) in enumerate(_CONFIGURATION.items()):
            settings |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.devnull,
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Ada Author",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": "Cleo Committer",
            "GIT_COMMITTER_EMAIL": "cleo@example.com",
            "GIT_COMMITTER_DATE": date,
            **settings,
        }
