"""The rules of a chain, computed once more from its rows alone, whoever switched off those of the database.

Each rule has the name of the constraint that keeps it in the database, or of the column that the server fills in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from reconciler.domain.ladder import Tier
from reconciler.domain.links import (
    FIRST_KINDS,
    as_previous,
    attempt_follows,
    climbs_one,
    dwelt,
    generated,
    is_commit,
    is_no_looser,
    is_one_stay,
    is_proven,
    is_raise,
    restarts,
    retires,
    rolls_back,
    server_completed,
    server_rollback,
    server_settled,
    server_started,
    settles_on_change,
    stays,
    written_by,
)
from reconciler.domain.record import Finding, Link

Own: TypeAlias = Callable[[Link], bool]
Step: TypeAlias = Callable[[Link, Link], bool]

_KINDS = frozenset({"create", "adopt", "update", "promote", "demote", "rollback", "restart", "retire"})
_MOST_ATTEMPTS = 1_000_000


def chain_faults(chain: Sequence[Link]) -> Iterator[Finding]:
    """Yield each rule that a row breaks by itself, or as the one that follows the row before it."""
    raised: set[str | None] = set()
    before: Link | None = None
    for link in chain:
        yield from (_finding(link, name, words) for name, (words, keeps) in OWN.items() if not keeps(link))
        yield from _in_its_place(before, link)
        if is_raise(link) and link.revision in raised:
            yield _finding(link, "one_raise_a_commit", "its commit has raised it before")
        raised |= {link.revision} if is_raise(link) else set()
        before = link


def _in_its_place(before: Link | None, link: Link) -> Iterator[Finding]:
    if link.version != (0 if before is None else before.version) + 1:
        after = "nothing" if before is None else f"version {before.version}"
        yield _finding(link, "follows_directly", f"it follows {after}: a row between them is gone")
    elif before is None:
        yield from (_finding(link, name, words) for name, (words, keeps) in FIRST.items() if not keeps(link))
    else:
        yield from (_finding(link, name, words) for name, (words, keeps) in STEP.items() if not keeps(before, link))


def _finding(link: Link, rule: str, words: str) -> Finding:
    return Finding(
        feature=link.feature,
        version=link.version,
        rule=rule,
        what=words,
        remedy=f"{written_by(link)}: ask why, and restore the database; meanwhile "
        f"`reconciler rollback {link.feature}` takes it from everybody",
    )


OWN: Mapping[str, tuple[str, Own]] = {
    "kind_is_known": ("its kind is none that there is", lambda link: link.kind in _KINDS),
    "tier_is_on_the_ladder": (
        "its tier is above its target",
        lambda link: link.standing.tier <= link.standing.target,
    ),
    "rolled_back_is_off": (
        "it is rolled back and yet exposed",
        lambda link: not (link.standing.rolled_back and link.standing.tier),
    ),
    "attempt_is_in_range": (
        "its attempt is none that there is",
        lambda link: 0 < link.standing.attempt <= _MOST_ATTEMPTS,
    ),
    "lists_are_disjoint": (
        "a customer is on both lists",
        lambda link: link.standing.whitelist.isdisjoint(link.standing.blacklist),
    ),
    "gates_are_no_looser": (
        "its gates are looser than the settled ones",
        lambda link: is_no_looser(link.standing.gates, link.standing.settled),
    ),
    "verdict_is_known": (
        "its verdict is none that there is",
        lambda link: link.verdict in {None, "healthy", "unhealthy", "insufficient"},
    ),
    "raise_is_not_paused": (
        "it was raised while paused",
        lambda link: not (is_raise(link) and link.standing.paused) or link.kind == "adopt",
    ),
    "all_but_rollbacks_name_their_commit": (
        "no commit caused it",
        lambda link: link.revision is not None or link.kind == "rollback",
    ),
    "settling_names_its_commit": (
        "it settles without a commit",
        lambda link: not link.is_settled or link.revision is not None,
    ),
    "revision_is_a_commit": (
        "what it names as its commit is none",
        lambda link: is_commit(link.revision) and is_commit(link.rollback_commit),
    ),
    "only_the_first_creates": (
        "only the first row creates, and it does nothing else",
        lambda link: (link.version == 1) == (link.kind in FIRST_KINDS),
    ),
    "derived_columns": ("what follows from its tier and gates says otherwise", generated),
}

FIRST: Mapping[str, tuple[str, Own]] = {
    "has_whole_predecessor": ("it is the first and names a row before it", lambda link: link.previous is None),
    "starts_low": (
        "it begins above tier 1",
        lambda link: link.kind == "adopt" or link.standing.tier <= Tier.INTERNAL,
    ),
    "time_never_falls": ("its time is not the clock's", lambda link: link.at == link.clocked_at),
    "epoch_is_one_stay": (
        "its epoch is not the first",
        lambda link: (link.epoch, link.epoch_started_at) == (1, link.at),
    ),
    "tier_change_settles": (
        "it begins above tier 0 without its whole definition",
        lambda link: settles_on_change(link, stays=not link.standing.tier),
    ),
    "only_a_retirement_retires": ("it begins retired", lambda link: not link.standing.retired),
    "rollout_id": ("its rollout is another", lambda link: link.rollout_id == link.id),
    "settled_revision": ("another commit settled its gates", lambda link: server_settled(link, None)),
    "rollback_id": ("another rollback holds it", lambda link: server_rollback(link, None)),
    "started_at": ("its attempt began at another time", lambda link: server_started(link, None)),
    "completed_at": ("it was complete at another time", lambda link: server_completed(link, None)),
}

STEP: Mapping[str, tuple[str, Step]] = {
    "follows_predecessor": (
        "what it says of the row before it is not so",
        lambda before, link: link.previous == as_previous(before),
    ),
    "time_never_falls": (
        "its time is not the clock's, or before that of the row before it",
        lambda before, link: link.at == max(link.clocked_at, before.at),
    ),
    "epoch_is_one_stay": ("its epoch does not follow from the row before it", is_one_stay),
    "no_skip": ("it skips a tier", lambda before, link: link.standing.tier <= before.standing.tier + 1),
    "promotion_is_one_rung": ("it is no promotion by one tier", climbs_one),
    "dwell_is_served": ("its dwell was not served", dwelt),
    "evidence_is_there": ("nothing proved it healthy", is_proven),
    "raise_needs_another_commit": (
        "the commit that settled its tier raised it",
        lambda before, link: not is_raise(link) or link.revision != before.settled_revision,
    ),
    "rolled_back_stays_off": (
        "it lifts a rollback",
        lambda before, link: not before.standing.rolled_back or link.standing.rolled_back or link.kind == "restart",
    ),
    "attempt_follows": ("its attempt does not follow from the row before it", attempt_follows),
    "returns_no_higher": (
        "it came back higher than it was retired",
        lambda before, link: (
            not before.standing.retired or link.standing.retired or link.standing.tier <= before.standing.tier
        ),
    ),
    "update_keeps_the_tier": (
        "an update moved it",
        lambda before, link: (
            link.kind != "update"
            or (stays(before, link) and link.standing.rolled_back == before.standing.rolled_back)
        ),
    ),
    "demotion_goes_down": (
        "a demotion did not lower it",
        lambda before, link: (
            link.kind != "demote" or (link.standing.tier < before.standing.tier and not before.standing.rolled_back)
        ),
    ),
    "rollback_is_total": ("a rollback did not take it from everybody", rolls_back),
    "only_a_rollback_rolls_back": (
        "something else than a rollback rolled it back",
        lambda before, link: (
            not link.standing.rolled_back or link.kind == "rollback" or before.standing.rolled_back
        ),
    ),
    "restart_follows_rollback": ("it begins again without a rollback before it", restarts),
    "retirement_is_finished": ("it was retired while live", retires),
    "only_a_retirement_retires": (
        "something else than a retirement retired it",
        lambda before, link: (
            not link.standing.retired
            or link.kind == "retire"
            or (link.kind == "rollback" and before.standing.retired)
        ),
    ),
    "rollback_retires_nothing": (
        "a rollback retired it, or brought it back",
        lambda before, link: link.kind != "rollback" or link.standing.retired == before.standing.retired,
    ),
    "only_settling_loosens": (
        "its settled gates changed while its raise was held",
        lambda before, link: (
            link.is_settled or not stays(before, link) or link.standing.settled == before.standing.settled
        ),
    ),
    "tier_change_settles": (
        "it moved without its whole definition",
        lambda before, link: settles_on_change(link, stays=stays(before, link)),
    ),
    "rollout_id": ("its rollout is another", lambda before, link: link.rollout_id == before.rollout_id),
    "settled_revision": ("another commit settled its gates", lambda before, link: server_settled(link, before)),
    "rollback_id": ("another rollback holds it", lambda before, link: server_rollback(link, before)),
    "started_at": ("its attempt began at another time", lambda before, link: server_started(link, before)),
    "completed_at": ("it was complete at another time", lambda before, link: server_completed(link, before)),
}
