"""The file that a new rollout begins with: complete, commented, and sound as it stands."""

from __future__ import annotations

import json
import re

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9@_. -]*[A-Za-z0-9_-]")

_TEXT = """\
# yaml-language-server: $schema={schema}
# A rollout climbs one tier at a time, each step by a reviewed commit. Lowering the tier works at once.
feature: {feature}
description: {description}
owner: {owner}

# Who has it now: 0 nobody, 1 = 1 %, 2 = 10 %, 3 = 50 %, 4 = everybody.
tier: 0

# Who always has it, at tier 0 too, and who never has it. Ids are text: quote those that look like numbers.
whitelist: []
blacklist: []

# The least time at tiers 1, 2 and 3, and what each promotion needs. Without these lines the policy decides.
# dwell: {{1: 48h, 2: 7d, 3: 7d}}
# thresholds:
#   error_rate: 0.05   # more customers with an error in the window: rolled back
#   min_exposed: 100   # customers who must have had it before it is promoted
"""


def new_definition(feature: str, owner: str, description: str, schema_reference: str) -> str:
    """Return the text of a new rollout at tier 0; `load` tells whether name, owner and description are sound."""
    return _TEXT.format(
        schema=schema_reference,
        feature=_scalar(feature),
        description=_scalar(description),
        owner=_scalar(owner),
    )


def _scalar(text: str) -> str:
    # Words such as `no` or `null` are short: quote every short text rather than list them here.
    return text if _PLAIN.fullmatch(text) and len(text) > len("false") else json.dumps(text, ensure_ascii=False)
