"""The git of a person: their name, signature, hooks and credentials, at their terminal.

Everywhere else git runs in an environment of our own. Here it is run as its user runs it, for what a person does:
a commit under their name and a push with their rights. GitPython would take its terminal away, so it is not asked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from reconciler.errors import RepositoryError, UnreachableError, UsageError
from reconciler.failpoints import reach
from reconciler.repository.text import one_line

_ELSEWHERE = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_CONFIG"),
        *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"),
    }
)
"""Variables that name another repository, as in a hook, or another meaning of paths."""

_SECRETS = frozenset({"RECONCILER_DSN", "RECONCILER_GIT_TOKEN"})
_SECRET = re.compile(r"(?<=://)[^/\s@]*@")
_PATIENCE = 600.0  # seconds, for a person at a prompt of their own
_LONGEST, _MOST = 1 << 12, 1000  # bytes of a line, and lines, of what a remote says
_OFFER = re.compile(r"https?://\S*(?:pull|merge_request|compare)\S*")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteState:
    """What a remote holds now: its default branch, and the commit of the branch asked for; None for none."""

    default: str | None
    tip: str | None


class Person:
    """Runs the git of whoever calls, in one repository; `say` is told what a push says, line by line."""

    def __init__(self, top: Path, say: Callable[[str], None]) -> None:
        self._top = top
        self._say = say

    def check_identity(self) -> None:
        """Raise when git does not know who they are."""
        for role in ("AUTHOR", "COMMITTER"):
            answer = self._run("var", f"GIT_{role}_IDENT", accept=range(256))
            if answer.returncode != 0:
                raise UsageError(
                    f"git does not know who you are ({_last_line(answer.stderr)}); "
                    "set `git config user.name` and `git config user.email`, then try again"
                )

    def pending(self, path: str) -> str | None:
        """Return what a commit of this file would hold besides an edit that follows, in words; None for nothing."""
        if self._run("ls-files", "--error-unmatch", "--", _only(path), accept=(0, 1)).returncode != 0:
            return "is not in git yet"
        # What is staged apart from the file itself would be lost, so it is looked at as well.
        for words in (("HEAD",), ("--cached", "HEAD")):
            compare = ("diff", "--quiet", "--no-ext-diff", *words, "--", _only(path))
            if self._run(*compare, accept=(0, 1)).returncode != 0:
                return "has changes that are not committed"
        return None

    def commit(self, path: str, message: str) -> None:
        """Commit this file alone on the current branch; what else is staged stays so. Their hooks run, and talk."""
        reach("edit.committing")
        words = ("commit", "--quiet", "--only", f"--message={message}", "--", _only(path))
        done = subprocess.run(  # noqa: S603 -- no shell; words, and paths behind `--`
            self._words(*words),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        reach("edit.committed")
        if done.returncode != 0:
            raise RepositoryError(f"git did not commit {one_line(path)} (exit code {done.returncode})")

    def commit_tree(self, tree: str, parent: str, message: str) -> str:
        """Make a commit under their name, signed if theirs are, and return its id; no hook runs."""
        signed = self._run("config", "--type=bool", "--get", "commit.gpgSign", accept=(0, 1)).stdout.strip()
        options = ["-S"] if signed == b"true" else []
        words = ("-c", "i18n.commitEncoding=UTF-8", "commit-tree", *options, "-p", parent, "-F", "-", tree)
        reach("edit.committing-tree")
        made = self._run(*words, stdin=message.strip() + "\n").stdout
        reach("edit.committed-tree")
        return made.decode().strip()

    def create_branch(self, ref: str, commit: str) -> None:
        """Create a branch; one of that name that is there already is an error and stays as it is."""
        nothing = "0" * len(commit)
        reach("edit.branching")
        self._run("update-ref", "-m", "branch: created by reconciler", ref, commit, nothing)
        reach("edit.branched")

    def remote(self, ref: str | None) -> str:
        """Return the remote that their git pushes to, for this branch, when nobody names one."""
        known = self._run("remote").stdout.decode(errors="surrogateescape").splitlines()
        candidates = [self._setting("remote.pushDefault")]
        if ref is not None and ref.startswith("refs/heads/"):
            candidates.append(self._setting(f"branch.{ref.removeprefix('refs/heads/')}.remote"))
        candidates += [each for each in known if ref is not None and ref.startswith(f"refs/remotes/{each}/")]
        found = next((each for each in (*candidates, *_single(known), "origin") if each in known), None)
        if found is None:
            raise UsageError(
                "nobody can tell which remote to push to: none is configured for the branch and there is no "
                "origin; name one with --remote"
            )
        return found

    def look_at(self, remote: str, branch: str) -> RemoteState:
        """Ask a remote for its default branch and for this one; UnreachableError when it gives no answer."""
        if not remote.strip() or remote.startswith("-") or not remote.isprintable():
            raise UsageError(f"remote {one_line(remote)!r} is none; name a remote of this repository or a URL")
        ref = f"refs/heads/{branch}"
        answer = self._run("ls-remote", "--symref", "--", remote, "HEAD", ref, accept=range(-64, 256))
        if answer.returncode != 0:
            raise UnreachableError(
                f"{shown_remote(remote)}: can't be reached ({_last_line(answer.stderr)}); "
                "nothing was changed, check the remote and your access, then try again"
            )
        return _state(answer.stdout.decode(errors="surrogateescape"), ref)

    def push(self, remote: str, commit: str, branch: str) -> str | None:
        """Push a commit to a branch, never by force; return the address that the remote gave for a pull request."""
        options = ("--no-follow-tags", "--recurse-submodules=no")
        reach("edit.pushing")
        code, lines = self._listened("push", *options, "--", remote, f"{commit}:refs/heads/{branch}")
        reach("edit.pushed")
        if code != 0:
            raise _not_taken(shown_remote(remote), one_line(branch), _last(lines) or f"exit code {code}")
        return next((found[0] for line in lines if (found := _OFFER.search(line)) is not None), None)

    def _setting(self, name: str) -> str | None:
        answer = self._run("config", "--get", name, accept=(0, 1))
        return answer.stdout.decode(errors="surrogateescape").strip() or None

    def _run(
        self, *words: str, accept: Collection[int] = (0,), stdin: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            done = subprocess.run(  # noqa: S603 -- no shell
                self._words(*words),
                env=_environment(),
                input=os.fsencode(stdin),
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise self._too_late(words) from error
        if done.returncode not in accept:
            command = next(word for word in words if word != "-c" and "=" not in word)
            said = _last_line(done.stderr) or f"exit code {done.returncode}"
            raise RepositoryError(f"{one_line(self._top)}: git {command} failed: {said}; mend that, then try again")
        return done

    def _listened(self, *words: str) -> tuple[int, Collection[str]]:
        """Run git and hand on what it says as it says it; return its exit code and that."""
        lines: deque[str] = deque(maxlen=_MOST)
        with subprocess.Popen(  # noqa: S603 -- no shell
            self._words(*words),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            late = Timer(_PATIENCE, process.kill)
            late.start()
            try:
                for line in _pieces(process):
                    lines.append(line)
                    self._say(line)
            finally:
                late.cancel()
        return process.returncode, lines

    def _words(self, *words: str) -> list[str]:
        program = shutil.which("git")
        if program is None:
            raise RepositoryError("git is not on PATH; install git 2.39 or newer")
        return [program, "-C", os.fspath(self._top), *words]

    def _too_late(self, words: Sequence[str]) -> RepositoryError:
        return RepositoryError(
            f"{one_line(self._top)}: git {words[0]} gave no answer within {_PATIENCE:g} s and was stopped; "
            "check the remote and your access, then try again"
        )


def _single(names: Sequence[str]) -> Sequence[str]:
    return names if len(names) == 1 else ()


def shown_remote(remote: str) -> str:
    """Return a remote as it can be shown, without what a URL may hold before its host."""
    return one_line(_SECRET.sub("***@", remote))


def _environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _ELSEWHERE | _SECRETS}


def _pieces(process: subprocess.Popen[bytes]) -> Iterator[str]:
    stream = process.stderr
    while stream is not None and (piece := stream.readline(_LONGEST)):
        if shown := one_line(_SECRET.sub("***@", piece.decode(errors="replace"))):
            yield shown


def _not_taken(remote: str, branch: str, said: str) -> RepositoryError:
    return RepositoryError(
        f"{remote} did not take branch {branch} ({said}); nothing is lost, the commit is on {branch} here: "
        f"`git push {remote} {branch}` tries again"
    )


def _only(path: str) -> str:
    return f":(top,literal){path}"


def _state(listing: str, ref: str) -> RemoteState:
    default, tip = None, None
    for line in listing.splitlines():
        value, _, name = line.partition("\t")
        if name == "HEAD" and value.startswith("ref: refs/heads/"):
            default = value.removeprefix("ref: refs/heads/")
        elif name == ref:
            tip = value
    return RemoteState(default=default, tip=tip)


def _last_line(said: bytes) -> str:
    return _last(said.decode(errors="replace").splitlines())


def _last(lines: Iterable[str]) -> str:
    # Hints that git adds for people who push by hand come last and say less than the fault itself.
    shown = [one_line(_SECRET.sub("***@", line)) for line in lines if line.strip()]
    telling = [line for line in shown if line.startswith(("fatal:", "error:", "!", "remote: error"))]
    return next(iter(telling or shown[-1:]), "")
