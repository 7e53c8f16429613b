"""Whether the commits that a database names are on the branch, and whether git tells of what it doesn't know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from reconciler.domain.lineage import Lineage
from reconciler.domain.record import Finding, Link, Outgoing, Records, Telling, Unchecked

_FETCH = "run `git fetch`, and name the branch that is applied with --branch"
_REWRITTEN = (
    f"{_FETCH}; if it is gone for good, history was rewritten: `reconciler db reanchor --reason TEXT` records that"
)
_NAMED = 3  # so many features are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Where the commits of a database are; `branch` is how people call the branch that is applied."""

    records: Records
    lineage: Lineage
    branch: str

    def log(self) -> Iterator[Finding | Unchecked]:
        """Yield commits that were in force, or are said to have caused a row, and are not on the branch."""
        anchored = max((row.number for row in self.records.taken if row.is_reanchor), default=0)
        last = {row.revision: row.number for row in self.records.taken}
        rows = self._rows_by_commit()
        behind = 0
        for commit in dict.fromkeys((*last, *rows)):
            fault = self.fault_of(commit)
            if fault is None:
                continue
            if last.get(commit, anchored) < anchored:
                behind += 0 if self.lineage.has(commit) else 1
            elif self.is_cut_off(commit):
                behind += 1
            else:
                yield _of_commit(commit, fault, rows.get(commit, []), was_in_force=commit in last)
        if behind:
            yield self._behind(behind)

    def rollbacks(self) -> Iterator[Finding]:
        """Yield rollbacks whose commit is not on the branch, by which git remembers them or was told."""
        for chain in self.records.chains.values():
            for link in chain:
                if link.rollback_commit is not None and (fault := self._fault_after(link.rollback_commit, link)):
                    what = f"git remembers it by {link.rollback_commit[:10]}, which {fault}"
                    yield _of_link(link, "rollback_is_remembered", what, _REWRITTEN)
        links = {link.id: link for chain in self.records.chains.values() for link in chain}
        for row in self.records.outbox:
            cause = links.get(row.rollback_id)
            if cause is None or row.revision is None:
                continue
            if fault := self._fault_of_outgoing(row, row.revision, cause):
                what = f"git was told of it by {row.revision[:10]}, which {fault}"
                remedy = f"{_FETCH}; if it is gone for good, `reconciler run` tells git again while it stands"
                yield _of_link(cause, "git_is_told", what, remedy)

    def order(self) -> Iterator[Finding]:
        """Yield commits that were taken into force without containing the one before, and nobody said why."""
        for before, after in pairwise(self.records.taken):
            if after.is_reanchor or not (self.lineage.has(before.revision) and self.lineage.has(after.revision)):
                continue
            if self.lineage.is_complete and not self.lineage.is_within(before.revision, after.revision):
                what = (
                    f"{after.revision[:10]} came into force after {before.revision[:10]}, which it does not contain"
                )
                remedy = "`reconciler apply` never does that: see who wrote rollout_revisions, and what it changed"
                yield Finding(feature="", version=None, rule="revision_order", what=what, remedy=remedy)

    def fault_of(self, commit: str) -> str | None:
        """Say what is wrong with where a commit is; None when the branch contains it."""
        if not self.lineage.has(commit):
            return "is not in this clone"
        return None if self.lineage.is_on_branch(commit) else f"is not on {self.branch}"

    def is_cut_off(self, commit: str) -> bool:
        """Tell whether a commit may lie in the part of history that this clone lacks."""
        return not self.lineage.is_complete and not self.lineage.has(commit)

    def _fault_after(self, commit: str, link: Link) -> str | None:
        is_excused = any(row.is_reanchor and row.at >= link.at for row in self.records.taken)
        return None if is_excused or self.is_cut_off(commit) else self.fault_of(commit)

    def _fault_of_outgoing(self, row: Outgoing, commit: str, link: Link) -> str | None:
        last = self.records.chains[link.feature][-1]
        if last.rollback_id != row.rollback_id:
            return self._fault_after(commit, link)
        return None if self.is_cut_off(commit) else self.fault_of(commit)

    def _rows_by_commit(self) -> dict[str, list[Link]]:
        rows: dict[str, list[Link]] = {}
        for chain in self.records.chains.values():
            for link in chain:
                if link.revision is not None:
                    rows.setdefault(link.revision, []).append(link)
        return rows

    def _behind(self, count: int) -> Unchecked:
        commits = "1 commit" if count == 1 else f"{count:,} commits"
        if self.lineage.is_complete:
            reasons = [row.reason or "" for row in self.records.taken if row.is_reanchor]
            what = f"{commits} of before history was rewritten ({reasons[-1]}) can't be compared"
            return Unchecked(what=what, remedy="nothing to do: they are gone from git")
        what = f"{commits} can't be compared: this clone holds only a part of the history"
        return Unchecked(what=what, remedy="run `git fetch --unshallow` (in CI: fetch-depth: 0), then verify again")


