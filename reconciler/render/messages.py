"""The messages of commits that the product makes: what happened, the evidence, and trailers for machines."""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime

from reconciler.domain.analysis import errors_needed
from reconciler.domain.breach import percent, with_an_error
from reconciler.domain.duration import format_duration
from reconciler.domain.impact import Impact
from reconciler.domain.proposal import Outlook
from reconciler.domain.write_back import WriteBack
from reconciler.render.text import wrapped

_WIDTH = 72
# Words in brackets steer the automation of some hosts, wherever they stand in a message.
_PLAIN = str.maketrans("[]", "()")


def rollback_message(write_back: WriteBack, environment: str) -> str:
    """Return the message of the commit that tells git of a rollback; no customer is named."""
    subject = f"Roll back {write_back.feature}: tier {int(write_back.tier)} -> 0"
    paragraphs = [_cause(write_back), _consequence(write_back)]
    trailers = {
        "Rollback-Id": str(write_back.id),
        "Rollout-Feature": write_back.feature,
        "Rollout-Attempt": str(write_back.attempt),
        "Environment": environment,
    }
    return _message(subject, paragraphs, trailers)


def proposal_message(outlook: Outlook, impact: Impact | None, environment: str, now: datetime) -> str:
    """Return the message of the commit that asks for one rung more, with the evidence as it is now."""
    standing, asked = outlook.state.standing, outlook.asked
    step = f"tier {int(standing.tier)} -> {int(asked)} ({standing.tier.exposure} % -> {asked.exposure} %)"
    paragraphs = [_served(outlook), _evidence(outlook), *_gain(impact), _way_on(outlook, now)]
    trailers = {
        "Rollout-Feature": outlook.feature,
        "Rollout-Attempt": str(standing.attempt),
        "Rollout-Epoch": str(outlook.state.epoch),
        "Environment": environment,
    }
    return _message(f"Advance {outlook.feature}: {step}", paragraphs, trailers)


def _message(subject: str, paragraphs: list[str], trailers: dict[str, str]) -> str:
    block = "\n".join(f"{name}: {value}" for name, value in trailers.items())
    return "\n\n".join([subject, *paragraphs, block]) + "\n"


def _cause(write_back: WriteBack) -> str:
    if write_back.breach is not None:
        return _wrapped(f"{write_back.breach}.")
    # A person's words are indented: they begin no line, and are never the last paragraph, where trailers stand.
    reason = textwrap.indent(_wrapped(_one_line(write_back.reason), indent=4), "    ")
    return f"{_wrapped(f'{_one_line(write_back.actor)} rolled it back:')}\n\n{reason}"


def _consequence(write_back: WriteBack) -> str:
    again = f"To start again set `attempt: {write_back.attempt + 1}` and `tier: 1`"
    if write_back.returns_at > write_back.at:
        again += f": tier {int(write_back.tier)} can be reached on {_utc(write_back.returns_at)} at the earliest"
    return _wrapped(f"Off for everybody since {_utc(write_back.at)}. {again}.")


def _wrapped(text: str, *, indent: int = 0) -> str:
    return "\n".join(wrapped(text, columns=_WIDTH - indent, first=""))


def _one_line(text: str) -> str:
    return " ".join(text.translate(_PLAIN).split())


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%a %Y-%m-%d %H:%M:%S} UTC"


def _served(outlook: Outlook) -> str:
    tier, since = outlook.state.standing.tier, outlook.state.epoch_started_at
    dwell = outlook.gates.dwell.at(tier)
    served = f"Its dwell of {format_duration(dwell)} was served on {_utc(since + dwell)}."
    return _wrapped(f"At tier {int(tier)} since {_utc(since)}. {served}")


def _evidence(outlook: Outlook) -> str:
    thresholds, evidence = outlook.gates.thresholds, outlook.evidence
    if not evidence.epoch.customers:
        return _wrapped("Nobody was seen with it; with `thresholds.min_exposed: 0` it needs no evidence.")
    since = f"{with_an_error(evidence.epoch)} since then; {percent(thresholds.success_rate)} must have none."
    span, limit = format_duration(thresholds.window), percent(thresholds.error_rate)
    window = evidence.window if evidence.window.customers else evidence.epoch
    seen = f"In the last {span} {with_an_error(evidence.window)}." if evidence.window.customers else ""
    needed = errors_needed(thresholds, window.customers)
    if needed is None:
        trips = f"With so few, no number of errors rolls it back (limit {limit})."
    else:
        trips = f"Of {window.customers} within {span}, {needed} with an error would roll it back (limit {limit})."
    return _wrapped(" ".join(filter(None, [since, seen, trips])))


def _gain(impact: Impact | None) -> list[str]:
    if impact is None or not impact.seen:
        return []
    among = " of a sample" if impact.is_sample else ""
    return [_wrapped(f"Of {impact.seen} customers{among} that were seen with it, {impact.gained} gain it.")]


def _way_on(outlook: Outlook, now: datetime) -> str:
    return _wrapped(
        f"As of {_utc(now)}. Once merged, it is raised as soon as the rules allow; they did then. Until it is "
        "merged this branch is withdrawn when the evidence turns. Push to it and it is yours; delete it and it is "
        f"not proposed again at tier {int(outlook.state.standing.tier)}."
    )
