"""What `stats` shows, once or again and again."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from reconciler.cli.features import unknown_feature
from reconciler.cli.invocation import Invocation, now
from reconciler.domain.statistics import Statistics
from reconciler.errors import DatabaseUnavailableError
from reconciler.render.documents import VERSION
from reconciler.render.moments import exactly
from reconciler.render.style import Tone
from reconciler.store.postgres import PostgresStore

_HOME_AND_CLEAR = "\x1b[H\x1b[J"


def statistics_of(store: PostgresStore, features: Sequence[str]) -> list[Statistics]:
    """Return how the named features fare, every one when none is named."""
    found = store.statistics(list(dict.fromkeys(features)) or None)
    for feature in features:
        if feature not in found:
            raise unknown_feature(feature, store.index().features)
    return list(found.values())


def repeated(call: Invocation, page: Callable[[], str], interval: float) -> None:
    """Write a page every so many seconds until Ctrl-C; a terminal shows the last one, or an outage."""
    begin = _HOME_AND_CLEAR if sys.stdout.isatty() else ""
    with suppress(KeyboardInterrupt):  # how a person ends it
        while True:
            try:
                shown = page()
            except DatabaseUnavailableError as error:
                shown = _outage(call, str(error))
            moment = call.style.paint(f"{exactly(now(), call.style.zone)}, every {interval:g} s", Tone.QUIET)
            # Where the cursor goes is no matter of colour.
            sys.stdout.write(f"{begin}{shown}\n{moment}\n" if call.output == "text" else shown)
            sys.stdout.flush()
            time.sleep(interval)


def _outage(call: Invocation, error: str) -> str:
    if call.output == "json":
        return json.dumps({"version": VERSION, "kind": "outage", "error": error}) + "\n"
    return call.style.paint(f"no answer: {error}", Tone.BAD) + "\n"
