"""An edit of a definition for its author: what changes, what that means, where it lies now and what comes next."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.definition import Definition
from reconciler.domain.duration import format_duration
from reconciler.domain.ladder import Tier
from reconciler.render.documents import VERSION, Json, dumped
from reconciler.render.lists import ListEdit
from reconciler.render.moments import both, iso
from reconciler.render.style import Style, Tone
from reconciler.render.text import counted, few, printable, wrapped

_IDS = 3
_CONTEXT = 2
_COMMAND = re.compile(r"(?<!\S)::|##\[")
_KEPT = frozenset(" \t\N{ZERO WIDTH JOINER}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where an edit lies now: a file, or a commit on a branch, which may be new or pushed; none of them: nowhere.

    `offer` is the address at which the remote takes a pull request.
    """

    is_written: bool = False
    commit: str | None = None
    branch: str | None = None
    base: str | None = None
    base_branch: str | None = None
    remote: str | None = None
    offer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditView:
    """An edit: the definition and the file before and after, where that is, and what is so if nothing changed.

    `reached` holds tiers with the earliest moment they can be reached, and whether the attempt before stood there.
    """

    verb: str
    path: str
    before: Definition
    after: Definition
    old: bytes
    new: bytes
    idle: str
    reached: Sequence[tuple[Tier, datetime, bool]] = ()
    delivery: Delivery = Delivery()

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to write."""
        return self.old != self.new

    @property
    def lists(self) -> tuple[ListEdit, ...]:
        """The customers that each list gains and loses; a list that stays as it is isn't named."""
        edits = (_list_edit(self, "whitelist"), _list_edit(self, "blacklist"))
        return tuple(edit for edit in edits if edit.added or edit.removed)


def edit_subject(view: EditView) -> str:
    """Return the first line of a commit, `Advance new-checkout: tier 2 -> 3`; no customer is named."""
    before, after = view.before, view.after
    told = [f"attempt {after.attempt}"] if after.attempt != before.attempt else []
    if after.tier != before.tier:
        told.append(f"tier {int(before.tier)} -> {int(after.tier)}")
    told += [f"{edit.name} {_signs(edit)}" for edit in view.lists]
    return f"{view.verb.capitalize()} {after.feature}{': ' if told else ''}{', '.join(told)}"


def edit_text(view: EditView, style: Style) -> str:
    """Return an edit for a terminal."""
    if not view.is_changed:
        return "".join(
            f"{line}\n" for line in wrapped(f"nothing to do: {view.idle}", columns=style.width, first="")
        )
    name = style.paint(view.after.feature, Tone.STRONG)
    first, *others = _meaning(view, style)
    lines = [f"{name}  {first}"]
    lines += [line for text in others for line in wrapped(text, columns=style.width, first="  ", rest="  ")]
    lines += ["", *(_painted(line, style) for line in _diff(view)), ""]
    lines += [
        line for text in _whereabouts(view) for line in wrapped(text, columns=style.width, first="", rest="  ")
    ]
    return "\n".join(lines) + "\n"


def edit_json(view: EditView) -> str:
    """Return the same as a JSON document."""
    delivery = view.delivery
    lists: Json = {edit.name: {"added": edit.added, "removed": edit.removed} for edit in view.lists}
    reached: Json = [
        {"tier": int(tier), "percent": tier.exposure, "at": iso(at), "stood_before": stood}
        for tier, at, stood in view.reached
    ]
    return dumped(
        {
            "version": VERSION,
            "kind": "edit",
            "command": view.verb,
            "feature": view.after.feature,
            "path": view.path,
            "is_changed": view.is_changed,
            "idle": None if view.is_changed else view.idle,
            "before": _fields(view.before),
            "after": _fields(view.after),
            "lists": lists,
            "reachable": reached,
            "diff": "".join(f"{line}\n" for line in _diff(view)),
            "is_written": delivery.is_written,
            "commit": delivery.commit,
            "branch": delivery.branch,
            "base": delivery.base,
            "base_branch": delivery.base_branch,
            "remote": delivery.remote,
            "pull_request": delivery.offer,
        }
    )


def _fields(definition: Definition) -> dict[str, Json]:
    return {
        "tier": int(definition.tier),
        "percent": definition.tier.exposure,
        "attempt": definition.attempt,
        "rolled_back": definition.rolled_back,
        "paused": definition.paused,
    }


