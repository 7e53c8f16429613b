"""A clone that is broken, half made, tampered with or somebody else's: made again or refused with a word."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import RepositoryError
from reconciler.repository.clone import Clone, opened_clone
from reconciler.repository.remote import Remote
from tests.builders.git import Content
from tests.builders.remotes import BOT, FILES, MAIN, Upstream, a_script, an_upstream, family

LARGE: dict[str, Content] = {**FILES, **{f"rollouts.d/{n}.yaml": f"{n}\n" * 500 for n in range(150)}}
TOP = Path(__file__).parents[3]


def a_clone_of(upstream: Upstream, folder: Path) -> Path:
    with upstream.opened(folder) as clone:
        clone.fetch()
    return folder


def descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def contents(clone: Clone, tip: str) -> list[bytes]:
    return list(clone.repository.read(clone.repository.entries(tip, "rollouts.d") or ()))


def no_pack(folder: Path) -> None:
    for path in (folder / "objects/pack").iterdir():
        path.unlink()


def cut_pack(folder: Path) -> None:
    [pack] = (folder / "objects/pack").glob("*.pack")
    pack.chmod(0o644)
    os.truncate(pack, pack.stat().st_size // 2)


def garbled_pack(folder: Path) -> None:
    [pack] = (folder / "objects/pack").glob("*.pack")
    pack.chmod(0o644)
    whole = pack.read_bytes()
    pack.write_bytes(whole[:200] + bytes(len(whole) - 220) + whole[-20:])


def no_objects(folder: Path) -> None:
    shutil.rmtree(folder / "objects")
    (folder / "objects/pack").mkdir(parents=True)


def written(name: str, text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_text(text)

    write.__name__ = name
    return write


def removed(name: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def linked(name: str) -> Callable[[Path], None]:
    def link(folder: Path) -> None:
        elsewhere = folder.parent / "elsewhere"
        shutil.move(folder / name, elsewhere)
        (folder / name).symlink_to(elsewhere)

    return link


def closed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).chmod(0)


BREAKS = [
    pytest.param(no_pack, id="no pack"),
    pytest.param(cut_pack, id="a cut pack"),
    pytest.param(garbled_pack, id="a garbled pack"),
    pytest.param(no_objects, id="no objects"),
    pytest.param(removed("objects"), id="no folder of objects"),
    pytest.param(removed("refs"), id="no refs"),
    pytest.param(removed("HEAD"), id="no HEAD"),
    pytest.param(removed("config"), id="no configuration"),
    pytest.param(removed("refs/heads/main"), id="no branch"),
    pytest.param(written("HEAD", "ref: refs/heads/other\n"), id="another HEAD"),
    pytest.param(written("HEAD", "nonsense"), id="nonsense in HEAD"),
    pytest.param(written("config", "[core\n"), id="a broken configuration"),
    pytest.param(written("config", ""), id="an empty configuration"),
    pytest.param(written("refs/heads/main", ""), id="an empty branch"),
    pytest.param(written("refs/heads/main", "1" * 40 + "\n"), id="a branch that leads nowhere"),
    pytest.param(written("refs/heads/main.lock", ""), id="a lock of the branch"),
    pytest.param(written("packed-refs", "nonsense\n"), id="nonsense in packed refs"),
    pytest.param(written("packed-refs.lock", ""), id="a lock of the packed refs"),
    pytest.param(written("config.lock", ""), id="a lock of the configuration"),
    pytest.param(written("shallow.lock", ""), id="a lock of the cut"),
    pytest.param(written("shallow", "nonsense\n"), id="nonsense in shallow"),
    pytest.param(written("commondir", "/nowhere\n"), id="a common folder elsewhere"),
    pytest.param(closed("objects"), id="objects that may not be read"),
    pytest.param(closed("objects/pack"), id="packs that may not be read"),
    pytest.param(linked("objects"), id="objects behind a link"),
    pytest.param(linked("config"), id="a configuration behind a link"),
]


@pytest.mark.parametrize("break_it", BREAKS)
def test_what_is_broken_is_made_again(tmp_path: Path, break_it: Callable[[Path], None]) -> None:
    upstream = an_upstream(tmp_path, LARGE)
    folder = a_clone_of(upstream, tmp_path / "clone")
    break_it(folder)

    with upstream.opened(folder) as clone:
        tip = clone.fetch()
        try:
            contents(clone, tip)
        except RepositoryError:
            tip = clone.fetch()
        assert len(contents(clone, tip)) == len(LARGE)
        commit = clone.commit(tip, {"rollouts.d/checkout.yaml": b"tier: 0\n"}, "m", BOT)
        assert clone.push(commit, MAIN).is_accepted
        assert clone.fetch() == commit


@pytest.mark.parametrize("break_it", [no_pack, garbled_pack, no_objects, removed("objects")])
def test_what_breaks_while_it_is_open_is_made_again(tmp_path: Path, break_it: Callable[[Path], None]) -> None:
    upstream = an_upstream(tmp_path, LARGE)

    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        break_it(clone.folder)
        with pytest.raises(RepositoryError):
            contents(clone, tip)

        assert clone.fetch() == tip
        assert len(contents(clone, tip)) == len(LARGE)


def test_what_broke_is_kept_until_the_remote_answers(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path, LARGE)
    with upstream.opened(tmp_path / "clone") as clone:
        tip = clone.fetch()
        no_pack(clone.folder)
        with pytest.raises(RepositoryError):
            contents(clone, tip)
        upstream.bare.path.rename(tmp_path / "away")
        with pytest.raises(RepositoryError, match="can't be reached"):
            clone.fetch()
        (tmp_path / "away").rename(upstream.bare.path)

        assert clone.fetch() == tip
        assert len(contents(clone, tip)) == len(LARGE)


def test_what_lies_behind_a_link_is_left_alone(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    folder = a_clone_of(upstream, tmp_path / "clone")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.lock").write_text("precious")
    for name in ("objects/linked", "refs/linked", "hooks", "objects/tmp_linked"):
        (folder / name).symlink_to(elsewhere)
    (folder / "objects/pack/tmp_pack_linked").symlink_to(elsewhere / "precious.lock")
    (folder / "config").unlink()
    (folder / "config").symlink_to(elsewhere / "precious.lock")

    with upstream.opened(folder) as clone:
        assert clone.fetch() == upstream.tip()

    assert (elsewhere / "precious.lock").read_text() == "precious"
    assert list(folder.rglob("*linked")) == []


@pytest.mark.parametrize("what", ["a folder", "a file", "a link", "a link to nowhere", "a repository"])
def test_what_belongs_to_somebody_else_is_never_touched(tmp_path: Path, what: str) -> None:
    upstream = an_upstream(tmp_path)
    folder = tmp_path / "clone"
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home/precious").write_text("precious")
    match what:
        case "a folder":
            folder = tmp_path / "home"
        case "a file":
            folder = tmp_path / "home/precious"
        case "a link":
            folder.symlink_to("home")
        case "a link to nowhere":
            folder.symlink_to("nowhere")
        case _:
            folder = upstream.person.path
    before = sorted((path, path.lstat().st_mode) for path in tmp_path.rglob("*"))

    with (
        pytest.raises(RepositoryError, match="name an empty folder, or one that is not there yet"),
        upstream.opened(folder),
    ):
        pass

    after = sorted((path, path.lstat().st_mode) for path in tmp_path.rglob("*") if path.suffix != ".lock")
    assert after == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to somebody else")
def test_a_clone_that_belongs_to_somebody_else_is_made_again(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    folder = a_clone_of(upstream, tmp_path / "clone")
    subprocess.run(["chown", "-R", "12345:12345", folder], check=True)

    with upstream.opened(folder) as clone:
        assert clone.fetch() == upstream.tip()
    assert folder.stat().st_uid == 0


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that other users may enter, too."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def somebody_else() -> Iterator[Callable[[], None]]:
    """Lets root go on as an ordinary user."""

    def become() -> None:
        os.setegid(12345)
        os.seteuid(12345)

    yield become
    os.seteuid(0)
    os.setegid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("what", ["clone", "parent"])
def test_says_what_may_not_be_written(
    tmp_path: Path, open_place: Path, somebody_else: Callable[[], None], what: str
) -> None:
    upstream = an_upstream(tmp_path)
    if what == "clone":
        a_clone_of(upstream, open_place / "clone")
        open_place.chmod(0o777)
        (open_place / "clone").chmod(0o755)
        (open_place / "clone.lock").chmod(0o666)

    somebody_else()
    with pytest.raises(RepositoryError) as raised, upstream.opened(open_place / "clone"):
        pass

    said = f"{open_place / 'clone'}: can't be used for the clone (Permission denied); check its owner"
    assert str(raised.value).startswith(said)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_says_that_a_folder_is_read_only(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    (tmp_path / "place").mkdir(mode=0o500)

    with (
        pytest.raises(RepositoryError, match=r"can't be used for the clone \(Permission denied\)"),
        upstream.opened(tmp_path / "place/clone"),
    ):
        pass


IN_A_TIGHT_PLACE = """
import sys, pathlib, resource
from reconciler.repository.clone import opened_clone
from reconciler.repository.remote import Remote
from reconciler.errors import RepositoryError, UnreachableError
folder, url, limit = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with opened_clone(folder, Remote(url=url), "main") as clone:
        tip = clone.fetch()
        print("fetched", flush=True)
        from tests.builders.remotes import BOT
        import os
        clone.commit(tip, {"rollouts.d/checkout.yaml": os.urandom(limit - 10)}, "m", BOT)
