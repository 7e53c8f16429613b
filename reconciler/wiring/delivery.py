"""Where a person wants an edit: shown, in the working tree, committed, or as a branch for a pull request.

It asks for no more than a pull request would: nothing is applied, and no branch that is there already moves but the
current one, by a commit on top of it. What can be refused is refused before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.errors import ReconcilerError, RepositoryError, UsageError
from reconciler.render.edits import Delivery, EditView, edit_subject
from reconciler.repository.branching import branch_at, is_this_edit, tree_with
from reconciler.repository.discovery import find_place
from reconciler.repository.git import GitRepository
from reconciler.repository.personal import Person, shown_remote
from reconciler.repository.plumbing import DEFAULT_TIMEOUT, Plumbing
from reconciler.repository.refs import full_branch
from reconciler.repository.replace import alone, replace_file
from reconciler.repository.revisions import commit_at, current_branch
from reconciler.repository.text import one_line
from reconciler.repository.worktree import blob_id
from reconciler.settings import DEFAULT_ROOT, Settings
from reconciler.wiring.edits import Ask, edited, foreseen
from reconciler.wiring.files import committed, open_repository, root_of, uncommitted

_HEADS, _REMOTES = "refs/heads/", "refs/remotes/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How far an edit goes; without anything it is written into the working tree.

    `commit` is on the current branch, `branch` a new one on top of the reviewed one; `push` alone makes one up.
    """

    dry_run: bool = False
    commit: bool = False
    message: str | None = None
    branch: str | None = None
    push: bool = False
    remote: str | None = None

    @property
    def makes_branch(self) -> bool:
        """Whether nothing here is touched but a branch that is new."""
        return not self.commit and (self.push or self.branch is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What a delivery needs of whoever asks for it: the time, and somewhere to say things."""

    now: datetime
    say: Callable[[str], None]


def delivered(settings: Settings, ask: Ask, order: Order, hands: Hands) -> EditView:
    """Make an edit and bring it where it is wanted; return it with where it lies now."""
    with open_repository(settings, needs_commit=order.makes_branch) as repository:
        desk = _Desk(settings, repository, ask, order, hands)
        if order.makes_branch:
            return desk.branched()
        if repository.is_bare:
            raise UsageError(
                f"{one_line(repository.top)} is bare and has no working tree; name a branch with --to-branch"
            )
        return desk.committed() if order.commit else desk.written()


class _Desk:
    """One edit in one repository."""

    def __init__(self, settings: Settings, repository: GitRepository, ask: Ask, order: Order, hands: Hands) -> None:
        place = find_place(settings.repository, timeout=DEFAULT_TIMEOUT)
        self._git = Plumbing(place.top, git_dir=place.git_dir)
        self._settings, self._repository, self._ask, self._order = settings, repository, ask, order
        self._hands = hands
        self._person = Person(place.top, hands.say)
        self._root = root_of(settings)

    def written(self) -> EditView:
        """Edit the file in the working tree."""
        with alone(self._repository.top, self._root):
            view = self._worktree_edit()
            if self._is_only_shown(view):
                return view
            replace_file(self._repository.top, view.path, view.old, view.new)
        return replace(view, delivery=Delivery(is_written=True))

    def committed(self) -> EditView:
        """Edit the file in the working tree and commit it alone on the current branch."""
        branch = current_branch(self._git)
        if branch is None:
            raise UsageError("HEAD is detached, and the commit would be on no branch; name one with --to-branch")
        name = branch.removeprefix(_HEADS)
        if commit_at(self._git, branch) is None:
            raise UsageError(f"{one_line(name)} has no commit yet; make the first one, then try again")
        with alone(self._repository.top, self._root):
            view = self._worktree_edit()
            if self._order.dry_run:
                return view
            self._look_at_pending(view)
            if not view.is_changed:
                return view
            self._person.check_identity()
            remote = self._remote(branch, name, made=None, is_new=False) if self._order.push else None
            self._note_reviewed(name)
            self._commit(view, branch)
        delivery = Delivery(is_written=True, commit=commit_at(self._git, branch), branch=name)
        return replace(view, delivery=self._pushed(delivery, remote))

    def branched(self) -> EditView:
        """Make a branch of this one commit on top of the reviewed branch, or find that it is there already."""
        base = self._repository.tip()
        beneath = _short(self._repository.branch)
        files = committed(self._repository, self._root, base).files
        view = edited(files, self._ask, where=f" at {one_line(beneath or 'HEAD')} {base[:10]}")
        view = foreseen(view, self._git, base, self._hands.now)
        if self._is_only_shown(view):
            return view
        ref = full_branch(self._order.branch or self._made_up(view))
        name = ref.removeprefix(_HEADS)
        there = self._there(ref, base, view)
        if there is None:
            self._person.check_identity()
        remote = self._remote(self._repository.branch, name, made=there, is_new=True) if self._order.push else None
        made = there or self._branch(ref, base, view)
        delivery = Delivery(is_written=True, commit=made, branch=name, base=base, base_branch=beneath)
        return replace(view, delivery=self._pushed(delivery, remote))

    def _worktree_edit(self) -> EditView:
        view = edited(uncommitted(self._repository, self._root).files, self._ask)
        return foreseen(view, self._git, commit_at(self._git, "HEAD"), self._hands.now)

    def _is_only_shown(self, view: EditView) -> bool:
        return self._order.dry_run or not view.is_changed

    def _look_at_pending(self, view: EditView) -> None:
        pending = self._person.pending(view.path)
        if pending is None:
            return
        fact = f"{one_line(view.path)} {pending}"
        if view.is_changed:
            raise UsageError(f"{fact}, so this commit would hold more; commit that first, or leave --commit out")
        self._hands.say(f"note: {fact}")

    def _commit(self, view: EditView, branch: str) -> None:
        before = commit_at(self._git, branch)
        replace_file(self._repository.top, view.path, view.old, view.new)
        try:
            self._person.commit(view.path, self._message(view))
        except BaseException as error:
            if commit_at(self._git, branch) != before:
                raise
            fate = self._taken_back(view)
            if isinstance(error, RepositoryError):
                raise RepositoryError(f"{error}, as it said above; {fate}") from error
            raise

    def _taken_back(self, view: EditView) -> str:
        # It was as in HEAD before. Who commits again then makes the same edit, and not a second one on top.
        try:
            replace_file(self._repository.top, view.path, view.new, view.old)
        except ReconcilerError:
            return f"the file stays edited, `git diff -- {one_line(view.path)}` shows it"
        return "the file is as it was, mend that and try again"

    def _branch(self, ref: str, base: str, view: EditView) -> str:
        tree = tree_with(self._git, base, view.path, view.new)
        made = self._person.commit_tree(tree, base, self._message(view))
        self._person.create_branch(ref, made)
        return made

    def _there(self, ref: str, base: str, view: EditView) -> str | None:
        """Return the commit of a branch that holds this edit already; UsageError when it holds anything else."""
        there = branch_at(self._git, ref)
        if there is not None and not is_this_edit(self._git, there, base, view.path, view.new):
            name = one_line(ref.removeprefix(_HEADS))
            raise UsageError(
                f"branch {name} is there already and holds something else, or was merged; "
                "delete it or name another with --to-branch"
            )
        return there

    def _message(self, view: EditView) -> str:
        return self._order.message or edit_subject(view)

    def _made_up(self, view: EditView) -> str:
        """Return a name: the same edit has the same one, and what a customer is called is in none."""
        attempt = f"attempt-{view.after.attempt}"
        climb = (
            f"tier-{int(view.after.tier)}" if view.after.attempt == 1 else f"{attempt}-tier-{int(view.after.tier)}"
        )
        what = {"advance": climb, "restart": attempt}.get(view.verb, f"{view.verb}-{blob_id(view.new)[:7]}")
        place = "" if self._root == DEFAULT_ROOT else f"{'-'.join(self._root.split())}/"
        return f"rollout/{place}{view.after.feature}-{what}"

    def _remote(self, ref: str | None, name: str, *, made: str | None, is_new: bool) -> str:
        """Return where to push, once it is certain that no branch of others is touched; the remote is asked."""
        remote = self._order.remote or self._person.remote(ref)
        with_default = self._person.look_at(remote, name)
        self._refuse_reviewed(name, with_default.default, is_new=is_new)
        if is_new and with_default.tip not in {None, made}:
            raise UsageError(
                f"{shown_remote(remote)} has a branch {one_line(name)} already; name another with --to-branch"
            )
        return remote

    def _refuse_reviewed(self, name: str, default: str | None, *, is_new: bool) -> None:
        named = self._repository.branch if is_new or self._settings.branch is not None else None
        if default is None and named is None:
            raise UsageError("the remote does not say which of its branches is reviewed; name it with --branch")
        if name in {default, _short(named)}:
            raise UsageError(
                f"branch {one_line(name)} is the one that is reviewed, and nothing is pushed to that; "
                "push a branch for a pull request with --to-branch NAME --push"
            )

    def _note_reviewed(self, name: str) -> None:
        words = ("for-each-ref", "--format=%(symref)", "refs/remotes/*/HEAD")
        defaults = self._git.run(*words).output.decode(errors="surrogateescape").splitlines()
        named = [self._repository.branch] if self._settings.branch is not None else []
        if name in map(_short, (*defaults, *named)):
            self._hands.say(
                f"note: {one_line(name)} is the branch that is reviewed; --to-branch makes one for a pull request"
            )

    def _pushed(self, delivery: Delivery, remote: str | None) -> Delivery:
        if remote is None or delivery.commit is None or delivery.branch is None:
            return delivery
        offer = self._person.push(remote, delivery.commit, delivery.branch)
        return replace(delivery, remote=shown_remote(remote), offer=offer)


def _short(ref: str | None) -> str | None:
    """Return what a branch is called at its remote."""
    if ref is None:
        return None
    return ref.removeprefix(_REMOTES).partition("/")[2] if ref.startswith(_REMOTES) else ref.removeprefix(_HEADS)
