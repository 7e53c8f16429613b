"""What one file says of its rollback, read by itself: no policy, no other file."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.definitions.parse import parse
from reconciler.errors import EditRefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Tier, attempt and the last attempt that was rolled back, as a file says them or leaves them out."""

    tier: int
    attempt: int
    rolled_back: int

    @property
    def is_sound(self) -> bool:
        """Whether the three agree, as a definition's have to: others are believed by nobody."""
        if self.attempt == self.rolled_back:
            return self.tier == 0
        return self.attempt == self.rolled_back + 1


def said_by(content: bytes, path: str) -> Said:
    """Return what a file says; EditRefusedError when it can't be read, or says something else than numbers."""
    parsed = parse(content)
    if parsed.document is None or parsed.faults:
        fault = parsed.faults[0]
        raise EditRefusedError(f"{path}:{fault.line}:{fault.column}: {fault.message}; {fault.remedy}")
    data = parsed.document.data
    tier, attempt, rolled_back = data.get("tier"), data.get("attempt", 1), data.get("rolled_back", 0)
    if type(tier) is not int or type(attempt) is not int or type(rolled_back) is not int:
        raise EditRefusedError(f"{path}: tier, attempt and rolled_back are not whole numbers; mend the file")
    return Said(tier=tier, attempt=attempt, rolled_back=rolled_back)