except RepositoryError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        pytest.param(
            50, "can't be used for the clone (File too large); check its owner", id="nothing can be written"
        ),
        pytest.param(20_000, "the clone can't be written (File too large); make room", id="no pack can be written"),
        pytest.param(200_000, "git hash-object failed: ", id="no commit can be written"),
    ],
)
def test_says_when_there_is_no_room(tmp_path: Path, limit: int, said: str) -> None:
    upstream = an_upstream(tmp_path, {**FILES, **{f"{n}": os.urandom(500) for n in range(150)}})

    done = subprocess.run(
        [sys.executable, "-c", IN_A_TIGHT_PLACE, tmp_path / "clone", upstream.bare.path, str(limit)],
        capture_output=True,
        text=True,
        cwd=TOP,
        check=False,
    )

    assert "RepositoryError" in done.stdout, done.stderr
    assert said in done.stdout
    assert ("fetched" in done.stdout) is (limit == 200_000)
    with upstream.opened(tmp_path / "clone") as clone:
        assert clone.fetch() == upstream.tip()


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk")
    return folder


def test_a_full_disk_is_said_and_got_over(tmp_path: Path, small_disk: Path) -> None:
    try:
        upstream = an_upstream(tmp_path)
        with upstream.opened(small_disk / "clone") as clone:
            first = clone.fetch()
            second = upstream.person_pushes({"large": os.urandom(6 << 20)})
            with pytest.raises(RepositoryError, match=r"No space left on device"):
                clone.fetch()
            assert clone.repository.tip() == first
            (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free))
            with pytest.raises(RepositoryError, match=r"git hash-object failed: .*No space.*; check the disk"):
                clone.commit(first, {"rollouts.d/checkout.yaml": os.urandom(100_000)}, "m", BOT)
            with pytest.raises(
                RepositoryError, match=r"the clone can't be written \(No space left on device\); make room"
            ):
                clone.fetch()

            (small_disk / "ballast").unlink()
            subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
            assert clone.fetch() == second
    finally:
        subprocess.run(["umount", small_disk], check=True)


