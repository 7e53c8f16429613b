"""What `demo` does: a folder, the play, and the end of both."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from reconciler.cli.invocation import Invocation, now
from reconciler.demo.scenery import FEATURE, a_scenery
from reconciler.demo.screen import Screen
from reconciler.demo.story import Story
from reconciler.demo.traffic import CUSTOMERS
from reconciler.render.style import Tone


def played(call: Invocation, *, keep: bool) -> None:
    """Play the demo in a folder of its own; with `keep` that stays, and it is said how to look around in it."""
    screen = Screen(sys.stdout, call.style, is_terminal=sys.stdout.isatty())
    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    begun = time.monotonic()
    screen.say(
        f"A bare git remote, a PostgreSQL, {CUSTOMERS:,} customers who ask all the time, and the loop of "
        f"`reconciler run`: all of it real, in {folder}."
    )
    try:
        with ExitStack() as stack:
            with call.talk.step("starting PostgreSQL"):
                scenery = stack.enter_context(a_scenery(folder, now, lambda _note: None))
            Story(scenery=scenery, screen=screen).play()
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    screen.act(f"Played in {time.monotonic() - begun:.0f} s. Nothing raised it but reviewed commits")
    for line in _farewell(folder, keep=keep):
        screen.say(line, Tone.QUIET)


def _farewell(folder: Path, *, keep: bool) -> list[str]:
    if not keep:
        return ["`reconciler demo --keep` leaves it all to look around in; `reconciler new` begins one of yours."]
    options = f"--repository {folder}/shop.git --branch main --data-folder {folder}/database"
    return [
        f"git -C {folder}/shop.git log --stat main",
        f"reconciler history {FEATURE} {options}",
        f"reconciler db stop {options} && rm -r {folder}",
    ]
