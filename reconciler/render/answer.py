"""Why a customer has a feature, or not; and whom another tier would move: for a terminal and for programs."""

from __future__ import annotations

from reconciler.domain.answer import Answer
from reconciler.domain.impact import Impact
from reconciler.domain.ladder import Tier
from reconciler.domain.state import State
from reconciler.render.details import moved
from reconciler.render.documents import VERSION, Json, dumped
from reconciler.render.moments import exactly, iso
from reconciler.render.rates import percent
from reconciler.render.style import Style, Tone
from reconciler.render.text import clipped, counted, printable, wrapped
from reconciler.render.view import short


def answer_text(answer: Answer, style: Style) -> str:
    """Render an answer with all that made it so."""
    standing, cause = answer.current.standing, answer.since.transition
    word = (
        style.paint("on", Tone.MORE, Tone.STRONG)
        if answer.is_enabled
        else style.paint("off", Tone.LESS, Tone.STRONG)
    )
    told = cause.revision or cause.rollback_commit
    by = f"{'a person or evidence' if told is None else f'commit {short(told)}'} by {clipped(cause.actor, 60)}"
    facts = [
        ("because", _because(answer)),
        ("bucket", f"{answer.bucket} of 0..99; tier {int(standing.tier)} has those below {standing.tier.exposure}"),
        ("attempt", f"{standing.attempt}{', rolled back' if standing.rolled_back else ''}"),
        ("since", f"{exactly(cause.at, style.zone)}, {by}"),
        ("reason", printable(cause.reason)),
        ("where", _where(answer, told)),
    ]
    head = f"{style.paint(answer.feature, Tone.STRONG)} is {word} for {clipped(answer.customer, 60)}"
    if answer.as_of is not None:
        head += f" at {exactly(answer.as_of, style.zone)}"
    lines = [line for name, fact in facts for line in wrapped(fact, columns=style.width, first=f"  {name:9} ")]
    return "\n".join([head, *lines]) + "\n"


def answer_json(answer: Answer) -> str:
    """Render an answer."""
    standing, cause = answer.current.standing, answer.since.transition
    return dumped(
        {
            "version": VERSION,
            "kind": "explanation",
            "feature": answer.feature,
            "customer": answer.customer,
            "as_of": None if answer.as_of is None else iso(answer.as_of),
            "enabled": answer.is_enabled,
            "reason": answer.reason,
            "bucket": answer.bucket,
            "tier": int(standing.tier),
            "percent": standing.tier.exposure,
            "attempt": standing.attempt,
            "epoch": answer.current.transition.epoch,
            "since": {
                "at": iso(cause.at),
                "version": cause.version,
                "kind": cause.kind,
                "revision": cause.revision,
                "rollback_commit": cause.rollback_commit,
                "reason": cause.reason,
                "actor": cause.actor,
            },
            "where": answer.where,
        }
    )


def preview_text(state: State, tier: Tier, impact: Impact, style: Style) -> str:
    """Render whom another tier would move."""
    before = state.standing.tier
    dot = style.dot
    step = f"tier {int(before)} {dot} {before.exposure} % -> tier {int(tier)} {dot} {tier.exposure} %"
    head = f"{style.paint(state.feature, Tone.STRONG)}  {step}"
    if not impact.seen:
        return f"{head}\nnobody was seen with it yet: its customers are known once applications report them\n"
    after = impact.enabled + impact.gained - impact.lost
    shares = f"on for {impact.enabled:,} ({percent(impact.enabled / impact.seen)}) now"
    then = f"{after:,} ({percent(after / impact.seen)}) then, {counted(impact.seen, 'customer')} seen in all"
    return f"{head}\n{moved(impact)}\n{shares}, {then}\n"


def preview_json(state: State, tier: Tier, impact: Impact) -> str:
    """Render whom another tier would move."""
    document: dict[str, Json] = {
        "version": VERSION,
        "kind": "preview",
        "feature": state.feature,
        "before": {"tier": int(state.standing.tier), "percent": state.standing.tier.exposure},
        "after": {"tier": int(tier), "percent": tier.exposure},
        "seen": impact.seen,
        "enabled": impact.enabled,
        "gained": impact.gained,
        "lost": impact.lost,
        "is_sample": impact.is_sample,
    }
    return dumped(document)


def _where(answer: Answer, commit: str | None) -> str:
    if answer.where is not None:
        return printable(answer.where)
    return "no file: a person or evidence did it" if commit is None else "not in this clone"


def _because(answer: Answer) -> str:
    exposure = answer.current.standing.tier.exposure
    return {
        "blacklisted": "the customer is on the blacklist",
        "whitelisted": "the customer is on the whitelist",
        "rolled_back": f"attempt {answer.current.standing.attempt} was rolled back: off for everybody",
        "bucket_inside": f"the customer's bucket {answer.bucket} is below {exposure}",
        "bucket_outside": f"the customer's bucket {answer.bucket} is not below {exposure}",
    }[answer.reason]