KILLED = """
import sys, pathlib
from reconciler.repository.clone import opened_clone
from reconciler.repository.remote import Remote
from tests.builders.remotes import BOT, MAIN
with opened_clone(pathlib.Path(sys.argv[1]), Remote(url=sys.argv[2]), "main") as clone:
    tip = clone.fetch()
    commit = clone.commit(tip, {"rollouts.d/checkout.yaml": b"tier: 0"}, "m", BOT)
    clone.push(commit, MAIN)
"""
STEPS = [
    *("clone.making", "clone.marked", "clone.made", "clone.removing", "clone.removed", "clone.sweeping"),
    *(
        "clone.settled",
        "clone.fetching",
        "clone.fetched",
        "commit.begins",
        "commit.blobs-written",
        "commit.tree-written",
    ),
    *("commit.committed", "push.begins", "push.ended"),
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "is_broken", [pytest.param(False, id="fresh"), pytest.param(True, id="broken", marks=pytest.mark.slow)]
)
def test_a_kill_at_any_step_leaves_what_the_next_run_can_use(tmp_path: Path, step: str, is_broken: bool) -> None:
    upstream = an_upstream(tmp_path)
    if is_broken:
        removed("config")(a_clone_of(upstream, tmp_path / "clone"))
    first = upstream.tip()

    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "clone", upstream.bare.path],
        env={**os.environ, "RECONCILER_FAILPOINTS": f"{step}=kill"},
        capture_output=True,
        cwd=TOP,
        check=False,
    )

    assert done.returncode == -signal.SIGKILL, done.stderr
    with upstream.opened(tmp_path / "clone") as clone:
        assert clone.folder == tmp_path / "clone"
        tip = clone.fetch()
        assert tip == upstream.tip()
        assert (tip != first) is (step == "push.ended")
        assert clone.repository.entries(tip, "rollouts.d") is not None


