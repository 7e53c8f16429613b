"""The past of a feature, commits and transitions in one line of time: for a terminal, for programs, for a page."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.domain.breach import Breach
from reconciler.domain.ladder import Tier
from reconciler.domain.timeline import Entry, Event, Fate, Shown, Timeline
from reconciler.domain.write_back import WriteBack, WriteBackStatus
from reconciler.render.documents import VERSION, Json, dumped
from reconciler.render.ladder import ladder_bar
from reconciler.render.moments import exactly, iso, span
from reconciler.render.style import Style, Tone
from reconciler.render.text import clipped, counted, printable, wrapped
from reconciler.render.view import short

_INDENT = " " * 6
_BESIDE_ID = " " * 12


def history_text(timeline: Timeline, style: Style) -> str:
    """Render the past of a feature, oldest first."""
    first, last = timeline.events[0].transition, timeline.events[-1].transition
    bar = ladder_bar(last.tier, Tier.FULL, style)
    name = style.paint(timeline.feature, Tone.STRONG)
    head = f"{name}  {bar} tier {int(last.tier)} {style.dot} {last.tier.exposure} %"
    age = span(last.at - first.at)
    lines = [f"{head}, attempt {last.attempt}, {counted(len(timeline.events), 'change')} in {age}", ""]
    for number, entry in enumerate(timeline.entries):
        # What happened without a commit stands apart from the commit before it.
        lines += [""] if number and timeline.past is not None else []
        lines += _commit(timeline, entry, style)
        for event in entry.events:
            lines += _event(event, style)
    return "\n".join(lines) + "\n"


def history_json(timeline: Timeline) -> str:
    """Render the past of a feature, oldest first: its transitions, and the line that joins them with commits."""
    past = timeline.past
    return dumped(
        {
            "version": VERSION,
            "kind": "history",
            "feature": timeline.feature,
            "transitions": [_transition(event) for event in timeline.events],
            "git": None if past is None else {"tip": past.lineage.tip, "is_complete": past.lineage.is_complete},
            "timeline": [_entry(timeline, entry) for entry in timeline.entries],
        }
    )


def fate(entry: Entry, style: Style) -> str:
    """Say what came of a commit that caused nothing; empty for one that did."""
    since = "" if entry.taken is None else f", in force since {exactly(entry.taken.at, style.zone)}"
    match entry.fate:
        case Fate.APPLIED:
            return "" if entry.tells is None else f"tells git of version {entry.tells}"
        case Fate.TELLS:
            return f"tells git of version {entry.tells}"
        case Fate.WAITS:
            return "not applied"
        case Fate.UNKNOWN:
            return "nobody can tell what came of it: the commit in force is not in this clone"
        case Fate.UNCHANGED:
            return f"changed nothing here{since}"
        case Fate.SUPERSEDED:
            by = "" if entry.by is None else f" by {short(entry.by)}"
            return f"superseded{by} before it was applied"


def telling(write_back: WriteBack) -> str:
    """Say how git is told of a rollback."""
    match write_back.status:
        case WriteBackStatus.WRITTEN:
            return f"git was told by {short(write_back.revision or '')}"
        case WriteBackStatus.OFFERED:
            branch = (write_back.branch or "").removeprefix("refs/heads/")
            return f"git is offered it on the branch {branch}: merge that"
        case WriteBackStatus.PENDING:
            return f"git is not told yet{': ' if write_back.note else ''}{write_back.note}"


def cause(event: Event) -> str:
    """Name the commit of a transition; of a rollback without one, what caused it."""
    transition, write_back = event.transition, event.write_back
    told = transition.revision or transition.rollback_commit
    if told is not None:
        return short(told)
    if write_back is None:
        return "a person or evidence"
    return "a person" if write_back.breach is None else "evidence"


def tiers(event: Event) -> str:
    """Return from where to where, `tier 1 -> 2`."""
    tier = int(event.transition.tier)
    return f"tier {tier}" if event.before in {None, tier} else f"tier {event.before} -> {tier}"


def _commit(timeline: Timeline, entry: Entry, style: Style) -> Iterator[str]:
    if entry.commit is None:
        return
    shown = timeline.shown(entry.commit)
    subject = clipped(shown.subject, style.width - 12) if shown is not None else ""
    again = style.paint(" (again)", Tone.QUIET) if entry.is_again else ""
    yield f"{style.paint(short(entry.commit), Tone.SAME, Tone.STRONG)}  {subject}{again}".rstrip()
    if not entry.is_again:
        merge = timeline.shown(entry.merge)
        notes = [
            *([_made(shown, style)] if shown else []),
            *([f"merged: {_merged(merge, style)}"] if merge else []),
        ]
        for note in notes:
            yield from (
                style.paint(line, Tone.QUIET) for line in wrapped(note, columns=style.width, first=_BESIDE_ID)
            )
    if told := fate(entry, style):
        yield from wrapped(told, columns=style.width, first=_BESIDE_ID)


def _made(shown: Shown, style: Style) -> str:
    return f"{clipped(shown.author, 60)}, {exactly(shown.at, style.zone)}"


def _merged(merge: Shown, style: Style) -> str:
    return f"{short(merge.id)} by {_made(merge, style)}"


def _event(event: Event, style: Style) -> Iterator[str]:
    each, place = event.transition, tiers(event)
    kind = style.paint(each.kind.ljust(8), *_tone_of(event))
    yield f"{each.version:4}  {kind}  {place:13}  {exactly(each.at, style.zone)}"
    # From where to where stands in the line above.
    reason = printable(each.reason).removeprefix(place).strip()
    yield from wrapped(reason, columns=style.width, first=_INDENT)
    yield style.paint(f"{_INDENT}{cause(event)} by {clipped(each.actor, 60)}", Tone.QUIET)
    told = [f"the guard was overridden: {printable(each.unsafe_reason)}"] if each.unsafe_reason else []
    told += [telling(event.write_back)] if event.write_back is not None else []
    for note in told:
        yield from wrapped(note, columns=style.width, first=_INDENT)


def _tone_of(event: Event) -> tuple[Tone, ...]:
    if event.transition.rolled_back:
        return (Tone.BAD,)
    was, tier = event.before or 0, event.transition.tier
    if tier == was:
        return (Tone.SAME,)
    return (Tone.MORE,) if tier > was else (Tone.LESS,)


def _transition(event: Event) -> dict[str, Json]:
    each = event.transition
    return {
        "version": each.version,
        "kind": each.kind,
        "at": iso(each.at),
        "tier": int(each.tier),
        "percent": each.tier.exposure,
        "attempt": each.attempt,
        "epoch": each.epoch,
        "rolled_back": each.rolled_back,
        "retired": each.retired,
        "revision": each.revision,
        "rollback_commit": each.rollback_commit,
        "reason": each.reason,
        "actor": each.actor,
        "unsafe_reason": each.unsafe_reason,
        "tier_before": event.before,
        "write_back": None if event.write_back is None else _write_back(event.write_back),
    }


def _write_back(write_back: WriteBack) -> dict[str, Json]:
    return {
        "id": str(write_back.id),
        "status": write_back.status.value,
        "revision": write_back.revision,
        "branch": write_back.branch,
        "note": write_back.note,
        "evidence": None if write_back.breach is None else _evidence(write_back.breach),
    }


def _evidence(breach: Breach) -> dict[str, Json]:
    return {
        "exposed": breach.cohort.customers,
        "failing": breach.cohort.failing,
        "error_rate": breach.thresholds.error_rate,
        "window_seconds": int(breach.thresholds.window.total_seconds()),
        "confidence": breach.thresholds.confidence,
    }


def _entry(timeline: Timeline, entry: Entry) -> dict[str, Json]:
    return {
        "commit": _shown(timeline, entry.commit),
        "merge": _shown(timeline, entry.merge),
        "fate": None if entry.commit is None else entry.fate.value,
        "superseded_by": entry.by,
        "in_force_since": None if entry.taken is None else iso(entry.taken.at),
        "tells_of": entry.tells,
        "transitions": [event.transition.version for event in entry.events],
    }


def _shown(timeline: Timeline, commit: str | None) -> dict[str, Json] | None:
    if commit is None:
        return None
    shown = timeline.shown(commit)
    if shown is None:
        return {"id": commit, "subject": None, "author": None, "committed_at": None}
    return {"id": commit, "subject": shown.subject, "author": shown.author, "committed_at": iso(shown.at)}
