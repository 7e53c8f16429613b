"""What a database says of itself, held against itself: log, chains, what is derived of them, the outbox."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise

from reconciler.domain.chain import chain_faults
from reconciler.domain.links import written_by
from reconciler.domain.record import Derived, Finding, Link, Outgoing, Records, Remembered
from reconciler.domain.state import Standing
from reconciler.domain.transition import rolled_back
from reconciler.domain.write_back import WriteBackStatus

_RESTORE = "the product never writes that: see who may change the database past its rules, and restore it"


def record_faults(records: Records) -> Iterator[Finding]:
    """Yield everything in a database that does not fit by itself, without git."""
    yield from _schema_faults(records)
    yield from _log_faults(records)
    numbers: dict[str, list[int]] = {}
    for row in records.taken:
        numbers.setdefault(row.revision, []).append(row.number)
    for chain in records.chains.values():
        yield from chain_faults(chain)
        yield from _rollback_faults(chain)
        yield from _end_faults(chain, records.sources.get(chain[-1].feature))
        yield from _force_faults(chain, numbers)
    for feature in sorted(records.chains.keys() | records.rollouts.keys()):
        yield from _derived_faults(feature, records.chains.get(feature, ()), records.rollouts.get(feature))
    yield from _outbox_faults(records)


def began_here(link: Link) -> bool:
    """Tell whether a row is a rollback that began in the database, so that git has to be told of it."""
    return link.kind == "rollback" and link.rollback_commit is None


def differing(one: Standing, other: Standing) -> list[str]:
    """Name the fields in which two standings differ."""
    return [field.name for field in fields(Standing) if getattr(one, field.name) != getattr(other, field.name)]


def _schema_faults(records: Records) -> Iterator[Finding]:
    for rule in records.missing:
        yield Finding(
            feature="",
            version=None,
            rule="schema",
            what=f"the database lacks a rule that its migrations made, or has it switched off: {rule}",
            remedy="see who may change the schema, and restore it: nothing keeps rows from breaking that rule now",
        )
    for damage in records.damage:
        yield Finding(
            feature=damage.feature,
            version=damage.version,
            rule="readable",
            what=f"{damage.table} holds what nothing can be: {damage.fault}",
            remedy=_RESTORE,
        )


def _log_faults(records: Records) -> Iterator[Finding]:
    taken, scope = records.taken, records.scope
    for number, row in enumerate(taken, start=1):
        if row.number != number:
            yield _of_log("revision_follows", f"number {number} of rollout_revisions is gone")
            break
    for before, after in pairwise(taken):
        if after.at < before.at:
            yield _of_log(
                "time_never_falls", f"number {after.number} of rollout_revisions is older than the one before"
            )
    if len({row.root for row in taken}) > 1:
        yield _of_log("one_root", "rollout_revisions names two roots")
    last = (taken[-1].number, taken[-1].root, taken[-1].revision) if taken else (0, None, None)
    if (scope.number, scope.root, scope.revision) != last:
        yield _of_log("derived_from_history", "rollout_scope is not the last row of rollout_revisions")


def _of_log(rule: str, what: str) -> Finding:
    return Finding(feature="", version=None, rule=rule, what=what, remedy=_RESTORE)


def _rollback_faults(chain: Sequence[Link]) -> Iterator[Finding]:
    for before, link in pairwise(chain):
        if link.kind != "rollback":
            continue
        changed = differing(rolled_back(before.standing, link.standing.attempt), link.standing)
        if changed and link.version == before.version + 1:
            what = f"a rollback changed more than the tier: {', '.join(changed)}"
            yield _of_row(link, "rollback_is_total", what, f"{written_by(link)}: ask why")


def _end_faults(chain: Sequence[Link], source: Remembered | None) -> Iterator[Finding]:
    last = chain[-1]
    if source is not None and source.version > last.version:
        what = f"the chain ends here, and settled_sources knows version {source.version}: its end is gone"
        yield _of_row(last, "chain_is_whole", what, _RESTORE)


def _force_faults(chain: Sequence[Link], numbers: Mapping[str, Sequence[int]]) -> Iterator[Finding]:
    """Name rows whose commit was not in force then: the order of rows is that of the log."""
    reached = 0
    for link in chain:
        if link.revision is None:
            continue
        known = numbers.get(link.revision, [])
        later = bisect_left(known, reached)
        if later < len(known):
            reached = known[later]
            continue
        what = f"its commit {link.revision[:10]} {'was no longer' if known else 'never was'} in force"
        yield _of_row(link, "superseded_revision", what, f"{written_by(link)}: ask why")


def _derived_faults(feature: str, chain: Sequence[Link], rollout: Derived | None) -> Iterator[Finding]:
    if not chain:
        yield _of_derived(feature, "feature_rollouts has a row without a chain", _RESTORE)
        return
    again = "the next transition writes it anew: change its file (a word of its description will do), then apply"
    if rollout is None:
        yield _of_derived(feature, "feature_rollouts, which applications read, has no row of it", _RESTORE)
        return
    expected = derived(chain)
    names = [
        field.name for field in fields(Derived) if getattr(expected, field.name) != getattr(rollout, field.name)
    ]
    if "standing" in names:
        names[names.index("standing") : names.index("standing") + 1] = differing(
            expected.standing, rollout.standing
        )
    if names:
        what = f"feature_rollouts, which applications read, differs from the chain: {', '.join(names)}"
        yield _of_derived(feature, what, again)


def _of_derived(feature: str, what: str, remedy: str) -> Finding:
    return Finding(feature=feature, version=None, rule="derived_from_history", what=what, remedy=remedy)


def derived(chain: Sequence[Link]) -> Derived:
    """Return what applications have to read, from the last row of a chain."""
    link = chain[-1]
    standing, thresholds = link.standing, link.standing.gates.thresholds
    return Derived(
        id=chain[0].id,
        feature=link.feature,
        version=link.version,
        standing=standing,
        current_tier=standing.tier.database_name,
        target_tier=standing.target.database_name,
        percentage=standing.tier.exposure,
        status=standing.status.value,
        error_rate=thresholds.error_rate,
        window=int(thresholds.window.total_seconds()) * 1000,
        rollback_id=link.rollback_id,
        epoch=link.epoch,
        epoch_started_at=link.epoch_started_at,
        settled_revision=link.settled_revision,
        revision=link.revision,
        updated_at=link.at,
        started_at=link.started_at,
        completed_at=link.completed_at,
    )


def _outbox_faults(records: Records) -> Iterator[Finding]:
    told = {row.rollback_id: row for row in records.outbox}
    causes = {link.id: link for chain in records.chains.values() for link in chain if began_here(link)}
    yield from (_untold(cause) for cause in causes.values() if cause.id not in told)
    revisions = {row.revision: row.number for row in records.taken}
    before = {link.id: previous for chain in records.chains.values() for previous, link in pairwise(chain)}
    for row in records.outbox:
        link = causes.get(row.rollback_id)
        if link is None:
            yield _of_stray(row)
        else:
            yield from _outgoing_faults(row, link, before.get(link.id), revisions)


def _untold(cause: Link) -> Finding:
    remedy = f"have git told: add {cause.id} to rollouts.rollout_write_backs (rollback_id)"
    return _of_row(cause, "rollback_is_told", "nothing in the outbox says that git has to be told of it", remedy)


def _of_stray(row: Outgoing) -> Finding:
    return Finding(
        feature=row.feature,
        version=None,
        rule="write_back_follows_rollback",
        what=f"the outbox tells git of {row.rollback_id}, which is no rollback that began here",
        remedy="see who wrote it, and delete that row as the owner of the schema, before git is told of it",
    )


def _outgoing_faults(
    row: Outgoing, link: Link, before: Link | None, revisions: Mapping[str, int]
) -> Iterator[Finding]:
    tier = row.from_tier if before is None else int(before.standing.tier)
    said = {"feature": row.feature, "attempt": row.attempt, "from_tier": row.from_tier, "rolled_back_at": row.at}
    so = {"feature": link.feature, "attempt": link.standing.attempt, "from_tier": tier, "rolled_back_at": link.at}
    if wrong := [name for name in said if said[name] != so[name]]:
        what = f"the outbox says otherwise of it: {', '.join(wrong)}"
        yield _of_row(link, "write_back_follows_rollback", what, _RESTORE)
    if row.in_force is not None and row.in_force not in revisions:
        what = f"the outbox names {row.in_force[:10]} as in force then, which never was"
        yield _of_row(link, "write_back_follows_rollback", what, _RESTORE)
    if row.breach is not None and str(row.breach) != link.reason:
        what = f"the outbox gives another evidence than the row: {row.breach}"
        yield _of_row(link, "write_back_evidence", what, _RESTORE)
    if row.status is WriteBackStatus.WRITTEN and row.revision is None:
        what = "the outbox says that git was told of it, and by no commit"
        yield _of_row(link, "written_names_its_commit", what, _RESTORE)


def _of_row(link: Link, rule: str, what: str, remedy: str) -> Finding:
    return Finding(feature=link.feature, version=link.version, rule=rule, what=what, remedy=remedy)