def _meaning(view: EditView, style: Style) -> Iterator[str]:
    before, after = view.before, view.after
    if after.attempt != before.attempt:
        begins = f"begins at tier {int(after.tier)}, {after.tier.exposure} %"
        yield f"attempt {before.attempt} -> {after.attempt}, {begins}"
    elif after.tier != before.tier:
        yield (
            f"tier {int(before.tier)} -> {int(after.tier)}, {before.tier.exposure} % -> {after.tier.exposure} %"
            " of the customers"
        )
    if after.paused != before.paused:
        yield "paused: no raise until it is resumed" if after.paused else "resumed: raises go on"
    for edit in view.lists:
        signs = (("+", edit.added), ("-", edit.removed))
        yield f"{edit.name} " + " ".join(f"{sign}{len(ids)} ({few(ids, _IDS)})" for sign, ids in signs if ids)
    yield from _conditions(before, after)
    for tier, at, stood in view.reached:
        what = f"where attempt {before.attempt} stood" if stood else "its target"
        yield f"tier {int(tier)}, {what}, can be reached on {both(at, style.zone)} at the earliest"


def _conditions(before: Definition, after: Definition) -> Iterator[str]:
    """Say what else has to be so before customers notice."""
    is_raised = after.tier > before.tier
    if is_raised and after.paused:
        yield f"it is paused, so this waits for `reconciler resume {after.feature}`"
    if is_raised and before.tier > Tier.DISABLED:
        dwell, customers = after.gates.dwell.at(before.tier), after.gates.thresholds.min_exposed
        served = f"{format_duration(dwell)} at tier {int(before.tier)} are served, " if dwell else ""
        seen = f"{counted(customers, 'customer')} had it, " if customers else ""
        yield f"raised once {served}{seen}{'and ' if served or seen else ''}it is healthy"
    if after.is_rolled_back and after.whitelist - before.whitelist:
        yield f"attempt {after.attempt} was rolled back: off for them as well until it is restarted"


def _whereabouts(view: EditView) -> Iterator[str]:
    delivery, path = view.delivery, printable(view.path)
    if delivery.commit is None:
        if not delivery.is_written:
            yield "nothing is written (--dry-run)"
            return
        yield f"edited {path}"
        yield "-> look with `reconciler plan --worktree`, commit it and open a pull request"
        return
    branch = printable(delivery.branch or "HEAD")
    beneath = f"{printable(delivery.base_branch or 'HEAD')} {(delivery.base or '')[:10]}"
    on_top = "" if delivery.base is None else f", on top of {beneath}"
    yield f"committed {delivery.commit[:10]} on {branch}{on_top}"
    if delivery.remote is None:
        yield f"-> look with `reconciler plan --revision {branch}`, push it and open a pull request"
    elif delivery.offer is None:
        yield f"pushed to {printable(delivery.remote)}"
        yield "-> open a pull request"
    else:
        yield f"pushed to {printable(delivery.remote)}"
        yield f"-> open a pull request: {printable(delivery.offer)}"


def _diff(view: EditView) -> list[str]:
    """Return the unified diff, each line printable; line endings are none of a reader's business."""
    name = printable(view.path)
    old, new = _lines(view.old), _lines(view.new)
    return list(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", n=_CONTEXT, lineterm=""))


def _lines(content: bytes) -> list[str]:
    lines = content.decode("utf-8-sig", errors="replace").split("\n")
    return [_line(line.removesuffix("\r")) for line in (lines[:-1] if lines[-1] == "" else lines)]


def _line(line: str) -> str:
    # Unlike `printable`, every blank stays: whoever looks at a diff wants the file.
    shown = "".join(each if each.isprintable() or each in _KEPT else "\N{REPLACEMENT CHARACTER}" for each in line)
    return _COMMAND.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}", shown)


def _painted(line: str, style: Style) -> str:
    if line.startswith(("---", "+++", "@@")):
        return style.paint(line, Tone.QUIET)
    if line.startswith("+"):
        return style.paint(line, Tone.MORE)
    return style.paint(line, Tone.BAD) if line.startswith("-") else line


def _list_edit(view: EditView, name: str) -> ListEdit:
    before: frozenset[str] = getattr(view.before, name)
    after: frozenset[str] = getattr(view.after, name)
    return ListEdit(name=name, added=tuple(sorted(after - before)), removed=tuple(sorted(before - after)))


def _signs(edit: ListEdit) -> str:
    signs = (("+", edit.added), ("-", edit.removed))
    return " ".join(f"{sign}{len(ids)}" for sign, ids in signs if ids)
