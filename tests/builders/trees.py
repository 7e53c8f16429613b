"""Trees of a root as data: the YAML that the product reads, and what an oracle is told that it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from reconciler.domain.definition import Definition, Source
from reconciler.domain.gates import Dwell, Gates, Thresholds
from reconciler.domain.ladder import Tier
from reconciler.domain.policy import Freeze, GuardLimits, Policy
from tests.builders.scene import ROOT, path_of, yaml_of

Fields: TypeAlias = Mapping[str, Any]

BROKEN = "tier: [1\n"
_FRESH: Fields = {"tier": 0}
_SOURCE = Source(path="", key="")


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A root: the fields of each feature's file (None: broken), its folder, the policy, perhaps a nameless ruin."""

    files: Mapping[str, Fields | None] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    policy: Fields | None = field(default_factory=dict)
    ruin: bool = False

    def with_file(self, feature: str, fields: Fields) -> Tree:
        """Return the tree with some fields of a file changed; a broken or missing file begins anew."""
        return replace(self, files={**self.files, feature: {**(self.files.get(feature) or _FRESH), **fields}})

    def with_broken(self, feature: str) -> Tree:
        """Return the tree with a file that can't be read."""
        return replace(self, files={**self.files, feature: None})

    def without(self, feature: str) -> Tree:
        """Return the tree without a file."""
        return replace(self, files={name: fields for name, fields in self.files.items() if name != feature})

    def texts(self) -> dict[str, str]:
        """Return what stands in git."""
        texts = {f"{ROOT}/_policy.yaml": BROKEN if self.policy is None else yaml_of(self.policy)}
        for feature, fields in self.files.items():
            path = path_of(feature, self.folders.get(feature, ""))
            texts[path] = BROKEN if fields is None else yaml_of({"feature": feature, **_written(fields)})
        if self.ruin:
            texts[f"{ROOT}/Somebody's.yaml"] = BROKEN
        return texts

    def definitions(self) -> dict[str, Definition | None]:
        """Return what each file means, None for one that breaks a rule of its own."""
        if self.policy is None:
            return dict.fromkeys(self.files)
        return {
            feature: None if fields is None else _definition(feature, fields, self.policy)
            for feature, fields in self.files.items()
        }

    def hides_files(self) -> bool:
        """Tell whether something unreadable speaks for nobody knows whom."""
        return self.ruin or self.policy is None

    def meaning_of_policy(self) -> Policy:
        """Return the policy; a broken one allows nothing anyway."""
        fields = self.policy or {}
        return Policy(
            freezes=tuple(
                Freeze(begins=_moment(freeze["from"]), ends=_moment(freeze["until"]))
                for freeze in fields.get("freezes", ())
            ),
            guard=GuardLimits(**fields.get("guard", {})),
        )


def a_freeze(begins: datetime, ends: datetime) -> Fields:
    """Return a freeze as the policy writes it, to the minute."""
    return {"from": f"{begins:%Y-%m-%dT%H:%M}", "until": f"{ends:%Y-%m-%dT%H:%M}", "timezone": "UTC"}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _written(fields: Fields) -> Fields:
    """Write hours and thresholds as a file does."""
    written = {name: value for name, value in fields.items() if name not in {"hours", "min_exposed", "error_rate"}}
    if "hours" in fields:
        written["dwell"] = f"{fields['hours']}h"
    thresholds = {name: fields[name] for name in ("min_exposed", "error_rate") if name in fields}
    return {**written, "thresholds": thresholds} if thresholds else written


def _definition(feature: str, fields: Fields, policy: Fields) -> Definition | None:
    attempt, over = fields.get("attempt", 1), fields.get("rolled_back", 0)
    tier, target = fields["tier"], fields.get("target", 4)
    floor = int(policy.get("min_dwell", "24h").removesuffix("h"))
    white, black = set(fields.get("whitelist", ())), set(fields.get("blacklist", ()))
    is_sound = attempt - over in {0, 1} and tier <= target and not white & black
    if not is_sound or (attempt == over and tier > 0) or fields.get("hours", floor) < floor:
        return None
    return Definition(
        feature=feature,
        tier=Tier(tier),
        source=_SOURCE,
        owner=fields.get("owner", ""),
        target=Tier(target),
        attempt=attempt,
        rolled_back=over,
        paused=fields.get("paused", False),
        whitelist=frozenset(white),
        blacklist=frozenset(black),
        gates=_gates(fields, floor),
    )


def _gates(fields: Fields, floor: int) -> Gates:
    dwell = timedelta(hours=fields.get("hours", max(48, floor)))
    thresholds = {name: fields[name] for name in ("min_exposed", "error_rate") if name in fields}
    return Gates(
        dwell=Dwell(tier_1=dwell, tier_2=dwell, tier_3=dwell), thresholds=replace(Thresholds(), **thresholds)
    )
