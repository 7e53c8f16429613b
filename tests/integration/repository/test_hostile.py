"""Repositories and programs that mean harm: nothing planted runs, nothing is fetched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import RepositoryError
from reconciler.repository.git import GitRepository
from tests.builders.git import GitSandbox, a_repository

FILES = {
    "rollouts.d/checkout.yaml": "feature: checkout\n",
    ".gitattributes": "* filter=evil diff=evil merge=evil text eol=crlf\n",
}


def a_script(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def everything(sandbox: GitSandbox, *, branch: str | None = None) -> None:
    """Use every reading of the room once."""
    with GitRepository.open(sandbox.path, branch=branch) as repository:
        tip = repository.tip()
        entries = repository.entries("HEAD", "rollouts.d") or ()
        list(repository.read(entries))
        repository.resolve("main~0")
        repository.relation(repository.resolve("HEAD~1"), tip)
        repository.relation("1" * 40, tip)
        repository.is_on_branch("HEAD~1")
        repository.remembered_rollbacks(None, "HEAD", "production")
        repository.trailer("HEAD", "Allow-Unsafe-Plan")
        repository.describe("HEAD")
        repository.is_dirty("rollouts.d")


def configured(*pairs: tuple[str, str]) -> Callable[[GitSandbox, str], None]:
    def plant(sandbox: GitSandbox, script: str) -> None:
        for key, value in pairs:
            sandbox.git("config", key, value.format(script=script))

    return plant


def plant_included_configuration(sandbox: GitSandbox, script: str) -> None:
    included = sandbox.path.parent / "included"
    included.write_text(f"[core]\n\tfsmonitor = {script}\n\tsshCommand = {script}\n\tpager = {script}\n")
    sandbox.git("config", "include.path", str(included))


def plant_hooks(sandbox: GitSandbox, script: str) -> None:
    names = "post-checkout pre-commit post-index-change reference-transaction fsmonitor-watchman proc-receive"
    for name in names.split():
        a_script(sandbox.path / ".git/hooks" / name, f"exec {script}")


def plant_alternates(sandbox: GitSandbox, script: str) -> None:
    other = a_repository(sandbox.path.parent, {"secret": "x"}, name="other")
    other.git("config", "core.fsmonitor", script)
    (sandbox.path / ".git/objects/info/alternates").write_text(f"{other.path}/.git/objects\n/missing\n")
    sandbox.git("config", "core.alternateRefsCommand", script)


def plant_programs_in_the_working_tree(sandbox: GitSandbox, script: str) -> None:
    for name in ("git", "env", "git-rev-parse", "gpg", "less", "ssh"):
        a_script(sandbox.path / name, f"exec {script}")


PLANTS = [
    pytest.param(configured(("core.fsmonitor", "{script}")), id="core.fsmonitor"),
    pytest.param(configured(("core.hooksPath", "{script}")), id="core.hooksPath"),
    pytest.param(configured(("core.sshCommand", "{script}")), id="core.sshCommand"),
    pytest.param(configured(("core.gitProxy", "{script}")), id="core.gitProxy"),
    pytest.param(configured(("core.askPass", "{script}"), ("credential.helper", "!{script}")), id="credentials"),
    pytest.param(configured(("core.editor", "{script}"), ("sequence.editor", "{script}")), id="editors"),
    pytest.param(
        configured(
            ("core.pager", "{script}"),
            ("pager.rev-list", "{script}"),
            ("pager.ls-tree", "true"),
            ("pager.rev-parse", "{script}"),
        ),
        id="pagers",
    ),
    pytest.param(
        configured(
            ("filter.evil.clean", "{script}"),
            ("filter.evil.smudge", "{script}"),
            ("filter.evil.process", "{script}"),
            ("filter.evil.required", "true"),
        ),
        id="filter",
    ),
    pytest.param(
        configured(
            ("diff.external", "{script}"),
            ("diff.evil.textconv", "{script}"),
            ("diff.evil.command", "{script}"),
            ("merge.evil.driver", "{script}"),
        ),
        id="diff and merge drivers",
    ),
    pytest.param(
        configured(("log.showSignature", "true"), ("gpg.program", "{script}"), ("gpg.ssh.program", "{script}")),
        id="signatures",
    ),
    pytest.param(
        configured(*((f"alias.{name}", "!{script}") for name in ("rev-parse", "ls-tree", "rev-list", "cat-file"))),
        id="aliases",
    ),
    pytest.param(
        configured(("trailer.Rollback-Id.command", "{script}"), ("trailer.Rollback-Id.cmd", "{script}")),
        id="trailer commands",
    ),
    pytest.param(configured(("core.worktree", "/etc")), id="core.worktree"),
    pytest.param(plant_included_configuration, id="include.path"),
    pytest.param(plant_hooks, id="hooks"),
    pytest.param(plant_alternates, id="alternates"),
    pytest.param(plant_programs_in_the_working_tree, id="programs in the working tree"),
]


def a_signed_history(tmp_path: Path) -> GitSandbox:
    sandbox = a_repository(tmp_path, FILES)
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    raw = (
        f"tree {tree}\nparent {sandbox.tip()}\n"
        "author A <a@b> 1750000060 +0000\ncommitter A <a@b> 1750000060 +0000\n"
        "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\nSigned\n\nRollback-Id: x\n"
    )
    signed = sandbox.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
    sandbox.git("update-ref", "refs/heads/main", signed)
    return sandbox


@pytest.mark.parametrize("plant", PLANTS)
def test_runs_nothing_that_a_repository_plants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Callable[[GitSandbox, str], None]
) -> None:
    sandbox = a_signed_history(tmp_path)
    canary = tmp_path / "canary"
    plant(sandbox, a_script(tmp_path / "evil", f"touch {canary}; cat"))
    monkeypatch.chdir(sandbox.path)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")

    everything(sandbox)

    assert not canary.exists()


def test_the_canary_sings_when_git_is_called_carelessly(tmp_path: Path) -> None:
    sandbox = a_signed_history(tmp_path)
    canary = tmp_path / "canary"
    script = a_script(tmp_path / "evil", f"touch {canary}")
    configured(("core.fsmonitor", "{script}"))(sandbox, script)

    sandbox.git("status")

    assert canary.exists()


@pytest.mark.parametrize("elsewhere", ["/etc", "../..", "../rollouts.d"])
def test_stays_in_the_working_tree_that_was_opened(tmp_path: Path, elsewhere: str) -> None:
    sandbox = a_repository(tmp_path, FILES)
    sandbox.git("config", "core.worktree", elsewhere)

    with GitRepository.open(sandbox.path) as repository:
        assert repository.top == sandbox.path
        assert len(repository.entries("HEAD", "rollouts.d") or ()) == 1
        assert not repository.is_dirty("rollouts.d")


def test_a_partial_clone_fetches_nothing(tmp_path: Path) -> None:
    origin = a_repository(tmp_path, FILES, name="origin")
    origin.git("config", "uploadpack.allowFilter", "true")
    clone = origin.clone(tmp_path / "full")
    clone.git(
        "clone", "--quiet", "--no-checkout", "--filter=blob:none", origin.path.as_uri(), str(tmp_path / "part")
    )
    partial = GitSandbox(path=tmp_path / "part")
    canary = tmp_path / "canary"
    partial.git("config", "remote.origin.uploadpack", a_script(tmp_path / "evil", f"touch {canary}"))

    with GitRepository.open(partial.path) as repository:
        entries = repository.entries("HEAD", "rollouts.d") or ()
        assert len(entries) == 1
        with pytest.raises(RepositoryError, match=r"its object .*fetch it or clone again, without --filter"):
            list(repository.read(entries))
    assert not canary.exists()


def test_an_ext_remote_is_never_asked(tmp_path: Path) -> None:
    sandbox = a_repository(tmp_path, FILES)
    canary = tmp_path / "canary"
    for key, value in {
        "remote.origin.url": f"ext::{a_script(tmp_path / 'evil', f'touch {canary}')}",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
    }.items():
        sandbox.git("config", key, value)
    id_ = sandbox.git("rev-parse", "HEAD:rollouts.d/checkout.yaml")
    (sandbox.path / ".git/objects" / id_[:2] / id_[2:]).unlink()

    with (
        GitRepository.open(sandbox.path) as repository,
        pytest.raises(RepositoryError, match=r"its object .*fetch it or clone again"),
    ):
        list(repository.read(repository.entries("HEAD", "rollouts.d") or ()))
    assert not canary.exists()


@pytest.mark.parametrize(
    "name", ["--upload-pack=touch {canary}", "--output={canary}", "-o{canary}", "--exec={canary}"]
)
def test_a_name_is_never_an_option(tmp_path: Path, name: str) -> None:
    sandbox = a_repository(tmp_path, FILES)
    canary = tmp_path / "canary"
    spelled = name.format(canary=canary)

    with GitRepository.open(sandbox.path) as repository:
        for call in (
            repository.resolve,
            repository.describe,
            lambda revision: repository.entries(revision, "rollouts.d"),
            lambda revision: repository.remembered_rollbacks(None, revision, "production"),
            lambda branch: GitRepository.open(sandbox.path, branch=branch),
        ):
            with pytest.raises(RepositoryError, match="is unknown in"):
                call(spelled)
        assert repository.entries("HEAD", spelled) is None
    assert not canary.exists()
