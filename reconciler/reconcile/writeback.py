"""Tells git of every rollback, once: what the branch holds decides, and never the text of an error.

Any number of workers may do this at once, and any of them may be killed at any step: author, dates and content come
from the outbox, so that two workers on one tip make the same commit, and a push without force lets one of two win.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from reconciler import failpoints
from reconciler.definitions.edit import Edit, edit
from reconciler.domain.commit import Signature
from reconciler.domain.proposal import as_ref
from reconciler.domain.write_back import WriteBack, WriteBackStatus
from reconciler.errors import EditRefusedError, ReconcilerError, UnreachableError
from reconciler.reconcile.branch import locate
from reconciler.reconcile.facts import Fact, Tell, Value
from reconciler.reconcile.ports import Clone, Outbox
from reconciler.render.messages import rollback_message

MOST = 200  # rollbacks in one push
LEASE = timedelta(seconds=60)  # so long another worker leaves them alone; a push ends before
REFUSED = 3  # so often a tip stands and refuses, then a branch is pushed for a pull request
_ROUNDS = 20  # of others who push first; after that the next pass goes on
_SOON, _LATER, _LONGEST = timedelta(seconds=1), timedelta(seconds=30), timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where rollbacks are written: the root as the environment's name, the branch's full name, and the author."""

    root: str
    branch: str
    name: str
    email: str

    def fallback(self, write_back: WriteBack) -> str:
        """Return the branch for a pull request, where the tip refuses the commit itself."""
        return f"refs/heads/rollback/{as_ref(self.root)}/{write_back.feature}-{write_back.attempt}"

    def signed(self, write_back: WriteBack) -> Signature:
        """Return who commits, and when: the moment of the rollback, whoever does it how often."""
        return Signature(name=self.name, email=self.email, at=write_back.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Built:
    write_back: WriteBack
    commit: str


@dataclass(slots=True, kw_only=True)
class WriteBacks:
    """Works the outbox off; `wait` sleeps so many seconds between tries, and tells whether to give up."""

    outbox: Outbox
    clone: Clone
    target: Target
    tell: Tell
    wait: Callable[[float], bool]
    _looked_at: tuple[str, tuple[WriteBack, ...]] | None = None

    def work(self, tip: str) -> str:
        """Tell git, whose branch was just fetched with this tip, of what is due, and return the tip after that."""
        due = list(self.outbox.claim_write_backs(most=MOST, lease=LEASE))
        failpoints.reach("write-back.claimed")
        claimed = {write_back.id for write_back in due}
        due += self._lost(tip, [each for each in self.outbox.write_backs() if each.id not in claimed])
        due = sorted(self._untold(tip, due), key=_oldest_first)
        # A commit that was refused may take no other with it.
        batches = [[each for each in due if not each.refusals], *([each] for each in due if each.refusals)]
        for batch in filter(None, batches):
            tip = self._tell_git(tip, batch)
        return tip

    def pause(self) -> timedelta | None:
        """Return how long until something is due; None when nothing waits."""
        return self.outbox.next_write_back()

    def _lost(self, tip: str, known: Sequence[WriteBack]) -> list[WriteBack]:
        """Return those that git was told of and no longer is; look at offers as well.

        History was rewritten, or a person's words in the file, which no trailer repeats, were taken back.
        """
        # Of a tip that was seen before it may have been told since, by anybody, on another that is gone.
        seen = tip, tuple(known)
        if seen == self._looked_at:
            return []
        self._untold(tip, [each for each in known if each.status is WriteBackStatus.OFFERED])
        written = [each for each in known if each.status is WriteBackStatus.WRITTEN]
        lost = self._untold(tip, written, is_known=True)
        self._looked_at = None if lost else seen  # until they are written or postponed, they are looked for
        for each in lost:
            self._say("write-back-lost", each, commit=each.revision)
        return [replace(each, status=WriteBackStatus.PENDING, revision=None) for each in lost]

    def _untold(self, tip: str, write_backs: Sequence[WriteBack], *, is_known: bool = False) -> list[WriteBack]:
        """Mark what the branch tells of, by the commit that does, and return the rest; what is known is left."""
        if not write_backs:
            return []
        # No commit that tells of a rollback is older than the oldest of these.
        since = min(write_backs, key=_oldest_first).in_force
        told = self.clone.repository.rollback_commits(since, tip, self.target.root)
        rest = []
        for write_back in write_backs:
            commit = told.get(write_back.id) or self._said_in_the_file(tip, write_back)
            if commit is None:
                rest.append(write_back)
            elif not is_known or self._is_gone(tip, write_back):
                self._mark(write_back, commit)
        return rest

    def _is_gone(self, tip: str, write_back: WriteBack) -> bool:
        known = write_back.revision
        return known is None or bool(self.clone.not_contained(tip, [known]))

    def _said_in_the_file(self, tip: str, write_back: WriteBack) -> str | None:
        try:
            located = locate(self.clone.repository, tip, self.target.root, write_back.feature)
        except EditRefusedError:
            return None
        if located is None or located.said.rolled_back < write_back.attempt or not located.said.is_sound:
            return None
        return self.clone.repository.last_change(tip, located.path) or tip

    def _tell_git(self, tip: str, batch: Sequence[WriteBack]) -> str:
        """Push a commit for each until the branch holds them or refuses them, and return its tip."""
        rest, most, losses = list(batch), len(batch), 0
        while rest and losses < _ROUNDS:
            built, rest = self._built(tip, rest[:most]), rest[most:]
            if not built:
                continue
            before = tip
            tip, missed, said = self._pushed(tip, built)
            if not missed:
                most *= 2
            elif tip == before:
                self._refused(tip, missed, said)
            else:
                # Others were first: fewer are built in less time, which leaves less for the next to be first.
                rest, most, losses = [*missed, *rest], max(len(built) // 2, 1), losses + 1
                if self.wait(min(0.05 * 2**losses, 2.0)):
                    break
                tip = self._fetched(rest)
                rest = self._untold(tip, rest)
        for write_back in rest:
            self._postpone(write_back, "others pushed first all the while", _SOON)
        return tip

    def _pushed(self, tip: str, built: Sequence[_Built]) -> tuple[str, list[WriteBack], str]:
        """Push commits and mark those that arrived; return the tip after that, the others, and what was said."""
        failpoints.reach("write-back.built")
        report = self.clone.push(built[-1].commit, self.target.branch, onto=tip)
        failpoints.reach("write-back.pushed")
        tip, missing = built[-1].commit, frozenset[str]()
        if not report.is_accepted:
            tip = self._fetched([each.write_back for each in built])
            missing = self.clone.not_contained(tip, [each.commit for each in built])
        for each in built:
            if each.commit not in missing:
                self._mark(each.write_back, each.commit)
        return tip, [each.write_back for each in built if each.commit in missing], report.said

    def _fetched(self, batch: Sequence[WriteBack]) -> str:
        """Return the tip as it is now; when it can't be had nobody knows what became of these."""
        try:
            return self.clone.fetch()
        except UnreachableError as error:
            for write_back in batch:
                self._postpone(write_back, f"git can't be reached: {error}", _LATER)
            raise

    def _built(self, tip: str, batch: Sequence[WriteBack]) -> list[_Built]:
        """Make one commit on another, and set aside what can't be edited."""
        built: list[_Built] = []
        for write_back in batch:
            try:
                commit = self._commit(built[-1].commit if built else tip, write_back)
            except EditRefusedError as error:
                self._postpone(write_back, str(error), _LATER)
            else:
                built.append(_Built(write_back=write_back, commit=commit))
        return built

    def _commit(self, parent: str, write_back: WriteBack) -> str:
        target = self.target
        located = locate(self.clone.repository, parent, target.root, write_back.feature)
        if located is None:
            raise EditRefusedError("its file is gone; git is told when the file comes back")
        if located.said.rolled_back >= write_back.attempt:
            raise EditRefusedError("the file says so already")
        # Behind it when history was rewritten to before a restart. Ahead of it when a person set it too early: with
        # this rollback beside it that would begin an attempt which nobody reviewed as an answer to it.
        is_apart = located.said.attempt != write_back.attempt
        wanted = Edit(tier=0, rolled_back=write_back.attempt, attempt=write_back.attempt if is_apart else None)
        content = edit(located.content, located.path, wanted)
        message = rollback_message(write_back, target.root)
        return self.clone.commit(parent, {located.path: content}, message, target.signed(write_back))

    def _refused(self, tip: str, batch: Iterable[WriteBack], said: str) -> None:
        for write_back in batch:
            refusals = write_back.refusals + 1
            refused = replace(
                write_back, refusals=refusals, note=f"the tip stands and the push was refused: {said}"
            )
            if refusals < REFUSED:
                self._save(refused, _SOON * 2 ** (refusals - 1))
                continue
            try:
                self._offer(tip, refused)
            except UnreachableError:
                raise
            except ReconcilerError as error:  # whatever it is, the others go on
                self._postpone(refused, str(error), _LATER)

    def _offer(self, tip: str, write_back: WriteBack) -> None:
        """Push a branch for a pull request, and go on trying: what keeps the tip from it may be mended."""
        branch = self.target.fallback(write_back)
        commit = self._commit(tip, write_back)
        failpoints.reach("write-back.offering")
        report = self.clone.push(commit, branch)
        failpoints.reach("write-back.offered")
        pause = min(_LATER * 2 ** min(write_back.refusals - REFUSED, 8), _LONGEST)
        if report.is_accepted or branch in self.clone.remote_refs(branch):
            if write_back.status is not WriteBackStatus.OFFERED:
                self._say("write-back-offered", write_back, branch=branch)
            revision = commit if report.is_accepted else write_back.revision
            offered = replace(write_back, status=WriteBackStatus.OFFERED, branch=branch, revision=revision)
            self._save(offered, pause)
        else:
            self._say("write-back-refused", write_back, reason=report.said)
            self._save(write_back, pause)

    def _mark(self, write_back: WriteBack, commit: str) -> None:
        self._withdraw(write_back, commit)
        failpoints.reach("write-back.marking")
        self._save(replace(write_back, status=WriteBackStatus.WRITTEN, revision=commit, note=""), timedelta())
        failpoints.reach("write-back.marked")
        self._say("written-back", write_back, is_alarm=False, commit=commit)

    def _withdraw(self, write_back: WriteBack, commit: str) -> None:
        """Take an offer back that another commit made needless: merged later it would tell a second time."""
        if write_back.branch is None or write_back.revision in (None, commit):
            return
        failpoints.reach("write-back.withdrawing")
        # Whoever pushed to it since keeps it.
        self.clone.push_over(None, write_back.branch, expected=write_back.revision)

    def _postpone(self, write_back: WriteBack, note: str, pause: timedelta) -> None:
        if note != write_back.note:
            self._say("write-back-waits", write_back, reason=note)
        self._save(replace(write_back, note=note), pause)

    def _save(self, write_back: WriteBack, pause: timedelta) -> None:
        self.outbox.update_write_back(write_back, pause)

    def _say(self, name: str, write_back: WriteBack, *, is_alarm: bool = True, **more: Value) -> None:
        fields: dict[str, Value] = {"feature": write_back.feature, "attempt": write_back.attempt, **more}
        self.tell(Fact(name=name, is_alarm=is_alarm, fields=fields))


def _oldest_first(write_back: WriteBack) -> tuple[datetime, UUID]:
    return write_back.at, write_back.id