def told_of_unknown(
    records: Records, tellings: Sequence[Telling], imported: Mapping[str, Iterable[str]]
) -> Iterator[Finding]:
    """Yield commits that tell of a rollback which the database does not have; `imported` are features by commit."""
    links = {link.id: link for chain in records.chains.values() for link in chain if link.kind == "rollback"}
    for telling in tellings:
        chain = records.chains.get(telling.feature)
        link = links.get(telling.rollback_id)
        if link is not None and (link.feature, link.standing.attempt) != (telling.feature, telling.attempt):
            yield _forged(
                telling, f"the database knows it as that of {link.feature} attempt {link.standing.attempt}"
            )
        elif link is None and chain and telling.feature not in imported.get(telling.commit, ()):
            yield from _unknown(telling, chain, tellings)


def told_twice(
    tellings: Sequence[Telling], lineage: Lineage, said_before: Callable[[Telling], bool]
) -> Iterator[Finding]:
    """Yield commits that tell of a rollback once more, though nothing had taken the first one back.

    `said_before` tells whether the commit before one said so in the file already.
    """
    by_id: dict[UUID, list[Telling]] = {}
    for telling in sorted(tellings, key=lambda each: lineage.place(each.commit)):
        by_id.setdefault(telling.rollback_id, []).append(telling)
    for first, *others in by_id.values():
        for other in others:
            if not lineage.is_within(first.commit, other.commit) or said_before(other):
                what = f"{first.commit[:10]} and {other.commit[:10]} tell of one rollback, {first.rollback_id}"
                remedy = "nothing is off by that: see how the second came about, and who pushed it"
                yield _of_telling(other, "one_commit_a_rollback", what, remedy)


def _unknown(telling: Telling, chain: Sequence[Link], tellings: Sequence[Telling]) -> Iterator[Finding]:
    last, of_attempt = chain[-1].standing, (telling.feature, telling.attempt)
    known = last.attempt if last.rolled_back else last.attempt - 1
    if telling.attempt > known:
        what = (
            f"{telling.commit[:10]} tells of a rollback of attempt {telling.attempt} that the database doesn't know"
        )
        remedy = (
            f"`reconciler apply` imports it; where it does not, see who wrote {telling.commit[:10]}, and run "
            f"`reconciler rollback {telling.feature}` if in doubt"
        )
        yield _of_telling(telling, "unknown_rollback", what, remedy)
        return
    own = {link.id for link in chain if link.kind == "rollback" and link.standing.attempt == telling.attempt}
    if any(each.rollback_id in own and (each.feature, each.attempt) == of_attempt for each in tellings):
        yield _forged(
            telling, f"the database knows another one of attempt {telling.attempt}, and git tells of that too"
        )


def _forged(telling: Telling, fact: str) -> Finding:
    what = f"{telling.commit[:10]} tells of the rollback {telling.rollback_id}: {fact}"
    return _of_telling(
        telling, "unknown_rollback", what, f"see who wrote {telling.commit[:10]}: the product did not"
    )


def _of_commit(commit: str, fault: str, rows: Sequence[Link], *, was_in_force: bool) -> Finding:
    names = sorted({link.feature for link in rows})
    named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")
    roles = ["was in force"] if was_in_force else []
    roles += [f"caused {_counted(len(rows), 'transition')} of {named}"] if rows else []
    return Finding(
        feature=names[0] if len(names) == 1 else "",
        version=rows[0].version if len(rows) == 1 else None,
        rule="commit_is_on_the_branch",
        what=f"{commit[:10]}, which {' and '.join(roles)}, {fault}",
        remedy=_REWRITTEN,
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _of_link(link: Link, rule: str, what: str, remedy: str) -> Finding:
    return Finding(feature=link.feature, version=link.version, rule=rule, what=what, remedy=remedy)


def _of_telling(telling: Telling, rule: str, what: str, remedy: str) -> Finding:
    return Finding(feature=telling.feature, version=None, rule=rule, what=what, remedy=remedy)