def test_a_kill_while_the_mark_is_written_is_got_over(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone/tmp_reconciler-clone").write_text("/up")

    with upstream.opened(tmp_path / "clone") as clone:
        assert clone.fetch() == upstream.tip()


def test_leftovers_of_a_killed_run_are_swept(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    folder = a_clone_of(upstream, tmp_path / "clone")
    pack = folder / "objects/pack"
    pack.mkdir(exist_ok=True)
    (folder / "objects/ab").mkdir(exist_ok=True)
    left = [
        *(pack / "tmp_pack_x7", pack / "tmp_idx_x", pack / ".tmp-1-pack-x.pack", pack / "pack-x.keep"),
        *(folder / "objects/ab/tmp_obj_x", folder / "objects/incoming-x/y", folder / "objects/tmp_objdir-x/z"),
        *(folder / "HEAD.lock", folder / "refs/heads/x.lock", folder / "tmp_config", folder / "index-1/index"),
        *(folder / "FETCH_HEAD", folder / "gc.pid"),
    ]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.touch()

    with upstream.opened(folder) as clone:
        assert [path for path in left if path.exists()] == []
        assert clone.fetch() == upstream.tip()


def plant_configuration(folder: Path, script: str) -> None:
    (folder / "config").write_text(
        (folder / "config").read_text()
        + f"[core]\n\tfsmonitor = {script}\n\thooksPath = {folder}/evil-hooks\n\tsshCommand = {script}\n"
        + f'\tgitProxy = {script}\n\taskPass = {script}\n[credential]\n\thelper = "!{script}"\n'
        + f'[url "ext::{script} "]\n\tinsteadOf = /\n'
        + '[protocol]\n\tallow = always\n[protocol "ext"]\n\tallow = always\n'
        + f"[include]\n\tpath = {script}.config\n[gc]\n\tauto = 1\n[fetch]\n\trecurseSubmodules = true\n"
        + f'[remote "origin"]\n\tuploadpack = {script}\n\treceivepack = {script}\n\turl = /nowhere\n'
        + f"[push]\n\tgpgSign = true\n[gpg]\n\tprogram = {script}\n[commit]\n\tgpgSign = true\n"
    )


def plant_hooks(folder: Path, script: str) -> None:
    for place in ("hooks", "evil-hooks"):
        for name in ("pre-push", "reference-transaction", "post-index-change", "pre-auto-gc", "post-rewrite"):
            a_script(folder / place / name, f"exec {script}")


def plant_worktree_configuration(folder: Path, script: str) -> None:
    (folder / "config.worktree").write_text(f"[core]\n\tfsmonitor = {script}\n")


def plant_remotes(folder: Path, script: str) -> None:
    for place in ("remotes", "branches"):
        (folder / place).mkdir(exist_ok=True)
        (folder / place / "origin").write_text(f"URL: ext::{script}\n")


def plant_alternates(folder: Path, script: str) -> None:
    (folder / "objects/info").mkdir(exist_ok=True)
    (folder / "objects/info/alternates").write_text(f"{folder.parent}/upstream-person/.git/objects\n/missing\n")


PLANTS = [plant_configuration, plant_hooks, plant_worktree_configuration, plant_remotes, plant_alternates]


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("when", ["before", "during"])
def test_nothing_planted_in_the_clone_runs(tmp_path: Path, plant: Callable[[Path, str], None], when: str) -> None:
    upstream = an_upstream(tmp_path)
    folder = a_clone_of(upstream, tmp_path / "clone")
    canary = tmp_path / "canary"
    script = a_script(tmp_path / "evil", f"touch {canary}; cat")
    if when == "before":
        plant(folder, script)

    with upstream.opened(folder) as clone:
        if when == "during" and plant is not plant_configuration:
            plant(folder, script)
        tip = clone.fetch()
        commit = clone.commit(tip, {"rollouts.d/checkout.yaml": b"tier: 0\n"}, "m", BOT)
        clone.push(commit, MAIN)
        clone.push_over(commit, "refs/heads/ours", expected=None)
        clone.remote_refs("refs/")
        clone.fetch()
        assert upstream.tip() == commit

    assert not canary.exists()


def test_nothing_planted_in_the_remote_runs_when_it_is_fetched(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    canary = tmp_path / "canary"
    script = a_script(tmp_path / "evil", f"touch {canary}; cat")
    plant_configuration(upstream.bare.path, script)
    plant_hooks(upstream.bare.path, script)
    upstream.bare.git("config", "uploadpack.packObjectsHook", script)

    with upstream.opened(tmp_path / "clone") as clone:
        assert clone.fetch() == upstream.person.tip()

    assert not canary.exists()


def test_the_configuration_of_the_user_plays_no_part(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = an_upstream(tmp_path)
    canary = tmp_path / "canary"
    script = a_script(tmp_path / "evil", f"touch {canary}; cat")
    for place in (home / ".gitconfig", home / ".config/git/config"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(
            f'[url "ext::{script} "]\n\tinsteadOf = /\n[protocol "ext"]\n\tallow = always\n'
            f"[core]\n\thooksPath = {tmp_path}\n\tfsmonitor = {script}\n[push]\n\tgpgSign = true\n"
            f"[init]\n\ttemplateDir = {upstream.person.path}\n\tdefaultObjectFormat = sha256\n"
            f"[credential]\n\thelper = {script}\n"
        )
    for name, value in {
        "GIT_SSH_COMMAND": script,
        "GIT_ASKPASS": script,
        "GIT_PROXY_COMMAND": script,
        "GIT_TEMPLATE_DIR": str(upstream.person.path),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.ext::{script} .insteadOf",
        "GIT_CONFIG_VALUE_0": "/",
        "GIT_TRACE2": str(canary),
        "GIT_EXEC_PATH": str(tmp_path),
        "GIT_DEFAULT_HASH": "sha256",
    }.items():
        monkeypatch.setenv(name, value)

    with opened_clone(tmp_path / "clone", Remote(url=str(upstream.bare.path)), "main") as clone:
        commit = clone.commit(clone.fetch(), {"a": b"a"}, "m", BOT)
        assert clone.push(commit, MAIN).is_accepted

    assert not canary.exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are listed in /proc")
def test_many_runs_leave_no_descriptor_and_no_child(tmp_path: Path) -> None:
    upstream = an_upstream(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        with upstream.opened(tmp_path / "clone") as clone:
            tip = clone.fetch()
            before, children = descriptors(), family()
            for number in range(10):
                commit = clone.commit(tip, {"a": b"%d" % number}, "m", BOT)
                clone.push(commit, MAIN)
                tip = clone.fetch()
            assert (descriptors(), family()) == (before, children)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
