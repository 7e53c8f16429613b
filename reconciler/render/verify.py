"""What came of a check: what was looked at, what does not fit, and what could not be checked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from reconciler.domain.record import Finding, Unchecked, Verification
from reconciler.render.documents import VERSION, dumped
from reconciler.render.escape import code, escaped, inline
from reconciler.render.style import Style, Tone
from reconciler.render.text import counted, wrapped
from reconciler.render.view import short

_INDENT = " " * 6
_MOST = 200  # findings of a page for a pull request


def verification_text(found: Verification, style: Style) -> str:
    """Render a check for a terminal."""
    head = f"{style.paint('verify', Tone.STRONG)} {short(found.tip)}  {found.root}, {_in_force(found)}"
    lines = [head, *wrapped(f"checked {_checked(found)}", columns=style.width, first="")]
    findings = found.findings[: style.shown(len(found.findings))]
    for feature, group in groupby(findings, key=lambda each: each.feature):
        lines += ["", style.paint(feature or "the whole database", Tone.STRONG)]
        for finding in group:
            lines += _finding(finding, style)
    if more := len(found.findings) - len(findings):
        lines.append(style.paint(f"  ... and {more:,} more; `--output json` lists them all", Tone.QUIET))
    for unchecked in found.unchecked:
        lines += ["", *_unchecked(unchecked, style)]
    tone = Tone.MORE if found.fits else Tone.BAD
    return "\n".join([*lines, "", style.paint(_verdict(found), tone, Tone.STRONG)]) + "\n"


def verification_json(found: Verification) -> str:
    """Render a check for programs."""
    return dumped(
        {
            "version": VERSION,
            "kind": "verification",
            "root": found.root,
            "tip": found.tip,
            "in_force": found.in_force,
            "fits": found.fits,
            "checked": dict(found.counts),
            "findings": [
                {
                    "feature": each.feature or None,
                    "version": each.version,
                    "rule": each.rule,
                    "what": each.what,
                    "remedy": each.remedy,
                }
                for each in found.findings
            ],
            "unchecked": [{"what": each.what, "remedy": each.remedy} for each in found.unchecked],
        }
    )


def verification_markdown(found: Verification) -> str:
    """Render a check for a pull request or a job's summary."""
    parts = [f"### Rollouts of {code(found.root)} checked at {code(short(found.tip))}", f"**{_verdict(found)}**"]
    parts += [f"Checked {_checked(found)}; {_in_force(found)}."]
    if found.findings:
        parts.append(_table(found.findings[:_MOST]))
    if len(found.findings) > _MOST:
        parts.append(f"... and {len(found.findings) - _MOST:,} more")
    parts += [f"> {escaped(each.what)}; {inline(each.remedy)}" for each in found.unchecked]
    return "\n\n".join(parts) + "\n"


def _table(findings: Sequence[Finding]) -> str:
    lines = ["| feature | version | what does not fit | what to do | rule |", "| --- | --- | --- | --- | --- |"]
    for each in findings:
        feature, version = code(each.feature) if each.feature else "", each.version or ""
        rest = " | ".join((inline(each.what), inline(each.remedy), escaped(each.rule)))
        lines.append(f"| {feature} | {version} | {rest} |")
    return "\n".join(lines)


def _finding(finding: Finding, style: Style) -> list[str]:
    version = "" if finding.version is None else f"version {finding.version}: "
    told = wrapped(f"{version}{finding.what} [{finding.rule}]", columns=style.width, first="  ! ", rest=_INDENT)
    remedy = wrapped(finding.remedy, columns=style.width, first=f"{_INDENT}-> ")
    return [*(style.paint(line, Tone.BAD) for line in told), *remedy]


def _unchecked(unchecked: Unchecked, style: Style) -> list[str]:
    told = wrapped(f"not checked: {unchecked.what}", columns=style.width, first="")
    remedy = wrapped(unchecked.remedy, columns=style.width, first="  -> ")
    return [*(style.paint(line, Tone.WAIT) for line in told), *remedy]


def _in_force(found: Verification) -> str:
    return "nothing in force" if found.in_force is None else f"in force {short(found.in_force)}"


def _checked(found: Verification) -> str:
    counts = found.counts
    telling = counts["telling_commits"]
    parts = (
        f"{counted(counts['transitions'], 'transition')} of {counted(counts['rollouts'], 'rollout')}",
        f"{counted(counts['revisions'], 'commit')} taken into force",
        f"{counted(counts['write_backs'], 'rollback')} to tell git of",
        f"{counted(telling, 'commit')} that {_verb(telling)} of one",
    )
    return ", ".join(parts)


def _verb(count: int) -> str:
    return "tells" if count == 1 else "tell"


def _verdict(found: Verification) -> str:
    if not found.fits:
        return f"{counted(len(found.findings), 'thing')} {'does' if len(found.findings) == 1 else 'do'} not fit"
    return "everything that could be checked fits" if found.unchecked else "everything fits"
