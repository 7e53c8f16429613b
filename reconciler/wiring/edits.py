"""The edit that a person asks for: read with the loader, made, and read again before anybody gets it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath

from reconciler.definitions.edit import edit
from reconciler.definitions.load import load, source_key
from reconciler.definitions.said import said_by
from reconciler.definitions.source import Entry
from reconciler.definitions.tree import is_feature, survey
from reconciler.domain.definition import Definition
from reconciler.domain.desired import Desired
from reconciler.domain.ladder import Tier
from reconciler.errors import EditRefusedError, UsageError
from reconciler.reconcile.intents import Intent, reaches
from reconciler.reconcile.observe import Files
from reconciler.render.edits import EditView
from reconciler.render.text import clipped
from reconciler.repository.plumbing import Plumbing
from reconciler.repository.rewrites import rewrites

_EDITED = "edited"
_LOOKED_AT = 50  # changes of a file, for the one that rolled an attempt back


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a person asks for: a command, a feature, and what that makes of its definition."""

    verb: str
    feature: str
    intend: Callable[[Definition], Intent]


def edited(files: Files, ask: Ask, *, where: str = "") -> EditView:
    """Return an edit that the loader finds sound beside all other files; nothing is written yet.

    `where` says of which commit they are, for whoever looks in vain. UsageError when the feature has no definition;
    EditRefusedError with the loader's fault when what is there can't be read, or the edit would be no sound one.
    """
    before, old = _read(files, ask.feature, where)
    intent = ask.intend(before)
    path = before.source.path
    new = edit(old, path, intent.edit)
    after = before if new is old else _checked(files, ask.feature, path, new)
    return EditView(verb=ask.verb, path=path, before=before, after=after, old=old, new=new, idle=intent.idle)


def foreseen(view: EditView, git: Plumbing, until: str | None, now: datetime) -> EditView:
    """Return the edit with the earliest moments at which it can lead to its target, and to where it stood."""
    stood = None
    if until is not None and view.after.attempt > view.before.attempt:
        stood = _stood_at(git, until, view.path, view.before.rolled_back)
    found = reaches(view.before, view.after, now, stood)
    return replace(view, reached=tuple((each.tier, each.at, each.stood) for each in found))


def _read(files: Files, feature: str, where: str) -> tuple[Definition, bytes]:
    desired = _loaded(files.entries, files, feature)
    definition = desired.definitions.get(feature)
    if definition is None:
        raise _refused(desired, feature) or _unknown(files, feature, where)
    entry = next(entry for entry in files.entries if entry.path == definition.source.path)
    [content] = files.read([entry])
    return definition, content


def _checked(files: Files, feature: str, path: str, content: bytes) -> Definition:
    new = Entry(path=path, kind=next(each.kind for each in files.entries if each.path == path), id=_EDITED)
    entries = [new if entry.path == path else entry for entry in files.entries]

    def read(wanted: Sequence[Entry]) -> Iterator[bytes]:
        others = iter(files.read([each for each in wanted if each is not new]))
        return (content if each is new else next(others) for each in wanted)

    desired = _loaded(entries, replace(files, read=read), feature)
    definition = desired.definitions.get(feature)
    if definition is None:
        raise _refused(desired, feature, "edited it would be refused: ") or _unknown(files, feature, "")
    return definition


def _loaded(entries: Sequence[Entry], files: Files, feature: str) -> Desired:
    # With their own keys all others count as in force, so that of thousands only this one is read.
    tree = survey(entries, files.root)
    others = {name: source_key(entry, tree.policy) for name, entry in tree.files.items() if name != feature}
    return load(entries, files.read, files.root, others)


def _refused(desired: Desired, feature: str, lead: str = "") -> EditRefusedError | None:
    problems = [each for each in desired.problems if feature in each.features]
    if not problems:
        return None
    more = f" (and {len(problems) - 1} more: `reconciler validate` names all)" if len(problems) > 1 else ""
    return EditRefusedError(f"{lead}{problems[0]}{more}")


def _unknown(files: Files, feature: str, where: str) -> UsageError:
    stems = (PurePosixPath(entry.path).stem for entry in files.entries if entry.path.endswith(".yaml"))
    close = difflib.get_close_matches(feature, sorted({stem for stem in stems if is_feature(stem)}), n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`reconciler new` writes one, --root looks elsewhere"
    return UsageError(f"feature {clipped(feature, 70)} has no definition in {files.root}{where}; {hint}")


def _stood_at(git: Plumbing, until: str, path: str, attempt: int) -> Tier | None:
    """Return the tier of an attempt before the commit that said it was rolled back, as far as git tells."""
    for each in rewrites(git, until, path, most=_LOOKED_AT):
        if each.before is None or each.after is None:
            continue
        with suppress(EditRefusedError, ValueError):
            before, after = said_by(each.before, path), said_by(each.after, path)
            if before.rolled_back < attempt <= after.rolled_back:
                return Tier(before.tier)
    return None
