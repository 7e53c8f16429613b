"""What a database has to hold after each apply: the rules of design.md, section 4, said once more and plainly.

One function a question, one `if` a rule, in the order of the page. It takes the product's values (what a file says)
and shares no decision with the product, so that the two can be held against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.domain.definition import Definition
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.policy import Policy

KEPT, IN_SYNC, DONE, HELD, REFUSED = "kept", "in sync", "done", "held", "refused"
APPLIED, STALE, FORBIDDEN, UNSAFE = "applied", "stale", "forbidden", "unsafe"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Everything that a row says of a feature; `version` counts the rows, `at` is the time of the last."""

    tier: int
    attempt: int = 1
    rolled_back: bool = False
    git_knows: bool = False
    retired: bool = False
    paused: bool = False
    target: int = 4
    owner: str = ""
    whitelist: frozenset[str] = frozenset()
    blacklist: frozenset[str] = frozenset()
    gates: Gates = Gates()
    settled: Gates = Gates()
    version: int = 0
    epoch: int = 0
    epoch_began: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Model:
    """One database."""

    features: Mapping[str, Feature] = field(default_factory=dict)
    in_force: str | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One apply. None in `files` is a file that can't be read; `hidden` says that one may speak for any feature."""

    revision: str
    now: datetime
    files: Mapping[str, Definition | None]
    policy: Policy = Policy()
    hidden: bool = False
    relation: str | None = None  # of the commit to the one in force: same, ahead, behind, diverged
    on_branch: bool = True
    may_raise: bool = True  # the tip of the branch, and the clocks agree
    trailers: Mapping[str, int] = field(default_factory=dict)  # the attempts that write-backs since then ended
    verdicts: Mapping[str, str] = field(default_factory=dict)
    adopt: bool = False
    override: bool = False


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The database afterwards, what became of the apply, and what each feature was answered."""

    model: Model
    outcome: str
    answers: Mapping[str, str] = field(default_factory=dict)


def apply(model: Model, asked: Asked) -> Expected:
    """Apply a commit as the design says."""
    if asked.relation == "behind":
        return Expected(model=model, outcome=STALE)
    if asked.relation == "diverged" or not asked.on_branch:
        return Expected(model=model, outcome=FORBIDDEN)
    names = sorted({*model.features, *asked.files})
    imported = {name: _import_lost_rollback(model.features.get(name), name, asked) for name in names}
    decided = {name: _decide(imported[name], name, asked) for name in names}
    if _is_unsafe(model, imported, {name: after for name, (after, _) in decided.items()}, asked):
        rescued = {name: row for name, row in imported.items() if row is not None and name in model.features}
        return Expected(model=replace(model, features=rescued), outcome=UNSAFE)
    features = {name: after for name, (after, _) in decided.items() if after is not None}
    answers = {
        name: DONE if answer == IN_SYNC and after != model.features.get(name) else answer
        for name, (after, answer) in decided.items()
    }
    return Expected(model=Model(features=features, in_force=asked.revision), outcome=APPLIED, answers=answers)


def roll_back(model: Model, name: str, now: datetime) -> Model:
    """Roll a feature back because of its errors: git is told later."""
    row = model.features[name]
    return replace(model, features={**model.features, name: _write(row, now, tier=0, rolled_back=True)})


def _decide(o: Feature | None, name: str, asked: Asked) -> tuple[Feature | None, str]:  # noqa: C901, PLR0911, PLR0912
    d = asked.files.get(name)
    if name in asked.files and d is None:  # 1
        return o, KEPT
    if d is None:  # 3
        assert o is not None
        if o.retired:
            return o, KEPT
        if asked.hidden:
            return o, HELD
        if o.rolled_back or o.tier in {0, o.target}:
            return _write(o, asked.now, retired=True), DONE
        return o, REFUSED
    may_rise = asked.may_raise and not d.paused and not _is_frozen(asked)
    if o is None:  # 2
        if d.tier > 0 and asked.adopt:
            return (_whole(None, d, asked.now), DONE) if asked.may_raise else (None, HELD)
        if d.tier > 1:
            return None, REFUSED
        if d.tier == 1 and not may_rise:
            return _whole(None, d, asked.now, tier=0), HELD
        return _whole(None, d, asked.now), DONE
    if d.attempt < o.attempt:  # 4
        return o, REFUSED
    if o.retired and d.tier > o.tier:  # 3, the file came back
        return o, REFUSED
    if o.rolled_back and d.attempt == o.attempt and d.rolled_back < o.attempt:  # 6
        return o, (REFUSED if o.git_knows else HELD)
    if o.rolled_back and d.attempt == o.attempt + 1:  # 7
        if d.tier > 1:
            return o, REFUSED
        return (_whole(o, d, asked.now), DONE) if may_rise else (o, HELD)
    if d.tier <= o.tier:  # 8 and 9
        return _whole(o, d, asked.now), IN_SYNC
    if d.tier > o.tier + 1:  # 11
        return o, REFUSED
    if may_rise and _has_earned(o, d, asked.verdicts.get(name, "insufficient"), asked.now):  # 10
        return _whole(o, d, asked.now), DONE
    return _whole(o, d, asked.now, tier=o.tier, gates=_stricter(o.settled, d.gates), settled=o.settled), HELD


def _import_lost_rollback(o: Feature | None, name: str, asked: Asked) -> Feature | None:  # 5
    d = asked.files.get(name)
    told = max(asked.trailers.get(name, 0), d.rolled_back if d is not None else 0)
    if o is None:
        if d is None or told <= d.rolled_back:
            return None
        return _whole(None, d, asked.now, tier=0, attempt=told, rolled_back=True, git_knows=True)
    if told > o.attempt or (told == o.attempt and not o.rolled_back):
        return _write(o, asked.now, tier=0, attempt=told, rolled_back=True, git_knows=True)
    return o


def _has_earned(o: Feature, d: Definition, verdict: str, now: datetime) -> bool:
    gates = _stricter(o.settled, d.gates)
    if o.tier == 0:
        return True
    assert o.epoch_began is not None
    dwell = {1: gates.dwell.tier_1, 2: gates.dwell.tier_2, 3: gates.dwell.tier_3}[o.tier]
    enough = verdict == "healthy" or (verdict == "insufficient" and gates.thresholds.min_exposed == 0)
    return now - o.epoch_began >= dwell and enough


def _is_frozen(asked: Asked) -> bool:
    return any(freeze.begins <= asked.now < freeze.ends for freeze in asked.policy.freezes)


def _is_unsafe(
    model: Model, imported: Mapping[str, Feature | None], after: Mapping[str, Feature | None], asked: Asked
) -> bool:
    live = [name for name, row in model.features.items() if not row.retired]
    lowered = [name for name in live if _is_less(imported[name], after[name])]
    limits = asked.policy.guard
    exposed = [name for name in live if model.features[name].tier > 0]
    demoted = [name for name in exposed if _is_lower(imported[name], after[name])]
    too_many = any(
        bool(some) and len(of) >= limits.min_rollouts and len(some) / len(of) > limits.max_lowered
        for some, of in ((lowered, live), (demoted, exposed))
    )
    return (too_many or not (asked.files or asked.hidden)) and not asked.override


def _is_less(before: Feature | None, after: Feature | None) -> bool:
    assert before is not None
    assert after is not None
    return _is_lower(before, after) or (after.retired and not before.retired)


def _is_lower(before: Feature | None, after: Feature | None) -> bool:
    assert before is not None
    assert after is not None
    return after.tier < before.tier


def _stricter(one: Gates, other: Gates) -> Gates:
    a, b = one.thresholds, other.thresholds
    sure = None if a.confidence is None or b.confidence is None else min(a.confidence, b.confidence)
    return Gates(
        dwell=Dwell(
            tier_1=max(one.dwell.tier_1, other.dwell.tier_1),
            tier_2=max(one.dwell.tier_2, other.dwell.tier_2),
            tier_3=max(one.dwell.tier_3, other.dwell.tier_3),
        ),
        thresholds=Thresholds(
            error_rate=min(a.error_rate, b.error_rate),
            success_rate=max(a.success_rate, b.success_rate),
            window=a.window,
            min_exposed=max(a.min_exposed, b.min_exposed),
            confidence=sure,
        ),
    )


def _whole(o: Feature | None, d: Definition, now: datetime, **kept: object) -> Feature:
    said = {
        "tier": int(d.tier),
        "attempt": d.attempt,
        "rolled_back": d.rolled_back == d.attempt,
        "git_knows": d.rolled_back == d.attempt and (o is None or o.git_knows),
        "retired": False,
        "paused": d.paused,
        "target": int(d.target),
        "owner": d.owner,
        "whitelist": d.whitelist,
        "blacklist": d.blacklist,
        "gates": d.gates,
        "settled": d.gates,
    }
    return _write(o or Feature(tier=-1), now, **(said | kept))


def _write(row: Feature, now: datetime, **said: object) -> Feature:
    """Append a row, if it says anything new; time never falls, and a tier or an attempt begins an epoch."""
    after = replace(row, **said)  # type: ignore[arg-type]
    if after == row:
        return row
    at = max(now, row.at or now)
    stays = (after.tier, after.attempt) == (row.tier, row.attempt)
    return replace(
        after,
        version=row.version + 1,
        at=at,
        epoch=row.epoch + (not stays),
        epoch_began=row.epoch_began if stays else at,
    )
