"""What a commit of ours is made of, and how a push of it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Author and committer of a commit, and its time: equal content, parent and signature are the same commit."""

    name: str
    email: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PushReport:
    """What git said of a push: for people to read; what the remote holds then is asked of the remote."""

    is_accepted: bool
    said: str = ""
