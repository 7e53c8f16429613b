"""What is said of a feature that is not in the database."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from reconciler.errors import UsageError
from reconciler.render.text import clipped


def unknown_feature(feature: str, known: Iterable[str]) -> UsageError:
    """Return the error that names those that are nearly called like this."""
    close = difflib.get_close_matches(feature, sorted(known), n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`reconciler status` lists those that are"
    return UsageError(f"feature {clipped(feature, 70)} is not in this database; {hint}")
