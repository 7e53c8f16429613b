"""What a pass made of proposals, feature by feature: what is asked for on which branch, and why nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from reconciler.domain.proposal import Account, Became
from reconciler.domain.state import Standing
from reconciler.render.documents import VERSION, Json, dumped
from reconciler.render.ladder import rung, step
from reconciler.render.layout import Block
from reconciler.render.moments import iso, until
from reconciler.render.style import Style, Tone
from reconciler.render.text import padded, printable, wrapped
from reconciler.render.view import short

_HEADS = "refs/heads/"
_TITLES: Mapping[Became, tuple[str, str, Tone]] = {
    Became.OPENED: ("opened", "would be opened", Tone.MORE),
    Became.RENEWED: ("renewed", "would be renewed", Tone.MORE),
    Became.KEPT: ("open", "open", Tone.SAME),
    Became.WITHDRAWN: ("withdrawn", "would be withdrawn", Tone.LESS),
    Became.REFUSED: ("refused by the remote", "refused by the remote", Tone.BAD),
    Became.MERGED: ("merged", "merged", Tone.SAME),
    Became.TOUCHED: ("a person's now", "a person's now", Tone.SAME),
    Became.DECLINED: ("declined", "declined", Tone.SAME),
    Became.WAITING: ("not proposed", "not proposed", Tone.WAIT),
}
_SYMBOLS = {Tone.MORE: "+", Tone.LESS: "-", Tone.BAD: "!"}
_ASKING = frozenset({Became.OPENED, Became.RENEWED, Became.KEPT, Became.REFUSED})
_WITH_BRANCH = _ASKING | {Became.TOUCHED}
_INDENT = " " * 6


def proposals_text(accounts: Sequence[Account], now: datetime, style: Style, *, is_rehearsal: bool) -> str:
    """Return what became of each feature, the news first, and counts at the end."""
    if not accounts:
        return "nothing to propose: no rollout is under way\n"
    widest = max(len(account.outlook.feature) for account in accounts)
    blocks, counts = [], []
    for became, (done, would, tone) in _TITLES.items():
        found = [account for account in accounts if account.became is became]
        if not found:
            continue
        title = would if is_rehearsal else done
        shown = style.shown(len(found))
        lines = [style.paint(title, tone, Tone.STRONG)]
        lines += [line for account in found[:shown] for line in _entry(account, widest, now, style)]
        if len(found) > shown:
            lines.append(f"  ... and {len(found) - shown:,} more; `--output json` lists them all")
        blocks.append("\n".join(lines))
        counts.append(f"{len(found):,} {title}")
    last = wrapped(", ".join(counts), columns=style.width, first="")
    return "\n\n".join([*blocks, "\n".join(style.paint(line, Tone.STRONG) for line in last)]) + "\n"


def proposals_json(accounts: Sequence[Account], root: str, tip: str, *, is_rehearsal: bool) -> str:
    """Return the same as a JSON document."""
    listed: Json = [_document(account) for account in accounts]
    head: dict[str, Json] = {
        "version": VERSION,
        "kind": "propose",
        "root": root,
        "revision": tip,
        "dry_run": is_rehearsal,
    }
    return dumped({**head, "features": listed})


def _entry(account: Account, widest: int, now: datetime, style: Style) -> Block:
    tone = _TITLES[account.became][2]
    state = account.outlook.state
    place = (
        step(state, Standing(tier=account.outlook.asked), style)
        if account.became in _ASKING
        else rung(state.standing.tier, style)
    )
    name = style.paint(f"{_SYMBOLS.get(tone, '=')} {padded(account.outlook.feature, widest)}", tone)
    owner = style.paint(printable(state.standing.owner), Tone.QUIET)
    lines = [f"  {name}  {place}  {owner}".rstrip()]
    lines += [
        line for fact in _facts(account, now, style) for line in wrapped(fact, columns=style.width, first=_INDENT)
    ]
    if account.remedy:
        lines += wrapped(account.remedy, columns=style.width, first=f"{_INDENT}-> ")
    return lines


def _facts(account: Account, now: datetime, style: Style) -> list[str]:
    facts = []
    if account.branch is not None and account.became in _WITH_BRANCH:
        at = "" if account.commit is None else f" at {short(account.commit)}"
        facts.append(f"branch {account.branch.removeprefix(_HEADS)}{at}")
    if account.why:
        later = "" if account.until is None else f"; until {until(account.until, now, style.zone)}"
        facts.append(f"{account.why}{later}")
    return facts


def _document(account: Account) -> Json:
    state = account.outlook.state
    return {
        "feature": account.outlook.feature,
        "became": account.became.value,
        "tier": int(state.standing.tier),
        "asked": int(account.outlook.asked) if account.became in _ASKING else None,
        "attempt": state.standing.attempt,
        "epoch": state.epoch,
        "branch": None if account.branch is None else account.branch.removeprefix(_HEADS),
        "commit": account.commit,
        "reason": account.why,
        "remedy": account.remedy,
        "until": None if account.until is None else iso(account.until),
    }
