"""What `run` and `rollback` do with the loop: its log, its signals, and its end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from types import FrameType

from reconciler.cli.databases import data_folder
from reconciler.cli.invocation import Invocation, now
from reconciler.cli.log import LOG
from reconciler.cli.requests import only_published_commits, only_the_reviewed_branch
from reconciler.cli.secrets import shown
from reconciler.domain.duration import parse_duration
from reconciler.errors import EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, ReconcilerError, UsageError
from reconciler.reconcile.facts import Fact, unheard
from reconciler.reconcile.loop import Wake
from reconciler.reconcile.tick import Tick
from reconciler.render.facts import fact_json, fact_line
from reconciler.store.postgres import PostgresStore
from reconciler.wiring.database import checked_dsn, embedded_dsn
from reconciler.wiring.loop import Crew, Hands, Pace, loop_of, opened_crew, woken
from reconciler.wiring.remote import LocalSource, RemoteSource, opened_remote, write_backs

_PATIENCE = 7.0  # seconds from SIGTERM until whatever still hangs is left where it is
_PASSES = 10
_SOON = timedelta(seconds=5)


def duration_of(option: str, text: str) -> timedelta:
    """Return the duration that a person wrote, one second at least."""
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    if duration < timedelta(seconds=1):
        raise UsageError(f"{option} is {text}, the least is 1s")
    return duration


def log(call: Invocation, fact: Fact) -> None:
    """Hand on one fact as one line; a log that nobody reads, or that can't be written, holds nothing up."""
    write = fact_json if call.output == "json" else fact_line
    LOG.say(shown(write(fact.name, fact.fields, now(), is_alarm=fact.is_alarm).removesuffix("\n")))


def run_once(call: Invocation, *, proposes: bool = False) -> int:
    """Make one pass, and a few more while git refuses to be told."""
    with LOG.kept(), _crew(call, wait=_slept, proposes=proposes) as crew:
        crew.watch.look()
        for _ in range(_PASSES):
            tick = crew.ticker.tick()
            if tick.failures or tick.pause is None or tick.pause > _SOON:
                break
            _slept(max(tick.pause.total_seconds(), 0))
        return EXIT_FAILED if crew.watch.failures else _code(tick)


def write_back_now(call: Invocation, store: PostgresStore) -> None:
    """Tell git of what waits, as far as that goes at once; a failure is said and stops nothing."""
    try:
        with call.talk.step("telling git"), opened_remote(call.settings, os.environ) as clone:
            writing = write_backs(call.settings, clone, store, tell=unheard, wait=_slept)
            writing.work(clone.fetch())
    except ReconcilerError as error:
        call.talk.note(f"note: git could not be told: {error}; `reconciler run` goes on trying")


def run_forever(call: Invocation, pace: Pace, *, proposes: bool = False) -> int:
    """Run until a signal ends it."""
    errors, changes = Wake(), Wake()
    with LOG.kept():
        with _signals(call, errors, changes), _crew(call, wait=changes.sleep, proposes=proposes) as crew:
            loop = loop_of(crew, pace, partial(log, call), changes, errors)
            with woken(loop, crew.dsn):
                loop.run()
        log(call, Fact(name="stopped"))
    return EXIT_DONE


@contextmanager
def _crew(call: Invocation, wait: Callable[[float], bool], *, proposes: bool) -> Iterator[Crew]:
    settings = call.settings
    if settings.remote is None:
        if proposes:
            raise UsageError("--propose needs a remote to push branches to; name one with --remote, such as origin")
        only_the_reviewed_branch(settings)
    dsn = checked_dsn(settings.dsn) if settings.dsn else embedded_dsn(settings, data_folder(call), call.talk.note)
    hands = Hands(tell=partial(log, call), clock=now, wait=wait, begun=partial(_begin, call))
    with opened_crew(settings, dsn, os.environ, hands, proposes=proposes) as crew:
        yield crew


def _begin(call: Invocation, source: LocalSource | RemoteSource) -> None:
    if isinstance(source, RemoteSource):
        fields = {"branch": source.clone.branch, "write_back": "on"}
    else:
        only_published_commits(call.settings, source.repository)
        branch = source.repository.branch or "HEAD"
        fields = {"branch": branch, "write_back": "off: name a remote with --remote"}
    log(call, Fact(name="began", fields=fields))


@contextmanager
def _signals(call: Invocation, *wakes: Wake) -> Iterator[None]:
    """End what waits on SIGTERM and Ctrl-C; what hangs then is left after some seconds, as if it were killed."""

    def end(_number: int, _frame: FrameType | None) -> None:
        # By other threads: the one that is interrupted may be just about to wait for what it would be told here.
        actions: list[tuple[float, Callable[[], object]]] = [(0.0, wake.stop) for wake in wakes]
        actions.append((_PATIENCE, partial(_leave, call)))
        for seconds, action in actions:
            timer = threading.Timer(seconds, action)
            timer.daemon = True
            timer.start()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(call: Invocation) -> None:
    log(
        call, Fact(name="stopped", is_alarm=True, fields={"reason": "something hung; the next run goes on with it"})
    )
    LOG.finish()
    os._exit(EXIT_DONE)


def _code(tick: Tick) -> int:
    if tick.failures or tick.outcome is None or not tick.outcome.is_settled:
        return EXIT_FAILED
    return EXIT_REFUSED if tick.outcome.broken or tick.outcome.plan.is_refused else EXIT_DONE


def _slept(seconds: float) -> bool:
    time.sleep(seconds)
    return False
