"""How rollouts fare, for a terminal: one in full, many as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reconciler.domain.analysis import Cohort, Verdict
from reconciler.domain.duration import format_duration
from reconciler.domain.ladder import Tier
from reconciler.domain.statistics import Statistics
from reconciler.render.documents import VERSION, Json, dumped
from reconciler.render.ladder import ladder_bar
from reconciler.render.rates import percent, points
from reconciler.render.style import Style, Tone
from reconciler.render.table import Cell, table
from reconciler.render.text import counted, wrapped

_TONES = {Verdict.HEALTHY: Tone.MORE, Verdict.UNHEALTHY: Tone.BAD, Verdict.INSUFFICIENT: Tone.QUIET}
_NOTE = "customers since the tier began; limit: with an error in the window, they roll it back"
_OVER = ["it was rolled back and is off for everybody; `reconciler history` says when and why"]
_SPARE = ("shown", "seen", "limit", "on")
_TITLES = ("feature", "shown", "seen", "on", "errors", "rate", "limit", "verdict")


def statistics_text(found: Sequence[Statistics], style: Style) -> str:
    """Render one rollout in full, or many as a table."""
    if len(found) == 1:
        return "\n".join(_page(found[0], style)) + "\n"
    lines = table(_TITLES, [_cells(each) for each in found], style, numbers=_TITLES[1:-1], spare=_SPARE)
    unwell = sum(1 for each in found if each.verdict is Verdict.UNHEALTHY)
    last = f"{counted(len(found), 'rollout')}, {unwell:,} unhealthy" if unwell else counted(len(found), "rollout")
    note = wrapped(_NOTE, columns=style.width, first="")
    return (
        "\n".join([*lines, "", *(style.paint(each, Tone.QUIET) for each in note), style.paint(last, Tone.STRONG)])
        + "\n"
    )


def fares(found: Statistics) -> str:
    """Say in one line how a rollout fares in its window and what is too much; nothing when nobody has it."""
    window, needed = found.window.exposed, found.errors_needed
    if not window.customers or found.status == "rolled_back":
        return ""
    so_far = f"{window.failing:,} of {counted(window.customers, 'customer')} with an error"
    last = f"in the last {format_duration(found.thresholds.window)}"
    return f"{so_far} {last}, {'too few to roll it back' if needed is None else f'{needed:,} roll it back'}"


def statistics_json(found: Sequence[Statistics], *, is_line: bool = False) -> str:
    """Render rollouts with every count, rate and limit; on one line where more follow."""
    rollouts: list[Json] = [_document(each) for each in found]
    document = dumped({"version": VERSION, "kind": "statistics", "rollouts": rollouts})
    return json.dumps(json.loads(document)) + "\n" if is_line else document


def _page(found: Statistics, style: Style) -> list[str]:
    window, epoch = found.window.exposed, found.epoch.exposed
    verdict = style.paint(found.verdict.value, _TONES[found.verdict], Tone.STRONG)
    bar = ladder_bar(found.tier, Tier.FULL, style)
    place = f"tier {int(found.tier)} {style.dot} {found.tier.exposure} %, attempt {found.attempt}"
    rows = [
        ("customers seen", f"{found.window.customers:,}", f"{found.epoch.customers:,}"),
        ("with the feature", f"{window.customers:,}", f"{epoch.customers:,}"),
        ("of them with an error", f"{window.failing:,}", f"{epoch.failing:,}"),
        ("error rate", percent(window.error_rate), percent(epoch.error_rate)),
        ("success rate", percent(window.success_rate), percent(epoch.success_rate)),
    ]
    titles = ("", f"last {format_duration(found.thresholds.window)}", f"since tier {int(found.tier)} began")
    cells: list[list[Cell]] = [[(name, Tone.QUIET), (one, None), (other, None)] for name, one, other in rows]
    told = [
        line
        for text in (_OVER if found.status == "rolled_back" else _told(found))
        for line in wrapped(text, columns=style.width, first="")
    ]
    head = f"{style.paint(found.feature, Tone.STRONG)}  {bar} {place}  {verdict}"
    return [head, "", *table(titles, cells, style, numbers=titles[1:]), "", *told]


def _told(found: Statistics) -> list[str]:
    thresholds, epoch = found.thresholds, found.epoch.exposed
    told = [_limit(found)]
    if found.verdict is Verdict.UNHEALTHY and not found.evidence.is_tripped:
        least = percent(thresholds.success_rate)
        told.append(
            f"{percent(epoch.success_rate)} since the tier began had no error, {least} must: unhealthy by that"
        )
    if found.evidence.is_tripped:
        told.append("`reconciler run` takes it from everybody at once; by hand: `reconciler rollback`")
    elif found.verdict is Verdict.UNHEALTHY:
        told.append("it is not promoted: mend the feature, or set a lower `tier` to take it from customers")
    elif not (found.tier and found.status == "in_progress"):
        pass  # no raise follows that evidence could hold
    elif thresholds.min_exposed > epoch.customers:
        told.append(
            f"promotion needs {thresholds.min_exposed:,} customers with the feature, {epoch.customers:,} seen"
        )
    elif epoch.customers:
        told.append(
            f"promotion needs {percent(thresholds.success_rate)} of them without an error since the tier began"
        )
    comparison = found.comparison
    if comparison is not None:
        off = found.epoch.unexposed
        told.append(
            f"error rate with the feature {percent(epoch.error_rate)}, without {percent(off.error_rate)} "
            f"({off.failing:,} of {off.customers:,}): {points(comparison.difference)} points, "
            f"95 % interval {points(comparison.low)} to {points(comparison.high)}"
            f"{'' if comparison.is_significant else '; no difference shown'}"
        )
    return told


def _limit(found: Statistics) -> str:
    exposed, needed = found.window.exposed.customers, found.errors_needed
    limit = f"above {percent(found.thresholds.error_rate)}"
    if found.thresholds.confidence is not None:
        limit += f" with {percent(found.thresholds.confidence)} certainty"
    if not exposed:
        return f"nobody with the feature was seen in the window; it is rolled back {limit}"
    if needed is None:
        few = (
            f"all of {counted(exposed, 'customer')} with an error"
            if exposed > 1
            else "a single customer with an error"
        )
        return f"{few} would not roll it back: that takes more customers to be {limit}"
    return f"{needed:,} of {counted(exposed, 'customer')} with an error in the window roll it back: {limit}"


def _cells(found: Statistics) -> tuple[Cell, ...]:
    needed = found.errors_needed
    return (
        (found.feature, Tone.STRONG),
        (f"{found.tier.exposure} %", None),
        (f"{found.epoch.customers:,}", None),
        (f"{found.epoch.exposed.customers:,}", None),
        (f"{found.epoch.exposed.failing:,}", None),
        (percent(found.epoch.exposed.error_rate), None),
        ("-" if needed is None else f"{needed:,}", None),
        _verdict_cell(found),
    )


def _verdict_cell(found: Statistics) -> Cell:
    # Where no raise can follow, too few customers are no news.
    if found.verdict is Verdict.INSUFFICIENT and not (found.tier and found.status == "in_progress"):
        return ("-", Tone.QUIET)
    return (found.verdict.value, _TONES[found.verdict])


def _document(found: Statistics) -> dict[str, Json]:
    thresholds, comparison = found.thresholds, found.comparison
    return {
        "feature": found.feature,
        "status": found.status,
        "tier": int(found.tier),
        "percent": found.tier.exposure,
        "attempt": found.attempt,
        "verdict": found.verdict.value,
        "is_tripped": found.evidence.is_tripped,
        "errors_needed": found.errors_needed,
        "window": {
            "seconds": int(thresholds.window.total_seconds()),
            "customers": found.window.customers,
            "exposed": _cohort(found.window.exposed),
            "unexposed": _cohort(found.window.unexposed),
        },
        "epoch": {
            "customers": found.epoch.customers,
            "exposed": _cohort(found.epoch.exposed),
            "unexposed": _cohort(found.epoch.unexposed),
        },
        "comparison": None
        if comparison is None
        else {"difference": comparison.difference, "low": comparison.low, "high": comparison.high},
        "thresholds": {
            "error_rate": thresholds.error_rate,
            "success_rate": thresholds.success_rate,
            "min_exposed": thresholds.min_exposed,
            "confidence": thresholds.confidence,
        },
    }


def _cohort(cohort: Cohort) -> dict[str, Json]:
    return {
        "customers": cohort.customers,
        "failing": cohort.failing,
        "error_rate": cohort.error_rate,
        "success_rate": cohort.success_rate,
    }
